"""What steps ask of the CRM, done in SuperOffice: people, selections, projects, appointments, tickets, sales.

A person is known there by its `external_id`; selections, projects, associates, types and other lists have there the
number that is their id here. SuperOffice takes no key, so what it cannot be asked about is not repeated by itself when
an answer is lost: it goes to the attention list. Handing out owners stays in our store.
"""

from collections.abc import Callable, Mapping
from datetime import date
from typing import Any

from activities.outside.elsewhere import Elsewhere
from activities.outside.superoffice.client import Conflict, SuperOffice
from activities.outside.webhook import external_id
from flows.making import CreateFollowUp, CreateRequest, CreateSale, Origin
from flows.ports import ChangeMembership, ChangePerson, Done, FieldChange, NotDone
from store.database import Database

SuperOfficeRequest = ChangePerson | ChangeMembership | CreateFollowUp | CreateRequest | CreateSale
ELSEWHERE = Elsewhere(
    requests=(ChangePerson, ChangeMembership, CreateFollowUp, CreateRequest, CreateSale),
    copied=(ChangePerson, ChangeMembership),
    unkeyed=("update_person", "create_follow_up", "create_request", "create_sale"),
)

_TRIES = 3
_PERSON: Mapping[str, str] = {
    "person.first_name": "/Firstname",
    "person.last_name": "/Lastname",
    "person.email": "/Emails/0/Value",
    "person.mobile": "/MobilePhones/0/Value",
    "person.category": "/Category/Id",
    "person.former_employee": "/Retired",
}
_COMPANY: Mapping[str, str] = {"company.name": "/Name", "company.category": "/Category/Id"}
_CUSTOM = "/CustomFields/"
_NUMBERS = ("/Category/Id",)


class SuperOfficeCrm:
    """The port."""

    def __init__(self, db: Database, client: SuperOffice) -> None:
        self._db = db
        self._client = client

    async def send(self, request: SuperOfficeRequest, key: str) -> Done:
        """Have it done. Raises NotDone and Silence."""
        if isinstance(request, ChangePerson):
            return await self._change(request)
        if isinstance(request, ChangeMembership):
            return await self._membership(request)
        if isinstance(request, CreateFollowUp):
            return await self._appointment(request)
        if isinstance(request, CreateRequest):
            return await self._ticket(request)
        return await self._sale(request)

    async def _change(self, request: ChangePerson) -> Done:
        companies = {change.field.startswith("company.") for change in request.changes}
        if len(companies) > 1:
            raise _never("SuperOffice cannot change a person and its company all or none: use a step for each.")
        path = f"/Person/{await self._person(request.person)}"
        if companies == {True}:
            path = f"/Contact/{await self._contact(path)}"
        for _ in range(_TRIES):
            entity = await self._client.get(path)
            try:
                await self._client.patch(path, [each for change in request.changes for each in _patch(change, entity)])
                return Done()
            except Conflict:
                continue
        raise NotDone("It was changed by others at the same time, again and again.", retryable=True)

    async def _membership(self, request: ChangeMembership) -> Done:
        if request.create:
            raise _never("SuperOffice's selections are made there: leave out create.")
        person = await self._person(request.person)
        member = {"PersonId": person, "ContactId": await self._contact(f"/Person/{person}")}
        for selection in request.selections:
            verb = "AddPerson" if request.change == "add" else "RemovePerson"
            await self._client.post(f"/Selection/{_number(selection, 'selection')}/Members/{verb}", [member])
        for project in request.projects:
            await self._project(_number(project, "project"), member, request.change == "add")
        return Done()

    async def _project(self, project: int, member: Mapping[str, int], wanted: bool) -> None:
        """In or out: repeating it is harmless, because it looks first."""
        found = [
            row["PrimaryKey"]
            async for row in self._client.pages(f"/Project/{project}/Members?$select=personId")
            if row.get("personId") == member["PersonId"]
        ]
        if wanted and not found:
            await self._client.post("/ProjectMember", {"ProjectId": project, **member})
        if not wanted:
            for id in found:
                await self._client.delete(f"/ProjectMember/{id}")

    async def _appointment(self, request: CreateFollowUp) -> Done:
        if not isinstance(request.when, date):
            raise _never("Free time is not looked for in SuperOffice's diaries: give the follow-up a date.")
        made = await self._client.post(
            "/Appointment",
            {
                **await self._about(request.origin, request.project),
                "Description": "\n".join(part for part in (request.title, request.agenda, *request.links) if part),
                "StartDate": request.when.isoformat(),
                "EndDate": request.when.isoformat(),
                "Associate": _ref("AssociateId", request.owners[0] if request.owners else None, "associate"),
                "Task": _ref("Id", request.type, "follow-up type"),
            },
        )
        return Done(provider_id=str(made["AppointmentId"]))

    async def _ticket(self, request: CreateRequest) -> Done:
        made = await self._client.post(
            "/Ticket",
            {
                "Title": request.title,
                "Person": {"PersonId": await self._person(request.origin.person)},
                "OwnedBy": _ref("AssociateId", request.owners[0] if request.owners else None, "associate"),
                "TicketType": _ref("TicketTypeId", request.type, "request type"),
                "Status": _ref("TicketStatusId", request.status, "status"),
                "Category": _ref("TicketCategoryId", request.category, "category"),
                "Priority": _ref("TicketPriorityId", request.priority, "priority"),
                **({"Messages": [{"HtmlBody": request.message}]} if request.message else {}),
            },
        )
        return Done(provider_id=str(made["TicketId"]))

    async def _sale(self, request: CreateSale) -> Done:
        made = await self._client.post(
            "/Sale",
            {
                **await self._about(request.origin, request.project),
                "Heading": request.title,
                "SaleText": request.description,
                "SaleType": _ref("Id", request.type, "sale type"),
                "Rating": _ref("Id", request.stage, "stage"),
                "Associate": _ref("AssociateId", request.owners[0] if request.owners else None, "associate"),
                **({"Amount": float(request.amount)} if request.amount is not None else {}),
                **({"Currency": {"Value": request.currency}} if request.currency else {}),
                **({"Saledate": request.date.isoformat()} if request.date else {}),
            },
        )
        return Done(provider_id=str(made["SaleId"]))

    async def _about(self, origin: Origin, project: str | None) -> Mapping[str, object]:
        person = await self._person(origin.person)
        return {
            "Person": {"PersonId": person},
            "Contact": {"ContactId": await self._contact(f"/Person/{person}")},
            "Project": _ref("ProjectId", project, "project"),
        }

    async def _person(self, person: str) -> int:
        known = await self._db.read(lambda session: external_id(session, person))
        if known is None or not known.isdecimal():
            raise _never("The person has no number in SuperOffice: its external_id.")
        return int(known)

    async def _contact(self, person_path: str) -> int:
        found = await self._client.get(f"{person_path}?$select=Contact/ContactId")
        contact = (found.get("Contact") or {}).get("ContactId")
        return contact if isinstance(contact, int) else 0


