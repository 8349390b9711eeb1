"""The first free time in a diary of SuperOffice (STEP_6): two journeys never get the same one.

What is booked there is asked for; working hours and absences are those of the associate here, which SuperOffice does
not tell. The time is then kept here as a follow-up, under a lock on the associate and by a unique index, before the
appointment is made there: so another journey sees it, and a repetition finds it again.
"""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any
from zoneinfo import ZoneInfo

from sqlmodel import Session, col, select

from activities.crm.associates import diary
from activities.crm.kinds import FollowUpTypeIn
from activities.outside.superoffice.client import ZONE, SuperOffice, read_moment, written
from flows.calendar import NoSuchMomentError
from flows.diary import Span
from flows.making import CreateFollowUp, FreeTime
from flows.ports import NotDone
from store.database import Database
from store.kinds import FollowUpType
from store.people import Associate
from store.work import FollowUp

AHEAD = timedelta(days=60)
"""How far ahead a diary is read."""
Booked = tuple[str, datetime, datetime]
"""Whose diary, from when, to when."""


class Booking:
    """Keeps times."""

    def __init__(self, db: Database, client: SuperOffice, clock: Callable[[], datetime]) -> None:
        self._db = db
        self._client = client
        self._clock = clock

    async def book(self, asked: CreateFollowUp, key: str) -> Booked:
        """The time of this effect: the one that it was given before, else the first that is free. Raises NotDone."""
        kept = await self._db.read(lambda session: _kept(session, key))
        if kept is not None:
            return kept
        now = self._clock()
        owner, earliest = await self._db.read(lambda session: _earliest(session, asked, now))
        taken = await self._taken(owner, earliest, earliest + AHEAD)
        return await self._db.write(lambda session: _keep(session, asked, key, owner, earliest, taken, now))

    async def booked(self, key: str) -> None:
        """The appointment was made: its owner is told."""
        await self._db.write(lambda session: _tell(session, key, self._clock()))

    async def give_up(self, key: str) -> None:
        """The appointment will never be made: the time is free again."""
        await self._db.write(lambda session: _release(session, key))

    async def _taken(self, owner: str, start: datetime, end: datetime) -> list[Span]:
        found = await self._client.ask(
            "/Agents/Appointment/GetAssociatesDiaryInfo?$select=AssociateId,StartDate,EndDate,IsAllDay,IsBusy",
            {"AssociateIds": [int(owner)], "StartTime": written(start), "EndTime": written(end)},
        )
        return [span for each in found or () if each.get("IsBusy", True) and (span := _span(each)) is not None]


def reservation(key: str) -> str:
    """The id of the follow-up that keeps an effect's time."""
    return f"fup_{sha256(key.encode()).hexdigest()[:20]}"


def _kept(session: Session, key: str) -> Booked | None:
    row = session.get(FollowUp, reservation(key))
    if row is None or row.owner is None or row.starts_at is None or row.ends_at is None:
        return None
    return row.owner, row.starts_at, row.ends_at


def _earliest(session: Session, asked: CreateFollowUp, now: datetime) -> tuple[str, datetime]:
    for owner in asked.owners:
        associate = session.get(Associate, owner) if owner.isdecimal() else None
        if associate is not None:
            wanted = _wanted(asked)
            book = diary(associate, ZoneInfo(wanted.zone), wanted.country)
            return owner, book.after(now, wanted.after)
    raise NotDone("None of the owners is an associate of SuperOffice. Pull them, or choose another.", retryable=False)


def _keep(
    session: Session,
    asked: CreateFollowUp,
    key: str,
    owner: str,
    earliest: datetime,
    taken: Sequence[Span],
    now: datetime,
) -> Booked:
    lock = select(Associate).where(col(Associate.id) == owner).with_for_update(key_share=True)
    associate = session.exec(lock).one()
    kept = _kept(session, key)  # another attempt of the same effect was faster
    if kept is not None:
        return kept
    wanted, until = _wanted(asked), earliest + AHEAD
    kind = (session.get(FollowUpType, asked.type) if asked.type is not None else None) or FollowUpTypeIn(name="usual")
    length = wanted.length or timedelta(minutes=kind.minutes)
    ours = select(col(FollowUp.starts_at), col(FollowUp.ends_at)).where(
        col(FollowUp.owner) == owner, col(FollowUp.ends_at) > earliest, col(FollowUp.starts_at) < until
    )
    booked = [*taken, *((start, end) for start, end in session.exec(ours) if start and end)]
    book = diary(associate, ZoneInfo(wanted.zone), wanted.country)
    try:
        start = book.first_free(earliest, length, booked, until)
    except NoSuchMomentError as error:
        raise NotDone(str(error), retryable=False) from None
    row = FollowUp(
        id=reservation(key), person=asked.origin.person, title=asked.title,
        type=asked.type if isinstance(kind, FollowUpType) else None, owner=owner, agenda=asked.agenda,
        links=list(asked.links), starts_at=start, ends_at=start + length, participant=asked.origin.participant,
        flow=asked.origin.flow, step=asked.origin.step, created_at=now, updated_at=now,
    )  # fmt: skip
    session.add(row)
    session.flush()
    return owner, start, start + length


def _tell(session: Session, key: str, now: datetime) -> None:
    row = session.get(FollowUp, reservation(key), with_for_update=True)
    if row is not None and row.tell_at is None:
        row.tell_at = now


def _release(session: Session, key: str) -> None:
    row = session.get(FollowUp, reservation(key), with_for_update=True)
    if row is not None:
        session.delete(row)


def _wanted(asked: CreateFollowUp) -> FreeTime:
    assert isinstance(asked.when, FreeTime)
    return asked.when


def _span(entry: dict[str, Any]) -> Span | None:
    """An entry of a diary."""
    try:
        start, end = read_moment(entry["StartDate"]), read_moment(entry["EndDate"])
    except ValueError:
        return None
    if entry.get("IsAllDay"):
        start = start.astimezone(ZONE).replace(hour=0, minute=0, second=0, microsecond=0)
        end = end.astimezone(ZONE).replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1)
    return (start, end) if end > start else None
