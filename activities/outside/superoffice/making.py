"""Appointments, tickets and sales in SuperOffice, each made once (STEP_6-8, SAFE_1).

An appointment is made for a UID that is worked out from the effect's key: SuperOffice makes none for one that is in
use. A ticket's author and the end of a sale's text carry a mark worked out from the key; before one is made the
person's latest are looked at. So a lost answer is repeated without doing anything twice.
"""

import uuid
from collections.abc import Mapping
from hashlib import sha256
from typing import Any

from inscriptis import get_text  # type: ignore[import-untyped]

from activities.outside.superoffice.booking import Booking
from activities.outside.superoffice.client import SuperOffice, written
from activities.outside.superoffice.lists import Lists
from activities.outside.superoffice.numbers import reference
from flows.making import CreateFollowUp, CreateRequest, CreateSale, FreeTime
from flows.ports import Done, NotDone

BY_RULE = 2_147_483_647
"""As the owner of a ticket: whoever the rules of its category give it to. 0: nobody."""
_LATEST = 50
_UIDS = uuid.UUID("5a0b6f3e-6f0e-4f51-9a0a-6f5d1c1b7d0e")
_HEADER = "X-Ferd-Effect"
_BASE = {"open": "Active", "closed": "Closed"}


def mark_of(key: str) -> str:
    """What tells an effect's ticket or sale from all others."""
    return f"ferd {sha256(key.encode()).hexdigest()[:16]}"


