"""Our copy of SuperOffice's people, companies and what they are in: from it conditions and merge tags decide.

A person has its number there as `external_id`; everything else has it as its id. Whatever of an entity cannot be held
here is left out, so that one strange address keeps nobody away.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from pydantic import BaseModel, ValidationError
from sqlalchemy import delete
from sqlmodel import Session, SQLModel, col, select

from activities.crm import nouns, people
from activities.crm.associates import AssociateIn
from activities.crm.custom import CustomFieldIn, declared
from activities.crm.embedded import EmbeddedCrm
from activities.crm.groups import SELECTION, Kind
from activities.crm.importing import Row
from activities.crm.kinds import Stage, Status
from activities.crm.models import CompanyIn, PersonIn
from activities.crm.records import Records
from activities.outside.superoffice.fields import Entity, company_of, person_of
from activities.outside.superoffice.values import own_name
from store.kinds import CustomField
from store.library import SubscriptionType
from store.people import Associate, Company, Person, ProjectMember, Selection, SelectionMember
from store.pulling import FieldItemRow


class Copy:
    """Takes entities over. Each call is part of the session's transaction."""

    def __init__(self, crm: EmbeddedCrm, clock: Callable[[], datetime]) -> None:
        self._crm = crm
        self._clock = clock

    def people(self, session: Session, found: Mapping[int, Entity], *, triggers: bool) -> None:
        """These people as they are there."""
        rows = [Row(_person(session, number, entity), {}) for number, entity in sorted(found.items())]
        self._crm.bulk.save(session, rows, self._clock(), fire_triggers=triggers)

    def forget_people(self, session: Session, numbers: Iterable[int]) -> None:
        """They are there no longer: they leave their flows, and do not come back by being restored (PART_3)."""
        keys = [str(number) for number in numbers]
        gone = select(Person.id).where(col(Person.external_id).in_(keys), col(Person.deleted_at).is_(None))
        for person in session.exec(gone).all():
            self._crm.people.delete(session, person, self._clock())

    def company(self, session: Session, number: int, entity: Entity) -> None:
        """This company as it is there."""
        fields = _held(session, CompanyIn, company_of(entity))
        row = session.get(Company, str(number))
        if row is None:
            self._crm.companies.replace(session, str(number), CompanyIn.model_validate(fields), self._clock())
        else:
            self._crm.companies.patch(session, row.id, fields, self._clock())

    def forget_company(self, session: Session, number: int) -> None:
        """It is there no longer; its people stay."""
        if session.get(Company, str(number)) is not None:
            self._crm.companies.delete(session, str(number), self._clock())

    def knows_company(self, session: Session, number: int) -> bool:
        """Whether the company is here: a person cannot refer to one that is not."""
        return session.get(Company, str(number)) is not None

    def associates(self, session: Session, users: Mapping[int, Mapping[str, Any]]) -> None:
        """These associates as they are there. Their working hours and absences are kept here alone."""
        for number, user in users.items():
            fields = {"name": user.get("fullName") or f"Associate {number}", "email": user.get("personEmail") or None}
            if user.get("isActive") is False:
                fields["available"] = False
            self._keep(session, nouns.ASSOCIATES, number, _held(session, AssociateIn, fields))

    def item(self, session: Session, kind: str, number: int, name: str, lists: Mapping[str, Sequence[str]]) -> None:
        """An item of a list that flows may name: a type, a category."""
        records, more = _ITEMS[kind]
        self._keep(session, records, number, {"name": name, **more(lists)})

    def field(self, session: Session, of: str, theirs: str, label: str) -> None:
        """A custom field, so that a flow that names another has a problem. What it holds is not looked at here."""
        name = own_name(theirs)
        id = f"{of}.{name}"
        if session.get(CustomField, id) is None:
            given = CustomFieldIn(of="person" if of == "person" else "company", key=name, name=label, type="any")
            nouns.CUSTOM_FIELDS.replace(session, id, given, self._clock())

    def items(self, session: Session, field: str, items: Mapping[int, str]) -> None:
        """The items of the list that this field takes its values from are these, and no others."""
        session.execute(delete(FieldItemRow).where(col(FieldItemRow.field) == field))
        session.add_all(FieldItemRow(field=field, number=number, name=name) for number, name in items.items())

    def forget_items(self, session: Session, fields: Iterable[str]) -> None:
        """Fields other than these take their values from no list, or are there no longer."""
        session.execute(delete(FieldItemRow).where(col(FieldItemRow.field).not_in([*fields])))

    def selection(self, session: Session, number: int, name: str) -> str:
        """A selection; answers its id here. One that a flow has made has its name as its id."""
        if session.get(Selection, name) is not None:
            return name
        self._keep(session, nouns.SELECTIONS, number, {"name": name})
        return str(number)

    def project(self, session: Session, number: int, name: str) -> str:
        """A project; answers its id here."""
        self._keep(session, nouns.PROJECTS, number, {"name": name})
        return str(number)

    def members(self, session: Session, kind: Kind, group: str, numbers: set[int], *, triggers: bool) -> None:
        """The members of a selection or project are these people, and nobody else."""
        keys = select(Person.id, Person.external_id).where(
            col(Person.external_id).is_not(None), col(Person.deleted_at).is_(None)
        )
        members = SelectionMember if kind is SELECTION else ProjectMember
        here = select(members.person, Person.external_id).join(Person, col(Person.id) == col(members.person))
        known = {
            person: int(key)
            for person, key in session.exec(here.where(kind.group == group)).all()
            if key is not None and key.isdecimal()
        }
        left = [person for person, key in known.items() if key not in numbers]
        if left:
            self._crm.groups.remove(session, kind, group, left)
        new = sorted(numbers - set(known.values()))
        for first in range(0, len(new), _CHUNK):
            chunk = [str(key) for key in new[first : first + _CHUNK]]
            come = [person for person, _ in session.exec(keys.where(col(Person.external_id).in_(chunk))).all()]
            if come:
                self._crm.groups.add(session, kind, group, come, self._clock(), triggers=triggers)

    def _keep(self, session: Session, records: Records[Any, Any], number: int, fields: Mapping[str, Any]) -> None:
        if session.get(records.table, str(number)) is None:
            records.replace(session, str(number), records.model.model_validate(fields), self._clock())
        else:
            records.patch(session, str(number), fields, self._clock())


