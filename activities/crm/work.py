"""Follow-ups, requests and sales: kept, and told to flows (STEP_6-8, TRIG_1). Whoever makes one comes through here.

A type decides what a field that was left out gets, and what it may hold. Without a type, the usual ones apply.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date, datetime, timedelta
from typing import Any, Generic, TypeVar
from zoneinfo import ZoneInfo

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlmodel import Session, SQLModel

from activities.crm.faults import Conflict, Fault, Refused
from activities.crm.kinds import FOLLOW_UP_FIELDS, FollowUpTypeIn, RequestTypeIn, SaleTypeIn, Stage, Status
from activities.crm.occur import Occur
from activities.crm.records import Records
from activities.crm.tasks import FollowUpIn, RequestIn, SaleIn
from activities.crm.telling import Telling
from flows.calendar import Workdays, add
from flows.making import Origin
from flows.units import Duration
from store.chores import TellColleagues
from store.kinds import Category, FollowUpType, RequestType, SaleType
from store.library import FileRow
from store.locks import lock_person
from store.people import Associate, Company, Person, Project
from store.work import FollowUp, RequestRow, Sale

Row = TypeVar("Row", bound=FollowUp | RequestRow | Sale)
In = TypeVar("In", bound=FollowUpIn | RequestIn | SaleIn)
Told = Iterator[tuple[str, dict[str, Any]]]
Tables = Mapping[str, tuple[str, type[SQLModel]]]

_SHARED: Tables = {"owner": ("associate", Associate), "project": ("project", Project)}


class Work(Generic[Row, In]):
    """The follow-ups, the requests, or the sales. `told` says which events a row that is new or changed makes."""

    def __init__(
        self,
        records: Records[Row, In],
        told: Callable[[Row, str | None], Told],
        occur: Occur,
        telling: Telling,
    ) -> None:
        self._records = records
        self._told = told
        self._occur = occur
        self._telling = telling

    def get(self, session: Session, id: str) -> Row:
        """The row. Raises Missing."""
        return self._records.get(session, id)

    def page(self, session: Session, after: str, limit: int, **where: str | None) -> Sequence[Row]:
        """Rows in the order of their ids, from after that one on; `where` narrows them down to columns' values."""
        table: Any = self._records.table
        query = select(table).where(table.id > after).order_by(table.id).limit(limit)
        for name, value in where.items():
            if value is not None:
                query = query.where(getattr(table, name) == value)
        return session.scalars(query).all()

    def create(
        self,
        session: Session,
        given: In,
        at: datetime,
        *,
        origin: Origin | None = None,
        cause: Sequence[str] = (),
    ) -> Row:
        """A new one; `origin` is the journey that makes it. Raises Refused."""
        _lock(session, given.person)
        row = self._records.create(session, given, at)
        if origin is not None:
            row.participant, row.flow, row.step = origin.participant, origin.flow, origin.step
            if isinstance(row, FollowUp):
                row.tell_at = at
            session.flush()
        self._tell(session, row, None, at, cause)
        return row

    def replace(self, session: Session, id: str, given: In, at: datetime) -> tuple[Row, bool]:
        """The one with this id gets these fields and no others; True: it was created."""
        _lock(session, given.person)
        before = self._state(session, id)
        with _at_most_once(session):
            row, created = self._records.replace(session, id, given, at)
        self._tell(session, row, before, at)
        return row, created

    def patch(self, session: Session, id: str, changes: Mapping[str, Any], at: datetime) -> Row:
        """Change the fields given. Raises Missing and Refused."""
        _lock(session, self.get(session, id).person)
        before = self._state(session, id)
        with _at_most_once(session):
            row = self._records.patch(session, id, changes, at)
        self._tell(session, row, before, at)
        return row

    def delete(self, session: Session, id: str, at: datetime) -> None:
        """It goes, and tells nobody."""
        self._records.delete(session, id, at)

    def _state(self, session: Session, id: str) -> str | None:
        row = session.get(self._records.table, id, with_for_update=True)
        return None if row is None else getattr(row, "state", "")

    def _tell(self, session: Session, row: Row, before: str | None, at: datetime, cause: Sequence[str] = ()) -> None:
        for type, data in self._told(row, before):
            known = {name: value for name, value in data.items() if value is not None}
            if row.person is not None:
                self._occur(session, type=type, person=row.person, at=at, data=known, cause=cause)
            if isinstance(row, Sale) and row.company is not None:
                about = TellColleagues(
                    company=row.company, besides=row.person or "", event=type, data={**known, "on": "company"},
                    cause=list(cause),
                )  # fmt: skip
                self._telling.begin(session, about, at)