class Making:
    """Makes them. Raises NotDone and Silence."""

    def __init__(self, client: SuperOffice, lists: Lists, booking: Booking) -> None:
        self._client = client
        self._lists = lists
        self._booking = booking

    async def appointment(self, person: int, company: int, asked: CreateFollowUp, key: str) -> Done:
        """Put it into the owner's diary, as a to-do or at a time that is free."""
        if isinstance(asked.when, FreeTime):
            owner, start, end = await self._booking.book(asked, key)
            moments = {"StartDate": written(start), "EndDate": written(end), "Type": "inDiary"}
        else:
            owner = _owner(asked.owners)
            day = asked.when.isoformat()
            moments = {"StartDate": f"{day}T00:00:00", "EndDate": f"{day}T00:00:00", "Type": "inChecklist"}
        entity = {
            **await self._client.get("/Appointment/default"),
            **_about(person, company, asked.project),
            **moments,
            "Title": asked.title,
            "Agenda": "\n".join(part for part in (_plain(asked.agenda), *asked.links) if part),
            "Associate": reference("AssociateId", owner, "associate"),
            **({"Task": {"TaskListItemId": await self._lists.id("task", asked.type)}} if asked.type else {}),
        }
        uid = str(uuid.uuid5(_UIDS, key))
        try:
            made = await self._client.post(
                "/Agents/Appointment/CreateAppointmentForUID?$select=AppointmentId",
                {"AppointmentEntity": entity, "UID": uid},
            )
        except NotDone as error:
            if not error.retryable:
                await self._booking.give_up(key)
            raise
        if made is None:  # in use: by this very effect, whose answer was lost
            made = await self._client.ask(
                "/Agents/Appointment/GetAppointmentFromUID?$select=AppointmentId", {"UID": uid}
            )
        await self._booking.booked(key)
        return Done(str(made["AppointmentId"]), f"Created appointment {made['AppointmentId']}")

    async def ticket(self, person: int, asked: CreateRequest, key: str) -> Done:
        """Make it, with its message."""
        mark = mark_of(key)
        rows = await self._latest(f"/Person/{person}/Tickets", "ticketId,author", "ticketId")
        known = next((int(row["ticketId"]) for row in rows if row.get("author") == mark), None)
        if known is None:
            owner = BY_RULE if asked.owners is None else int(_owner(asked.owners)) if asked.owners else 0
            made = await self._client.post(
                "/Ticket",
                {
                    **await self._new_ticket(asked),
                    "Title": asked.title,
                    "Author": mark,
                    "Person": {"PersonId": person},
                    "OwnedBy": {"AssociateId": owner},
                },
            )
            known = int(made["TicketId"])
        if asked.message:
            await self._message(known, asked.message, mark)
        return Done(str(known), f"Created ticket {known}")

    async def sale(self, person: int, company: int, asked: CreateSale, key: str) -> Done:
        """Make it."""
        mark = mark_of(key)
        known = await self._sale_with(person, asked.title, mark)
        if known is None:
            type = await self._lists.id("saletype", asked.type) if asked.type else None
            made = await self._client.post(
                "/Sale?$select=SaleId",
                {
                    **await self._client.get("/Sale/default"),
                    **_about(person, company, asked.project),
                    "Heading": asked.title,
                    "SaleText": "\n\n".join(part for part in (_plain(asked.description), mark) if part),
                    "Associate": reference("AssociateId", _owner(asked.owners), "associate"),
                    **({"SaleType": {"Id": type}} if type else {}),
                    **await self._stage(asked.stage),
                    **({"Amount": float(asked.amount)} if asked.amount is not None else {}),
                    **await self._listed("Currency", "Id", "currency", asked.currency),
                    **({"Saledate": f"{asked.date.isoformat()}T00:00:00"} if asked.date else {}),
                },
            )
            known = int(made["SaleId"])
        return Done(str(known), f"Created sale {known}")

    async def _sale_with(self, person: int, title: str, mark: str) -> int | None:
        for row in await self._latest(f"/Person/{person}/Sales", "saleId,heading", "saleId"):
            if row.get("heading") == title:
                entity = await self._client.find(f"/Sale/{row['saleId']}", select="SaleText")
                if mark in ((entity or {}).get("SaleText") or ""):
                    return int(row["saleId"])
        return None

    async def _latest(self, path: str, select: str, by: str) -> list[Mapping[str, Any]]:
        page = await self._client.get(path, select=select, orderBy=f"{by} desc", top=_LATEST)
        return list(page.get("value", ()))

    async def _new_ticket(self, asked: CreateRequest) -> dict[str, object]:
        if asked.type:  # the type decides what was left out
            type = await self._lists.id("TicketType", asked.type)
            default = await self._client.ask("/Agents/Ticket/CreateDefaultForTicketType", {"TicketTypeId": type})
            default = {**(default or {}), "TicketType": {"TicketTypeId": type}}
        else:
            default = await self._client.get("/Ticket/default") or {}
        return {
            **default,
            **await self._status(asked.status),
            **await self._listed("Category", "TicketCategoryId", "ejcategory", asked.category),
            **await self._listed("Priority", "TicketPriorityId", "ticketpriority", asked.priority),
        }

    async def _status(self, status: str | None) -> dict[str, object]:
        """A ticket is open or closed, and has a status of its own."""
        if status in _BASE:
            return {"BaseStatus": _BASE[status]}
        return await self._listed("Status", "TicketStatusId", "ticketstatus", status)

    async def _message(self, ticket: int, html: str, mark: str) -> None:
        """A ticket's message is an entity of its own; it is found again by a header."""
        known = await self._client.find(f"/Ticket/{ticket}", select="TicketId,Messages") or {}
        headers = [header for each in known.get("Messages") or () for header in each.get("MessageHeaders") or ()]
        if any(header.get("Name") == _HEADER and header.get("Value") == mark for header in headers):
            return
        await self._client.post(
            "/TicketMessage?$select=EjMessageId",
            {
                "Ticket": {"TicketId": ticket},
                "Type": "Html",
                "HtmlBody": html,
                "Body": _plain(html),
                "MessageHeaders": [{"Name": _HEADER, "Value": mark}],
            },
        )

    async def _stage(self, stage: str | None) -> dict[str, object]:
        """A sale is open, sold or lost, and if open at a stage of its own."""
        if stage in ("open", "sold", "lost"):
            return {"Status": stage.capitalize()}
        return await self._listed("Rating", "Id", "prob", stage)

    async def _listed(self, name: str, key: str, list: str, item: str | None) -> dict[str, object]:
        return {name: {key: await self._lists.id(list, item)}} if item else {}


def _about(person: int, company: int, project: str | None) -> dict[str, object]:
    return {
        "Person": {"PersonId": person},
        "Contact": {"ContactId": company} if company else None,
        "Project": reference("ProjectId", project, "project"),
    }


def _owner(owners: tuple[str, ...]) -> str:
    """The first of them that is one of SuperOffice's."""
    for owner in owners:
        if owner.isdecimal():
            return owner
    raise NotDone("None of the owners is an associate of SuperOffice: their ids are numbers there.", retryable=False)


def _plain(html: str) -> str:
    return str(get_text(html)).strip() if html else ""
