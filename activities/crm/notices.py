"""Tells the owner of a follow-up that a flow has put it into the diary (STEP_6): by e-mail, beside the journeys.

The follow-up itself was made in the gate's transaction; its owner is told once, and not again where nobody knows
whether the mail left: the follow-up stands in the diary all the same.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from zoneinfo import ZoneInfo

import structlog
from sqlalchemy import select
from sqlmodel import Session, col

from activities.crm.associates import diary
from activities.definitions import Definitions
from flows.definition import Flow
from flows.ports import EffectError, Email, Mail, Mailbox, NotDone
from flows.senders import FixedSender
from store.columns import new_id
from store.database import Database, lock_flow
from store.flows import FlowRow, FlowStatus
from store.people import Associate, Person
from store.work import FollowUp

log = structlog.get_logger(__name__)

EVERY = timedelta(seconds=1)
AT_ONCE = 10
LATER, GIVE_UP = timedelta(minutes=5), timedelta(days=1)


@dataclass(frozen=True, slots=True)
class _Notice:
    follow_up: str
    made_at: datetime
    email: Email


class Notices:
    """Runs beside every worker; several share the work."""

    def __init__(self, db: Database, mail: Mail, clock: Callable[[], datetime]) -> None:
        self._db = db
        self._mail = mail
        self._clock = clock
        self._definitions = Definitions()

    async def run(self) -> None:
        """Tell again and again until cancelled."""
        while True:
            await asyncio.sleep(EVERY.total_seconds())
            try:
                while await self.once():
                    pass
            except Exception as error:  # a store that is away comes back
                log.warning("owners_not_told", error=type(error).__name__)

    async def once(self) -> bool:
        """Tell whoever is to be told now; True: there may be more."""
        now = self._clock()
        due = await self._db.read(lambda session: _due(session, now))
        found = [await self._db.write(partial(self._take, follow_up, now)) for follow_up in due]
        notices = [notice for notice in found if notice is not None]
        await asyncio.gather(*(self._send(notice) for notice in notices))
        return bool(notices)

    async def _send(self, notice: _Notice) -> None:
        try:
            await self._mail.send(notice.email, notice.follow_up)
        except EffectError as error:
            again = self._clock() + LATER
            if isinstance(error, NotDone) and error.retryable and again - notice.made_at < GIVE_UP:
                await self._db.write(partial(_put_off, notice.follow_up, again))
            else:
                log.warning("owner_not_told", follow_up=notice.follow_up, outcome=type(error).__name__)

    def _take(self, id: str, now: datetime, session: Session) -> _Notice | None:
        """What to send, marked as told; None: somebody else does it, the flow is paused, or there is no address."""
        row = session.get(FollowUp, id)
        if row is None:
            return None
        lock_flow(session, row.flow)
        flow = session.get(FlowRow, row.flow)
        row = session.get(FollowUp, id, with_for_update=True, populate_existing=True)
        if row is None or row.tell_at is None or row.tell_at > now:
            return None
        if flow is not None and (flow.paused or flow.status is FlowStatus.STOPPED or "email" in flow.braked):
            row.tell_at = now + LATER
            return None
        row.tell_at = None
        owner = session.get(Associate, row.owner) if row.owner is not None else None
        person = session.get(Person, row.person)
        if owner is None or owner.email is None or person is None or flow is None:
            return None
        definition = self._definitions.current(session, flow).flow
        return _Notice(row.id, row.created_at, _email(definition, row, owner, person))


def _due(session: Session, now: datetime) -> list[str]:
    query = select(col(FollowUp.id)).where(col(FollowUp.tell_at) <= now).order_by(col(FollowUp.tell_at))
    return list(session.scalars(query.limit(AT_ONCE)))


def _put_off(id: str, until: datetime, session: Session) -> None:
    row = session.get(FollowUp, id, with_for_update=True)
    if row is not None:
        row.tell_at = until


def _email(flow: Flow, row: FollowUp, owner: Associate, person: Person) -> Email:
    to = Mailbox(owner.email or "", owner.name)
    zone = diary(owner, flow.zone, flow.settings.calendar).zone
    lines = [f"{row.title}", "", f"When: {_when(row, zone)}", f"Person: {person.name or person.id}"]
    lines += [f"Flow: {flow.name or flow.id}", f"Follow-up: {row.id}"]
    return Email(
        message=new_id("msg"),
        to=to,
        sender=_sender(flow) or to,
        reply_to=None,
        subject=f"New in your diary: {row.title}",
        html="",
        text="\n".join(lines) + "\n",
        unsubscribe=False,
        tracked=False,
    )


def _sender(flow: Flow) -> Mailbox | None:
    """The flow's fixed address: the contact whom its mails to the person come from may be the very owner."""
    given = flow.email.from_
    fixed = given if isinstance(given, FixedSender) or given is None else given.fallback
    return Mailbox(fixed.address, fixed.name) if fixed is not None and fixed.address else None


def _when(row: FollowUp, zone: ZoneInfo) -> str:
    if row.starts_at is None or row.ends_at is None:
        return f"due {row.due}"
    start, end = row.starts_at.astimezone(zone), row.ends_at.astimezone(zone)
    return f"{start:%Y-%m-%d %H:%M} to {end:%H:%M} ({zone.key})"
