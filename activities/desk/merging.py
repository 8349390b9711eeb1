"""Two people turn out to be one (PART_9): everything of the one follows to the other, which stays.

The merged id remains as a signpost. Where both are active in one flow the older participation stays, and what was done
for either is not done again.
"""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import delete, select, update
from sqlmodel import Session, col

from activities.counting import experiments
from activities.crm.faults import Fault, Missing, Refused
from activities.crm.groups import PROJECT, SELECTION
from activities.dispatcher import wake
from activities.journeys.standing import Rules, Standing
from flows.outcome import Reason
from flows.planning import Line
from flows.steps.base import Leave
from store.inserts import insert_new
from store.journeys import EffectRow, EffectStatus, EventRow, MessageRow, ParticipantRow
from store.outside import ScriptRun
from store.pending import PendingEffect
from store.people import Person
from store.work import FollowUp, RequestRow, Sale

# What may have happened is not risked twice.
_DONE = (EffectStatus.PLANNED, EffectStatus.DONE, EffectStatus.UNKNOWN, EffectStatus.REPEATED)
# What the one who stays takes over where it knows nothing itself.
_FIELDS = (
    "external_id", "first_name", "last_name", "email", "email_key", "mobile", "country", "language", "time_zone",
    "category", "company", "our_contact", "our_service_contact",
)  # fmt: skip


class Merging:
    """Merges people."""

    def __init__(self, rules: Rules) -> None:
        self._rules = rules

    def merge(self, session: Session, person: str, into: str, now: datetime) -> Person:
        """The one that stays. Raises Missing, and Refused for a person into itself."""
        if person == into:
            raise Refused([Fault("That is the same person.", "Name the one that stays.", ("into",))])
        query = select(Person).where(col(Person.id).in_([person, into])).order_by(col(Person.id)).with_for_update()
        found = {row.id: row for row in session.scalars(query) if row.deleted_at is None}
        for id in (person, into):
            if id not in found:
                raise Missing("person", id)
        self._move_participations(session, person, into, now)
        self._move_groups(session, person, into)
        for table in (EffectRow, EventRow, MessageRow, PendingEffect, FollowUp, RequestRow, Sale):
            session.execute(update(table).where(col(table.person) == person).values(person=into))
        mine = select(col(ParticipantRow.id)).where(col(ParticipantRow.person) == into)
        runs = update(ScriptRun).where(col(ScriptRun.participant).in_(mine), col(ScriptRun.person) == person)
        session.execute(runs.values(person=into))
        changed = _combine(session, found[person], found[into], now)
        session.execute(update(Person).where(col(Person.merged_into) == person).values(merged_into=into))
        session.flush()
        self._rules.crm.people.merged(session, found[into], changed, now)
        return found[into]

    def _move_participations(self, session: Session, person: str, into: str, now: datetime) -> None:
        rows = session.execute(
            select(col(ParticipantRow.id), col(ParticipantRow.person))
            .where(col(ParticipantRow.person).in_([person, into]))
            .order_by(col(ParticipantRow.flow), col(ParticipantRow.number))
        )
        inside: dict[tuple[str, str], Standing] = {}
        for id, _ in rows.all():
            here = Standing.lock(session, id, now, self._rules)
            row = here.row
            if row.generation < here.flow.generation:
                here.stop()  # cancelled with its flow, whether a worker has seen to it or not (LIFE_15)
            if not row.status.inside:
                continue
            older = inside.setdefault((row.flow, row.key), here)
            if older is not here:
                self._give_way(here, older)
        session.flush()
        session.execute(update(ParticipantRow).where(col(ParticipantRow.person) == person).values(person=into))
        for here in inside.values():
            here.session.refresh(here.row)
            self._skip_done(here)
            wake(here.session, here.row, here.now)

    def _give_way(self, here: Standing, older: Standing) -> None:
        """The younger of two participations in one flow ends; what it has met counts for the older."""
        met = [at for at in (older.row.success_at, here.row.success_at) if at is not None]
        older.row.success_at = min(met, default=None)
        experiments.count_as_one(here.session, older.row, here.row, here.outline.flow)
        here.leave(Leave(Reason.MERGED, f"merged: goes on as {older.row.id}"))
        wake(here.session, here.row, here.now)

    def _skip_done(self, here: Standing) -> None:
        """What was done for the other in this flow is behind this one too; not if everyone may come again."""
        row = here.row
        others = (
            select(col(ParticipantRow.id), col(ParticipantRow.reason))
            .where(col(ParticipantRow.person) == row.person, col(ParticipantRow.flow) == row.flow)
            .where(col(ParticipantRow.generation) == row.generation, col(ParticipantRow.id) != row.id)
        )
        once = here.outline.flow.enrolment.once
        ids = [id for id, reason in here.session.execute(others) if once or reason is Reason.MERGED]
        done = here.session.scalars(
            select(col(EffectRow.step)).where(col(EffectRow.participant).in_(ids), col(EffectRow.status).in_(_DONE))
        )
        skipped = sorted({step for step in done if step in here.outline.step} - set(row.passed))
        if skipped:
            here.mark_passed(*skipped)
            here.tell(Line(row.step, "", "merged", f"done for the other already: {', '.join(skipped)}"))

    def _move_groups(self, session: Session, person: str, into: str) -> None:
        for kind in (SELECTION, PROJECT):
            members = kind.members
            mine = session.execute(
                select(kind.group, col(members.at)).where(col(members.person) == person).order_by(kind.group)
            )
            insert_new(session, members, [{kind.noun: group, "person": into, "at": at} for group, at in mine])
            session.execute(delete(members).where(col(members.person) == person))


def _combine(session: Session, gone: Person, stays: Person, now: datetime) -> list[str]:
    """One person of two: what is missing is taken over, a withdrawal wins, and the other becomes a signpost.

    Answers the names of the fields that changed.
    """
    before = stays.model_dump()
    taken = {name: getattr(gone, name) for name in _FIELDS}
    stays.consent = _consents(gone.consent, stays.consent)
    stays.unsubscribed = _union(stays.unsubscribed, gone.unsubscribed)
    wanted = _union(stays.subscriptions, gone.subscriptions)
    stays.subscriptions = [each for each in wanted if each not in stays.unsubscribed]
    stays.custom = {**gone.custom, **stays.custom}
    for name in _FIELDS:
        setattr(gone, name, None)
    gone.consent, gone.custom, gone.subscriptions, gone.unsubscribed = {}, {}, [], []
    gone.merged_into, gone.deleted_at, gone.updated_at = stays.id, now, now
    session.flush()  # the external id is free now
    for name, value in taken.items():
        # The key goes with its address.
        if getattr(stays, name) is None and (name != "email_key" or stays.email == taken["email"]):
            setattr(stays, name, value)
    changed = [name for name, value in stays.model_dump().items() if before[name] != value]
    stays.updated_at = now
    return changed


def _consents(one: dict[str, str], other: dict[str, str]) -> dict[str, str]:
    both = {**one, **other}
    return {
        channel: "withdrawn" if "withdrawn" in (one.get(channel), other.get(channel)) else consent
        for channel, consent in both.items()
    }


def _union(one: Sequence[str], other: Sequence[str]) -> list[str]:
    return list(dict.fromkeys([*one, *other]))
