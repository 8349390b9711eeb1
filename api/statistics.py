"""A flow in numbers over time, and its counters recounted."""

from datetime import date, timedelta
from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, Field
from sqlmodel import Session

from activities.counting.statistics import Period, over_time, statistics
from activities.counting.tally import By
from api.engine import EngineDep
from api.errors import ProblemDetail, Unprocessable
from api.flows import FlowStatistics, find
from api.resource import PathId, problems

router = APIRouter(prefix="/flows", tags=["flows"])

LONGEST = timedelta(days=10 * 366)
USUAL = timedelta(days=29)


class StepPeriod(BaseModel):
    """A step in one period."""

    id: str
    passed: int = Field(description="Who went through it in the period.")
    waiting: int = Field(description="Who stood there at the period's end.")


class FlowPeriod(BaseModel):
    """A flow in one period."""

    start: date = Field(description="The period's first day.")
    enrolled: int
    finished: int = Field(description="Without success.")
    finished_with_success: int
    dropped_out: dict[str, int] = Field(description="By reason.")
    cancelled: int
    refused: dict[str, int] = Field(description="Proposals that were not taken, by reason.")
    active: int = Field(description="At the period's end.")
    queued: int = Field(description="At the period's end.")
    steps: list[StepPeriod]

    @classmethod
    def of(cls, period: Period) -> "FlowPeriod":
        """As counted."""
        steps = [
            StepPeriod(id=id, passed=step.passed, waiting=step.waiting) for id, step in sorted(period.steps.items())
        ]
        return cls(
            start=period.start,
            enrolled=period.enrolled,
            finished=period.finished,
            finished_with_success=period.finished_with_success,
            dropped_out={reason: number for reason, number in sorted(period.dropped_out.items()) if number},
            cancelled=period.cancelled,
            refused={reason: number for reason, number in sorted(period.refused.items()) if number},
            active=period.active,
            queued=period.queued,
            steps=steps,
        )


class FlowOverTime(BaseModel):
    """A flow in numbers: all in all, and period by period, in the flow's time zone."""

    flow: str
    by: By
    from_: date = Field(alias="from", description="The first day of the first period.")
    to: date = Field(description="The last day.")
    statistics: FlowStatistics
    periods: list[FlowPeriod]


class MendedCounter(BaseModel):
    """A counter that was wrong."""

    model_config = ConfigDict(from_attributes=True)

    generation: int = Field(description="+1 each time the flow was ended.")
    measure: str = Field(description="enrolled, status, reason, waiting, passed or arm.")
    name: str = Field(description="The status, reason, step or side.")
    by: int = Field(description="So much too small it was.")


class Recounted(BaseModel):
    """The counters that were mended; none: all were right."""

    mended: list[MendedCounter]


@router.get(
    "/{flow}/statistics",
    operation_id="get_flow_statistics",
    summary="Read a flow's numbers over time",
    responses=problems(404, 422),
)
async def get_statistics(
    engine: EngineDep,
    flow: PathId,
    first: Annotated[date | None, Query(alias="from", description="Default: 29 days before `to`.")] = None,
    last: Annotated[date | None, Query(alias="to", description="Default: today in the flow's time zone.")] = None,
    by: By = "day",
) -> FlowOverTime:
    """Whole periods: the first is the one that `from` is in. Weeks begin on Monday."""

    def look(session: Session) -> FlowOverTime:
        row = find(session, flow)
        outline = engine.core.definitions.current(session, row)
        until = last or outline.flow.day(engine.clock())
        begin = first or until - min(USUAL, until - date.min)
        _check(begin, until)
        periods = over_time(session, row, begin, until, by)
        return FlowOverTime.model_validate({
            "flow": flow,
            "by": by,
            "from": periods[0].start,
            "to": until,
            "statistics": FlowStatistics.model_validate(statistics(session, row, outline)),
            "periods": [FlowPeriod.of(period) for period in periods],
        })  # fmt: skip

    return await engine.db.read(look)


@router.post(
    "/{flow}/recount",
    operation_id="recount_flow",
    summary="Compare a flow's counters with its participants, and mend them",
    responses=problems(404, 422),
)
async def recount(engine: EngineDep, flow: PathId) -> Recounted:
    """Also done by itself once a day. Nobody in the flow waits for it."""
    mended = await engine.core.recounts.recount(flow)
    return Recounted(mended=[MendedCounter.model_validate(each) for each in mended])


def _check(first: date, last: date) -> None:
    if first > last:
        remedy = "Give from and to the other way round."
        wrong = ProblemDetail(place="query", pointer="/from", what=f"{first} is after {last}.", remedy=remedy)
        raise Unprocessable("The time ends before it begins.", remedy, problems=[wrong])
    if last - first > LONGEST:
        remedy = f"Ask for at most {LONGEST.days} days."
        wrong = ProblemDetail(place="query", pointer="/from", what="That is too long ago.", remedy=remedy)
        raise Unprocessable("The time is too long.", remedy, problems=[wrong])
