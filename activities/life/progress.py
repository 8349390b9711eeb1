"""How far a flow's background work is, and who keeps a closed flow open (LIFE_7, LIFE_10).

Counted up to a limit, from indexes: the answer costs the same however many people are inside.
"""

from dataclasses import dataclass

from sqlalchemy import ColumnExpressionArgument, and_, func, select
from sqlmodel import Session, col

from activities.definitions import Definitions
from flows.outcome import Status
from flows.steps.wait_for_action import WaitForAction
from store.flows import GOES_ON, FlowRow, FlowStatus
from store.journeys import ParticipantRow

MOST = 10_000
"""Counted no further: then it means so many, or more."""

_INSIDE = (Status.ACTIVE, Status.QUEUED)


@dataclass(frozen=True, slots=True)
class KeptOpen:
    """Who has not left a closed flow: everyone, those who are held, those who wait without limit."""

    inside: int
    held: int
    without_limit: int


def left_to_do(session: Session, flow: FlowRow) -> int:
    """How many participants the background work of the last command has still to release, admit or cancel."""
    if flow.applied_epoch >= flow.epoch:
        return 0
    left = _count(session, flow, col(ParticipantRow.generation) < flow.generation)
    if flow.status in GOES_ON and not flow.paused:
        here = col(ParticipantRow.generation) == flow.generation
        left += _count(session, flow, here, col(ParticipantRow.status) == Status.QUEUED)
        left += _count(session, flow, here, col(ParticipantRow.holding), col(ParticipantRow.wake).is_(None))
    return min(left, MOST)


def kept_open(session: Session, definitions: Definitions, flow: FlowRow) -> KeptOpen | None:
    """Who keeps a closed flow from being finished (LIFE_7); None for any other."""
    if flow.status is not FlowStatus.CLOSED:
        return None
    here = col(ParticipantRow.generation) == flow.generation
    steps = definitions.current(session, flow).step.values()
    endless = [step.id for step in steps if isinstance(step, WaitForAction) and step.within == "none"]
    rests = and_(col(ParticipantRow.step).in_(endless), ~col(ParticipantRow.holding))
    return KeptOpen(
        inside=_count(session, flow, here),
        held=_count(session, flow, here, col(ParticipantRow.holding)),
        without_limit=_count(session, flow, here, rests) if endless else 0,
    )


def inside_in_words(session: Session, flow: FlowRow) -> str:
    """How many are inside, by status: `3 active, 1 queued`."""
    here = col(ParticipantRow.generation) == flow.generation
    counts = {status: _count(session, flow, here, col(ParticipantRow.status) == status) for status in _INSIDE}
    shown = [f"{number}{'+' if number == MOST else ''} {status.value}" for status, number in counts.items() if number]
    return ", ".join(shown) or "nobody inside"


def _count(session: Session, flow: FlowRow, *where: ColumnExpressionArgument[bool]) -> int:
    some = select(col(ParticipantRow.number)).where(
        col(ParticipantRow.flow) == flow.id, col(ParticipantRow.status).in_(_INSIDE), *where
    )
    return session.scalar(select(func.count()).select_from(some.limit(MOST).subquery())) or 0
