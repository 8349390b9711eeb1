"""What is written down about a control group: success for both sides over the same time since enrolment (TRIG_12)."""

from datetime import datetime

from sqlmodel import Session

from activities.counting.tally import Changes, count
from flows.experiment import Arm, Comparison, Side
from store.journeys import ParticipantRow


def convert(session: Session, row: ParticipantRow, at: datetime) -> None:
    """A participant met the success criterion; the first time counts, also after it has left."""
    if row.arm is not None and row.converted_at is None:
        row.converted_at = at
        count(session, row.flow, row.generation, row.number or 0, at.date(), {("arm", _success(row.arm)): 1})


def uncounted(row: ParticipantRow) -> Changes:
    """What to take back when a participation is removed with all record (PART_4)."""
    if row.arm is None:
        return {}
    return {("arm", row.arm.value): -1, ("arm", _success(row.arm)): -1 if row.converted_at is not None else 0}


def comparison(counts: dict[str, int]) -> Comparison | None:
    """Both sides, from the counters of `arm`; None: nobody was ever in a comparison."""
    if not any(counts.values()):
        return None
    treated, control = (Side(counts.get(arm.value, 0), counts.get(_success(arm), 0)) for arm in Arm)
    return Comparison(treated, control)


def _success(arm: Arm) -> str:
    return f"{arm.value}_success"