_CHUNK = 500


def _statuses(lists: Mapping[str, Sequence[str]]) -> dict[str, Any]:
    statuses = [Status(name=name, kind="closed" if name == "Closed" else "open") for name in lists["ticketstatus"]]
    return {
        **({"statuses": [each.model_dump() for each in statuses]} if statuses else {}),
        **({"priorities": list(lists["ticketpriority"])} if lists["ticketpriority"] else {}),
    }


def _stages(lists: Mapping[str, Sequence[str]]) -> dict[str, Any]:
    stages = [Stage(name=name, kind="open") for name in lists["prob"] or ["open"]]
    stages += [Stage(name="sold", kind="sold"), Stage(name="lost", kind="lost")]
    return {"stages": [each.model_dump() for each in stages]}


_ITEMS: Mapping[str, tuple[Records[Any, Any], Callable[[Mapping[str, Sequence[str]]], dict[str, Any]]]] = {
    "task": (nouns.FOLLOW_UP_TYPES, lambda _: {}),
    "saletype": (nouns.SALE_TYPES, _stages),
    "TicketType": (nouns.REQUEST_TYPES, _statuses),
    "ejcategory": (nouns.CATEGORIES, lambda _: {}),
    "shipmenttype": (nouns.SUBSCRIPTION_TYPES, lambda _: {}),
}
LISTS = tuple(_ITEMS)
"""The lists whose items flows may name."""
BESIDE = ("ticketstatus", "ticketpriority", "prob")
"""The lists that say what those may be."""


def _person(session: Session, number: int, entity: Entity) -> dict[str, Any]:
    fields = _held(session, PersonIn, person_of(entity))
    columns = people.columns(PersonIn.model_validate({**fields, "external_id": str(number)}))
    return {name: columns[name] for name in {*fields, "external_id", "email_key"}}


_REFERENCES: Mapping[str, type[SQLModel]] = {
    "company": Company, "our_contact": Associate, "our_service_contact": Associate,
}  # fmt: skip


def _held(session: Session, model: type[BaseModel], fields: dict[str, Any]) -> dict[str, Any]:
    """Of these fields those that can be held here."""
    kept = dict(fields)
    for name, table in _REFERENCES.items():
        if kept.get(name) is not None and session.get(table, kept[name]) is None:
            kept[name] = None
    if "subscriptions" in kept:
        kept["subscriptions"] = [each for each in kept["subscriptions"] if session.get(SubscriptionType, each)]
    known = declared(session, "person" if model is PersonIn else "company") if "custom" in kept else {}
    if known:  # a field that was made there since is held from the next pull on
        kept["custom"] = {name: value for name, value in kept["custom"].items() if name in known}
    try:
        model.model_validate(kept)
    except ValidationError as error:
        wrong = {each["loc"][0] for each in error.errors()}
        kept = {name: value for name, value in kept.items() if name not in wrong}
    return kept