@contextmanager
def _at_most_once(session: Session) -> Iterator[None]:
    """What flows have booked is moved to no time at which another of these begins: Conflict."""
    try:
        with session.begin_nested():
            yield
            session.flush()
    except IntegrityError:
        what = "A flow has booked another follow-up of this associate at this time."
        raise Conflict(what, "Choose another time.") from None


def follow_ups(occur: Occur, telling: Telling) -> Work[FollowUp, FollowUpIn]:
    """The follow-ups of a CRM that tells what happens through `occur`."""
    return Work(Records("follow-up", "fup", FollowUp, FollowUpIn, complete=_follow_up), _follow_up_told, occur, telling)


def requests(occur: Occur, telling: Telling) -> Work[RequestRow, RequestIn]:
    """The requests."""
    return Work(Records("request", "req", RequestRow, RequestIn, complete=_request), _request_told, occur, telling)


def sales(occur: Occur, telling: Telling) -> Work[Sale, SaleIn]:
    """The sales."""
    return Work(Records("sale", "sal", Sale, SaleIn, complete=_sale), _sale_told, occur, telling)


# --- what a type says ----------------------------------------------------------------------------------------------


def _follow_up(session: Session, fields: dict[str, Any], at: datetime) -> dict[str, Any]:
    found = [*_missing(session, fields, {"type": ("follow-up type", FollowUpType), **_SHARED})]
    found += [
        Fault(f"There is no file {id}.", "Upload it with POST /v1/files, or leave it out.", ("files", index))
        for index, id in enumerate(fields["files"])
        if session.get(FileRow, id) is None
    ]
    _refuse(found)
    type = (fields["type"] and session.get(FollowUpType, fields["type"])) or FollowUpTypeIn(name="usual")
    meeting, to_do = fields["starts_at"] is not None, fields["due"] is not None
    if meeting and to_do:
        found.append(Fault("A follow-up is a to-do or a meeting, not both.", "Leave one of them out.", ("due",)))
    if (to_do and type.date == "meeting") or (meeting and type.date == "due"):
        noun = "meetings" if type.date == "meeting" else "to-dos"
        where = ("due",) if to_do else ("starts_at",)
        found.append(Fault(f"Follow-ups of type {type.name} are {noun}.", "Choose another type or date.", where))
    found += [
        Fault(f"Follow-ups of type {type.name} have no {name}.", "Leave it out, or choose another type.", (name,))
        for name in FOLLOW_UP_FIELDS
        if fields[name] and name not in type.fields
    ]
    if meeting and fields["ends_at"] is None:
        fields["ends_at"] = fields["starts_at"] + timedelta(minutes=type.minutes)
    if fields["ends_at"] is not None and (not meeting or fields["ends_at"] <= fields["starts_at"]):
        found.append(Fault("The meeting ends before it starts.", "Give starts_at and a later ends_at.", ("ends_at",)))
    _refuse(found)
    return fields


