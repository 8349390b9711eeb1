"""What SuperOffice tells by its webhooks: the copy follows, and what happens there becomes events here (TRIG_1).

A notification names an event and numbers, so the entity is read. SuperOffice tries three times within seconds and then
forgets it: so it is kept at once, and followed beside the worker, again and again if need be. One that comes twice
changes nothing the second time.
"""

import base64
import hashlib
import hmac
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from functools import partial

import structlog
from pydantic import BaseModel, Field
from sqlmodel import Session, col, select

from activities.crm.faults import CrmError
from activities.crm.groups import PROJECT
from activities.dispatcher import Dispatcher
from activities.enrolling.events import Event, Events
from activities.outside.superoffice.copying import Copy
from activities.outside.superoffice.fields import Entity
from activities.outside.superoffice.making import mark_of
from activities.outside.superoffice.reading import Reading
from activities.rounds import rounds
from flows.ports import EffectError, NotDone
from store.inserts import insert_new
from store.journeys import EffectRow, ParticipantRow
from store.leases import lease
from store.people import Person
from store.pulling import ToldRow

log = structlog.get_logger(__name__)

SOURCE = "superoffice"
EVERY = timedelta(seconds=1)
_LEASE = timedelta(minutes=2)
_LONGEST_PAUSE = timedelta(hours=6)
_LATEST = 50
"""So many of a person's latest effects may have made what we are told of."""
_WRITTEN, _GONE = ("created", "changed"), ("softdeleted", "deleted")
_HAPPENED: Mapping[str, tuple[str, str, str]] = {
    "sale.created": ("/Sale/{}", "sale_created", "create_sale"),
    "sale.sold": ("/Sale/{}", "sale_sold", ""),
    "sale.lost": ("/Sale/{}", "sale_lost", ""),
    "ticket.created": ("/Ticket/{}", "request_created", "create_request"),
    "activity.created": ("/Appointment/{}", "follow_up_created", "create_follow_up"),
}
"""Event there -> what is read, the event here, and the kind of step that may have done it."""
EVENTS = frozenset(
    {
        *(f"{entity}.{what}" for entity in ("person", "contact") for what in (*_WRITTEN, *_GONE)),
        *(f"{entity}.{what}" for entity in ("associate", "project") for what in _WRITTEN),
        "projectmember.created",
        "projectmember.deleted",
        *_HAPPENED,
    }
)
"""The events that a webhook to ferd is registered for; any other is heard and left alone."""


class Notification(BaseModel):
    """What comes in; the rest of it is not needed."""

    id: str = Field(default="", alias="EventId", max_length=200)
    event: str = Field(alias="Event", max_length=100)
    key: int = Field(default=0, alias="PrimaryKey")
    values: dict[str, object] | None = Field(default=None, alias="Values")
    fields: dict[str, object] | None = Field(default=None, alias="FieldValues")


class Told:
    """Keeps what was told. `secret`: what SuperOffice signs it with; without one nothing is taken."""

    def __init__(self, dispatcher: Dispatcher, secret: str, clock: Callable[[], datetime]) -> None:
        self._dispatcher = dispatcher
        self._secret = secret.encode()
        self._clock = clock

    def is_signed(self, body: bytes, signature: str) -> bool:
        """Whether SuperOffice has sent this."""
        wanted = base64.b64encode(hmac.digest(self._secret, body, hashlib.sha256))
        return bool(self._secret) and hmac.compare_digest(wanted, signature.encode())

    async def keep(self, told: Notification) -> None:
        """Keep it until it is followed."""
        if told.event not in EVENTS:
            return
        numbers = {
            name: value for name, value in {**(told.fields or {}), **(told.values or {})}.items()
            if name in ("person_id", "project_id", "contact_id") and isinstance(value, int)
        }  # fmt: skip
        now = self._clock()
        row = {
            "id": told.id or f"{told.event}/{told.key}/{now.isoformat()}", "event": told.event, "key": told.key,
            "numbers": numbers, "due": now, "tries": 0,
        }  # fmt: skip
        await self._dispatcher.write(lambda session: insert_new(session, ToldRow, [row]))


