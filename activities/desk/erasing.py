"""A person is erased (PART_8): out of all flows first, then everything personal is gone from our store.

Participations stay, without anything personal, so that counts stay true. What was under way at that moment may still
write down how it went: a chore cleans up once more after it.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import String, cast, delete, or_, select, update
from sqlmodel import Session, col

from activities.crm.embedded import EmbeddedCrm
from activities.crm.faults import Missing
from activities.crm.models import Channel
from activities.dispatcher import wake
from activities.journeys.standing import Rules, Standing
from flows.outcome import Reason, Status
from flows.steps.base import Leave
from store.chores import ChoreRow, CleanUp
from store.columns import new_id
from store.enrolments import RefusalRow
from store.journeys import (
    AddressClaim,
    EffectRow,
    EventRow,
    EventUse,
    JournalRow,
    MessageRow,
    ParticipantRow,
)
from store.outside import ScriptRun
from store.pending import PendingEffect
from store.people import BlockedAddress, IdempotencyRecord, Person, ProjectMember, SelectionMember
from store.work import FollowUp, RequestRow, Sale

# Longer than any effect takes that had begun before.
AFTERWARDS = timedelta(hours=1)


class Erasing:
    """Erases people."""

    def __init__(self, rules: Rules) -> None:
        self._rules = rules
        self._crm: EmbeddedCrm = rules.crm

    def erase(self, session: Session, person: str, now: datetime) -> None:
        """The person leaves every flow and is gone. Raises Missing."""
        row = session.get(Person, person, with_for_update=True)
        if row is None:
            raise Missing("person", person)
        self._leave_all(session, person, now)
        session.flush()
        self._suppress(session, row, now)
        self.clean_up(session, person, [row.email_key] if row.email_key else [])
        session.execute(delete(Person).where(col(Person.merged_into) == person))
        session.delete(row)
        chore = CleanUp(person=person)
        session.add(ChoreRow(id=new_id("cho"), what=chore.model_dump(), at=now + AFTERWARDS))

    def clean_up(self, session: Session, person: str, addresses: Sequence[str] = ()) -> None:
        """Take everything personal from what remains; doing it again does no harm.

        `addresses` are those by which events named somebody whom we did not know then.
        """
        participants = select(col(ParticipantRow.id)).where(col(ParticipantRow.person) == person)
        for table in (AddressClaim, EventUse, ScriptRun):
            session.execute(delete(table).where(col(table.participant).in_(participants)))
        session.execute(
            update(JournalRow).where(col(JournalRow.participant).in_(participants)).values(text="", data={})
        )
        session.execute(
            update(EffectRow).where(col(EffectRow.participant).in_(participants)).values(error="", provider_id="")
        )
        session.execute(
            update(ParticipantRow).where(col(ParticipantRow.person) == person).values(event={}, kept={}, key="")
        )
        for personal in (
            EffectRow, PendingEffect, MessageRow, EventRow, RefusalRow, FollowUp, RequestRow, SelectionMember,
            ProjectMember,
        ):  # fmt: skip
            session.execute(delete(personal).where(col(personal.person) == person))
        # What was sold stays in the books, without a word about whom to.
        session.execute(update(Sale).where(col(Sale.person) == person).values(person=None, title="", description=""))
        named = [f"person:{person}", *(f"email:{address}" for address in addresses)]
        unmatched = delete(EventRow).where(col(EventRow.person) == "", col(EventRow.subject).in_(named))
        session.execute(unmatched)
        self._forget_answers(session, [person, *addresses])

    def _leave_all(self, session: Session, person: str, now: datetime) -> None:
        inside = session.scalars(
            select(col(ParticipantRow.id))
            .where(col(ParticipantRow.person) == person)
            .where(col(ParticipantRow.status).in_([Status.QUEUED, Status.ACTIVE]))
            .order_by(col(ParticipantRow.flow), col(ParticipantRow.number))
        )
        for participant in inside.all():
            here = Standing.lock(session, participant, now, self._rules)
            if here.row.generation < here.flow.generation:
                here.stop()  # cancelled before, and stays so (LIFE_15)
            else:
                here.leave(Leave(Reason.PERSON_DELETED, "the person was erased"))
            wake(session, here.row, now)

    def _suppress(self, session: Session, row: Person, now: datetime) -> None:
        """Keep the keyed hash of an address that is not to be written to; the address itself goes with the person."""
        addresses: tuple[tuple[Channel, str | None], ...] = (("email", row.email_key), ("sms", row.mobile))
        for channel, address in addresses:
            if not address:
                continue
            blocked = delete(BlockedAddress).where(
                col(BlockedAddress.channel) == channel, col(BlockedAddress.address) == address
            )
            unwanted = row.consent.get(channel) == "withdrawn" or (channel == "email" and row.unsubscribed)
            if self._crm.is_blocked(session, channel, address) or unwanted:
                self._crm.suppression.remember(session, channel, address, now)
            if not self._shared(session, row, channel, address):
                session.execute(blocked)

    def _shared(self, session: Session, row: Person, channel: str, address: str) -> bool:
        column = col(Person.email_key) if channel == "email" else col(Person.mobile)
        query = select(col(Person.id)).where(column == address, col(Person.id) != row.id).limit(1)
        return session.scalar(query) is not None

    def _forget_answers(self, session: Session, words: Sequence[str]) -> None:
        """Answers that are kept for a day to be given again may speak of the person."""
        said = cast(col(IdempotencyRecord.body), String)
        session.execute(delete(IdempotencyRecord).where(or_(*(said.contains(word, autoescape=True) for word in words))))
