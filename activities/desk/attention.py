"""The attention list: what a person has to look at (SAFE_2, SAFE_3).

Two kinds of entries: participants held because a step keeps failing or their journey is lost, and effects. Of these,
nobody knows whether they happened; or they are a form's or link's, for which no participant is held, and have failed
for good (STEP_23). Effects come first in the list.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, get_args

from sqlalchemy import String, cast, func, or_, select, union
from sqlmodel import Session, col

from activities import ledger
from activities.desk.participants import ATTENTION, OperationRefused, Participants, possible
from activities.desk.repeats import Repeats
from activities.responses.pending import PendingEffects, let_go, open_to_a_person, undecided
from flows.outcome import Status
from store.chores import EffectOperation, HeldOperation
from store.flows import FlowRow
from store.journeys import EffectRow, EffectStatus, JournalRow, MessageRow, ParticipantRow
from store.pending import PendingEffect

Mark = Literal["done", "not_done"]
_ON_EFFECTS = frozenset(get_args(EffectOperation))

_SHOWN: Mapping[EffectStatus, Literal["unknown", "failed"]] = {
    EffectStatus.UNKNOWN: "unknown", EffectStatus.FAILED: "failed",
}  # fmt: skip
# The places of the two kinds in the order of the list: "e" before "h".
_EFFECT, _HELD = "e:", "h:"


class UnknownEffect(LookupError):
    """There is no effect of this key that a person has to decide about."""

    def __init__(self, key: str) -> None:
        super().__init__(f"there is no open effect {key}")
        self.key = key


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing to look at. `place`: in the list; `since`: when it came there; `possible`: what can be done."""

    place: str
    kind: Literal["held", "unknown", "failed"]
    flow: str
    participant: str
    person: str
    step: str
    reason: str
    text: str
    since: datetime
    possible: Sequence[str]
    effect: str | None = None


def entries(
    session: Session,
    after: str,
    limit: int,
    flow: str | None = None,
    step: str | None = None,
    *,
    of: HeldOperation | EffectOperation | None = None,
) -> list[Entry]:
    """Up to `limit` entries after the place `after` in the list: of one flow or step, of those that `of` is for."""
    found: list[Entry] = []
    if not after.startswith(_HELD) and (of is None or of in _ON_EFFECTS):
        found = _effects(session, after.removeprefix(_EFFECT), limit, flow, step)
    if len(found) < limit and of not in _ON_EFFECTS:
        number = after.removeprefix(_HELD) if after.startswith(_HELD) else ""
        begin = int(number) if re.fullmatch("[0-9]{1,18}", number) else 0
        found += _held(session, begin, limit - len(found), flow, step)
    return found


class Attention:
    """Does something about an entry. Every method raises UnknownEffect, UnknownParticipant or OperationRefused."""

    def __init__(self, participants: Participants, repeats: Repeats, pending: PendingEffects) -> None:
        self._participants = participants
        self._repeats = repeats
        self._pending = pending

    def settle(self, session: Session, effect: str, outcome: EffectOperation, now: datetime) -> EffectRow:
        """Say whether an effect happened, or have it done again; the entry that tells how that stands."""
        if outcome == "again":
            row = _open(session, effect)
            return self._repeats.ask(session, effect, now) if row.participant else self._again(session, effect, now)
        return mark(session, effect, outcome, now)

    def _again(self, session: Session, effect: str, now: datetime) -> EffectRow:
        again = self._pending.again(session, effect, now)
        if again is None:
            what = "What was to be done is no longer kept, or was decided about meanwhile."
            raise OperationRefused("", what, "Mark it done or not done.", list(get_args(Mark)))
        return again

    def act(self, session: Session, entry: Entry, operation: HeldOperation | EffectOperation, now: datetime) -> None:
        """Do it about one entry."""
        match operation:
            case "retry":
                self._participants.retry(session, entry.participant, now)
            case "skip":
                self._participants.skip(session, entry.participant, now)
            case "remove":
                self._participants.remove(session, entry.participant, now)
            case _:
                self.settle(session, entry.effect or "", operation, now)