class Following:
    """Follows what was told. Runs beside every worker; several share the work."""

    def __init__(
        self, dispatcher: Dispatcher, reading: Reading, copy: Copy, events: Events, clock: Callable[[], datetime]
    ) -> None:
        self._dispatcher = dispatcher
        self._reading = reading
        self._copy = copy
        self._events = events
        self._clock = clock

    async def run(self) -> None:
        """Follow until cancelled."""
        await rounds(self.once, EVERY, "superoffice_not_followed")

    async def once(self) -> bool:
        """Follow the one that is due for longest; False: none is."""
        told = await self._dispatcher.write(partial(_next, self._clock()))
        if told is None:
            return False
        try:
            work = await self._read(told)
            await self._dispatcher.write(partial(_followed, told.id, work))
        except CrmError as error:  # it cannot be held here, and will not be later
            log.warning("superoffice_refused", told=told.event, number=told.key, error=type(error).__name__)
            await self._dispatcher.write(partial(_followed, told.id, lambda session: None))
        except EffectError as error:
            pause = min(_LONGEST_PAUSE, timedelta(seconds=5) * 2 ** min(told.tries, 15))
            asked = error.retry_after if isinstance(error, NotDone) else None
            await self._dispatcher.write(partial(_put_off, told.id, self._clock() + (asked or pause)))
        return True

    async def _read(self, told: ToldRow) -> Callable[[Session], None]:
        """What there is to do about it."""
        entity, _, what = told.event.partition(".")
        if told.event in _HAPPENED:
            return await self._happened(told)
        if entity == "person":
            return await self._person(told.key, gone=what in _GONE)
        if entity == "contact":
            found = None if what in _GONE else await self._reading.company(told.key)
            if found is None:
                return lambda session: self._copy.forget_company(session, told.key)
            return partial(self._company, told.key, found)
        if entity == "associate":
            users = await self._reading.users()
            return lambda session: self._copy.associates(session, users)
        return await self._project(told)

    async def _person(self, number: int, *, gone: bool) -> Callable[[Session], None]:
        entity = None if gone else await self._reading.person(number)
        if entity is None:
            return lambda session: self._copy.forget_people(session, [number])
        company = int((entity.get("Contact") or {}).get("ContactId") or 0)
        known = not company or await self._dispatcher.write(lambda here: self._copy.knows_company(here, company))
        there = None if known else await self._reading.company(company)

        def write(session: Session) -> None:
            if there is not None:
                self._copy.company(session, company, there)
            self._copy.people(session, {number: entity}, triggers=True)

        return write

    def _company(self, number: int, entity: Entity, session: Session) -> None:
        self._copy.company(session, number, entity)

    async def _project(self, told: ToldRow) -> Callable[[Session], None]:
        number = told.key if told.event.startswith("project.") else int(told.numbers.get("project_id") or 0)
        if not number:  # told without it: who is a member says where
            member = await self._reading.entity(f"/ProjectMember/{told.key}")
            number = int((member or {}).get("ProjectId") or 0)
        name = await self._reading.name("Project", number) if number else None
        if name is None:
            return lambda session: None
        members = await self._reading.members("Project", number)

        def write(session: Session) -> None:
            project = self._copy.project(session, number, name)
            self._copy.members(session, PROJECT, project, members, triggers=True)

        return write

    async def _happened(self, told: ToldRow) -> Callable[[Session], None]:
        path, type, kind = _HAPPENED[told.event]
        entity = await self._reading.entity(path.format(told.key))
        person = ((entity or {}).get("Person") or {}).get("PersonId")
        if entity is None or not person:
            return lambda session: None
        mark = str(entity.get("Author") or entity.get("SaleText") or "")
        return partial(self._event, type, kind, told.key, int(person), mark)

    def _event(self, type: str, kind: str, key: int, person: int, mark: str, session: Session) -> None:
        known = select(Person.id).where(col(Person.external_id) == str(person), col(Person.deleted_at).is_(None))
        id, now = session.exec(known).one_or_none(), self._clock()
        if id is not None:
            data, cause = {"external_id": str(key)}, _cause(session, id, kind, key, mark)
            event = Event(type, now, id, data=data, source=SOURCE, id=f"{type}/{key}", cause=cause)
            self._events.take(session, event, now)


def _cause(session: Session, person: str, kind: str, key: int, mark: str) -> tuple[str, ...]:
    """The flows that led to it, if one of ours has made it (TRIG_10); without a `kind` none can have."""
    if not kind:
        return ()
    latest = (
        select(EffectRow, ParticipantRow)
        .join(ParticipantRow, col(ParticipantRow.id) == col(EffectRow.participant))
        .where(col(ParticipantRow.person) == person, col(EffectRow.kind) == kind)
        .order_by(col(EffectRow.planned_at).desc())
        .limit(_LATEST)
    )
    for effect, participant in session.exec(latest):
        if effect.provider_id == str(key) or mark_of(effect.key) in mark:
            return tuple(participant.cause)
    return ()


def _next(now: datetime, session: Session) -> ToldRow | None:
    due = select(ToldRow).where(col(ToldRow.due) <= now).order_by(col(ToldRow.due)).limit(1)
    for told in lease(session, due, now + _LEASE):
        told.tries += 1
        return told
    return None


def _followed(id: str, work: Callable[[Session], None], session: Session) -> None:
    row = session.get(ToldRow, id, with_for_update=True)
    if row is not None:
        work(session)
        session.delete(row)


def _put_off(id: str, until: datetime, session: Session) -> None:
    row = session.get(ToldRow, id, with_for_update=True)
    if row is not None:
        row.due = until