def _never(text: str) -> NotDone:
    return NotDone(text, retryable=False)


def _number(id: str, noun: str) -> int:
    if not id.isdecimal():
        raise _never(f"The {noun} {id} is none of SuperOffice's: its id here is its number there.")
    return int(id)


def _ref(name: str, id: str | None, noun: str) -> Mapping[str, int] | None:
    return None if id is None else {name: _number(id, noun)}


def _patch(change: FieldChange, entity: Mapping[str, Any]) -> list[Mapping[str, object]]:
    """The operations of one change: what it was computed from has to be so still."""
    path = _path(change.field)
    if change.change in ("set", "clear"):
        value = None if change.change == "clear" else _value(path, change.value)
        return [{"op": "replace", "path": path, "value": value}]
    before = _at(entity, _path(str(change.value)) if change.change == "copy" else path)
    compute: Mapping[str, Callable[[], object]] = {
        "copy": lambda: before,
        "increase": lambda: float(before or 0) + float(str(change.value)),
        "decrease": lambda: float(before or 0) - float(str(change.value)),
    }
    if change.change not in compute:
        raise _never(f"SuperOffice's {change.field} is no list: {change.change} is not possible.")
    try:
        after = compute[change.change]()
    except (TypeError, ValueError):
        raise _never(f"{change.field} holds no number there.") from None
    return [{"op": "test", "path": path, "value": _at(entity, path)}, {"op": "replace", "path": path, "value": after}]


def _path(field: str) -> str:
    known = {**_PERSON, **_COMPANY}.get(field)
    if known is not None:
        return known
    root, _, name = field.partition(".custom.")
    if name and root in ("person", "company"):
        return _CUSTOM + name.replace("~", "~0").replace("/", "~1")
    raise _never(f"The field {field} is not known in SuperOffice.")


def _value(path: str, value: object) -> object:
    return _number(str(value), "category") if path in _NUMBERS else value


def _at(entity: Mapping[str, Any], path: str) -> Any:
    here: Any = entity
    for part in path.strip("/").split("/"):
        name = part.replace("~1", "/").replace("~0", "~")
        if isinstance(here, list):
            here = here[int(name)] if int(name) < len(here) else None
        else:
            here = here.get(name) if isinstance(here, Mapping) else None
    return here