def mark(session: Session, effect: str, outcome: Mark, now: datetime) -> EffectRow:
    """Settle an effect: a person has found out whether it happened. Raises UnknownEffect."""
    row = _open(session, effect, lock=True)
    status = EffectStatus.DONE if outcome == "done" else EffectStatus.FAILED
    ledger.settle(row, status, now, error=row.error)
    message = session.scalar(select(MessageRow).where(col(MessageRow.effect) == effect))
    if message is not None:
        message.state = status
    if not row.participant:  # of a form or link, which has no journal
        let_go(session, effect)
        return row
    text = f"marked {outcome.replace('_', ' ')} by hand"
    session.add(
        JournalRow(
            participant=row.participant, flow=row.flow, at=now, step=row.step, kind=row.kind, event=outcome, text=text
        )
    )
    return row


def _open(session: Session, effect: str, *, lock: bool = False) -> EffectRow:
    row = session.get(EffectRow, effect, with_for_update=lock)
    if row is None or not open_to_a_person(session, row):
        raise UnknownEffect(effect)
    return row


def _effects(session: Session, after: str, limit: int, flow: str | None, step: str | None) -> list[Entry]:
    unknown = select(col(EffectRow.key)).where(col(EffectRow.status) == EffectStatus.UNKNOWN)
    query = (
        select(EffectRow, func.coalesce(col(ParticipantRow.person), col(EffectRow.person), ""), col(PendingEffect.what))
        .outerjoin(ParticipantRow, col(ParticipantRow.id) == col(EffectRow.participant))
        .outerjoin(PendingEffect, col(PendingEffect.effect) == col(EffectRow.key))
        .where(col(EffectRow.key).in_(union(unknown, undecided())), col(EffectRow.status) != EffectStatus.PLANNED)
        .where(col(EffectRow.key) > after)
        .order_by(col(EffectRow.key))
        .limit(limit)
    )
    if flow is not None:
        query = query.where(col(EffectRow.flow) == flow)
    if step is not None:
        query = query.where(col(EffectRow.step) == step)
    return [
        Entry(
            place=f"{_EFFECT}{row.key}",
            kind=_SHOWN[row.status],
            flow=row.flow,
            participant=row.participant,
            person=person,
            step=row.step,
            reason=row.status.value,
            text=": ".join(part for part in (what, row.error) if part),
            since=row.settled_at or row.planned_at,
            possible=["done", "not_done", "again"],
            effect=row.key,
        )
        for row, person, what in session.execute(query)
    ]


def _held(session: Session, after: int, limit: int, flow: str | None, step: str | None) -> list[Entry]:
    names = cast(col(ParticipantRow.held), String)
    query = (
        select(ParticipantRow, FlowRow)
        .join(FlowRow, col(FlowRow.id) == col(ParticipantRow.flow))
        .where(col(ParticipantRow.holding), col(ParticipantRow.status) == Status.ACTIVE)
        .where(col(ParticipantRow.generation) == col(FlowRow.generation))
        .where(or_(*(names.contains(f'"{hold}"') for hold in ATTENTION)))
        .where(col(ParticipantRow.number) > after)
        .order_by(col(ParticipantRow.number))
        .limit(limit)
    )
    if flow is not None:
        query = query.where(col(ParticipantRow.flow) == flow)
    if step is not None:
        query = query.where(col(ParticipantRow.step) == step)
    rows = session.execute(query).all()
    why = _latest(session, [row.id for row, _ in rows])
    errors = _errors(session, [ledger.key_of(row.id, row.step) for row, _ in rows])
    found = []
    for row, of in rows:
        line, error = why.get(row.id), errors.get(ledger.key_of(row.id, row.step))
        found.append(
            Entry(
                place=f"{_HELD}{row.number}",
                kind="held",
                flow=row.flow,
                participant=row.id,
                person=row.person,
                step=row.step,
                reason=next(hold for hold in ATTENTION if hold in row.held),
                text=": ".join(part for part in (line.text if line is not None else "", error) if part),
                since=line.at if line is not None else row.since,
                possible=possible(row, of),
            )
        )
    return found


def _latest(session: Session, participants: Sequence[str]) -> dict[str, JournalRow]:
    """The line of each journal that says why it is held."""
    query = (
        select(JournalRow)
        .where(col(JournalRow.participant).in_(participants), col(JournalRow.event).in_(ATTENTION))
        .order_by(col(JournalRow.number))
    )
    return {row.participant: row for row in session.scalars(query)}


def _errors(session: Session, keys: Sequence[str]) -> dict[str, str]:
    """What was said to each of these effects that failed: it stands in the ledger alone, as it may be personal."""
    query = select(col(EffectRow.key), col(EffectRow.error)).where(
        col(EffectRow.key).in_(keys), col(EffectRow.status) == EffectStatus.FAILED
    )
    return {key: error for key, error in session.execute(query)}