def _request(session: Session, fields: dict[str, Any], at: datetime) -> dict[str, Any]:
    tables: Tables = {"type": ("request type", RequestType), "category": ("category", Category)}
    _refuse(_missing(session, fields, {**tables, "owner": _SHARED["owner"]}))
    type = (fields["type"] and session.get(RequestType, fields["type"])) or RequestTypeIn(name="usual")
    status = _one_of(
        [Status.model_validate(each) for each in type.statuses], fields["status"] or type.default_status, "status"
    )
    middle = type.priorities[(len(type.priorities) - 1) // 2]
    priority = fields["priority"] or type.default_priority or middle
    if priority not in type.priorities:
        remedy = f"Write one of {', '.join(type.priorities)}."
        raise Refused([Fault(f"There is no priority {priority}.", remedy, ("priority",))])
    return {**fields, "status": status.name, "state": status.kind, "priority": priority}


def _sale(session: Session, fields: dict[str, Any], at: datetime) -> dict[str, Any]:
    tables: Tables = {"type": ("sale type", SaleType), "company": ("company", Company), **_SHARED}
    found = [*_missing(session, fields, tables)]
    if fields["person"] is None and fields["company"] is None:
        found.append(Fault("A sale is made to somebody.", "Give person, or company.", ("person",)))
    _refuse(found)
    type = sale_type(session, fields["type"])
    stage = _one_of(
        [Stage.model_validate(each) for each in type.stages], fields["stage"] or type.default_stage, "stage"
    )
    if fields["company"] is None:
        fields["company"] = session.get_one(Person, fields["person"]).company
    if fields["date"] is None:
        fields["date"] = expected(type, at, ZoneInfo("UTC"), None)
    return {**fields, "stage": stage.name, "state": stage.kind}


def expected(type: SaleType | SaleTypeIn, at: datetime, zone: ZoneInfo, country: str | None) -> date:
    """When a sale of this type is expected to be sold, if it is made now."""
    return add(at, Duration.parse(type.duration), zone, Workdays(country)).astimezone(zone).date()


def sale_type(session: Session, id: str | None) -> SaleType | SaleTypeIn:
    """The type of a sale; without one, the usual."""
    return (session.get(SaleType, id) if id is not None else None) or SaleTypeIn(name="usual")


K = TypeVar("K", bound=Status | Stage)


def _one_of(known: Sequence[K], wanted: str | None, field: str) -> K:
    """The status or stage of that name, else the first of that kind; nothing wanted: the first of all."""
    if wanted is None:
        return known[0]
    for each in (*(one for one in known if one.name == wanted), *(one for one in known if one.kind == wanted)):
        return each
    remedy = f"Write one of {', '.join(each.name for each in known)}."
    raise Refused([Fault(f"There is no {field} {wanted}.", remedy, (field,))])


def _missing(session: Session, fields: Mapping[str, Any], tables: Tables) -> Iterator[Fault]:
    """References to nothing."""
    person = session.get(Person, fields["person"]) if fields["person"] is not None else None
    if fields["person"] is not None and (person is None or person.deleted_at is not None):
        yield Fault(f"There is no person {fields['person']}.", "Check the id.", ("person",))
    for name, (noun, table) in tables.items():
        id = fields.get(name)
        if id is not None and session.get(table, id) is None:
            yield Fault(f"There is no {noun} {id}.", f"Create the {noun} first, or leave it out.", (name,))


def _refuse(found: Iterable[Fault]) -> None:
    faults = list(found)
    if faults:
        raise Refused(faults)


def _lock(session: Session, person: str | None) -> None:
    """The person first, as everywhere."""
    if person is not None:
        lock_person(session, person)


# --- what is told --------------------------------------------------------------------------------------------------


def _follow_up_told(row: FollowUp, before: str | None) -> Told:
    if before is None:
        yield "follow_up_created", {"follow_up": row.id, "type": row.type, "owner": row.owner}


def _request_told(row: RequestRow, before: str | None) -> Told:
    if before is None:
        data = {"type": row.type, "status": row.status, "category": row.category, "priority": row.priority}
        yield "request_created", {"request": row.id, **data, "owner": row.owner}


def _sale_told(row: Sale, before: str | None) -> Told:
    amount = None if row.amount is None else float(row.amount)
    money = {"amount": amount, "currency": row.currency}
    data = {"sale": row.id, "type": row.type, "stage": row.stage, "on": "person", "owner": row.owner, **money}
    if before is None:
        yield "sale_created", data
    if row.state != "open" and row.state != before:
        yield f"sale_{row.state}", data
