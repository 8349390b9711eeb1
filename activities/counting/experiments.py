"""What is written down about a control group: success for both sides over the same time since enrolment (TRIG_12)."""

from datetime import datetime

from sqlmodel import Session

from activities.counting.tally import Changes, count
from flows.definition import Flow
from flows.experiment import Arm, Comparison, Side
from store.journeys import ParticipantRow


def convert(session: Session, row: ParticipantRow, flow: Flow, at: datetime) -> None:
    """A participant met the success criterion; the first time counts, also after it has left."""
    if row.arm is not None and row.converted_at is None:
        row.converted_at = at
        _count(session, row, flow, at, {("arm", success_of(row.arm.value)): 1})


def uncount(session: Session, row: ParticipantRow, flow: Flow) -> None:
    """A participation is removed with all record (PART_4): on the days on which it was counted."""
    if row.arm is not None:
        _count(session, row, flow, row.enrolled_at, {("arm", row.arm.value): -1})
        if row.converted_at is not None:
            _count(session, row, flow, row.converted_at, {("arm", success_of(row.arm.value)): -1})


def count_as_one(session: Session, stays: ParticipantRow, gone: ParticipantRow, flow: Flow) -> None:
    """Two participations were one person's (PART_9): the one that stays is compared, on its side, with what either met.

    On whichever side the other was: who comes in is compared as first drawn, whatever befalls afterwards.
    """
    uncount(session, gone, flow)
    if gone.converted_at is not None:
        convert(session, stays, flow, gone.converted_at)
    gone.arm = gone.converted_at = None


def _count(session: Session, row: ParticipantRow, flow: Flow, at: datetime, changes: Changes) -> None:
    count(session, row.flow, row.generation, row.number or 0, flow.day(at), changes)


def comparison(counts: dict[str, int]) -> Comparison | None:
    """Both sides, from the counters of `arm`; None: nobody was ever in a comparison."""
    if not any(counts.values()):
        return None
    treated, control = (Side(counts.get(arm.value, 0), counts.get(success_of(arm.value), 0)) for arm in Arm)
    return Comparison(treated, control)


def success_of(arm: str) -> str:
    """The counter of an arm's successes."""
    return f"{arm}_success"
