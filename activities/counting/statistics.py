"""What is counted about a flow (PART_6), now and over time, read from its tallies.

Whoever belongs to an older generation is cancelled.
"""

from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta

from sqlmodel import Session

from activities.counting.experiments import comparison
from activities.counting.tally import By, Measure, counted, counted_over_time
from flows.experiment import Comparison
from flows.outcome import Reason, Status
from flows.planning import Outline
from store.flows import FlowRow


@dataclass(frozen=True, slots=True)
class StepCount:
    """How many people stand in a step now, and how many have passed it. `kind` is None for one that was removed."""

    id: str
    kind: str | None
    summary: str
    waiting: int
    passed: int


@dataclass(frozen=True, slots=True)
class Statistics:
    """A flow in numbers, over all its generations.

    `enrolled` is the sum of all statuses. `success_rate` is the share of the enrolled who finished with success, None
    while nobody is enrolled. `dropped_out` is by reason, and so is `refused`: proposals that were not taken.
    """

    enrolled: int
    active: int
    queued: int
    finished: int
    finished_with_success: int
    success_rate: float | None
    cancelled: int
    dropped_out: dict[str, int] = field(default_factory=dict)
    refused: dict[str, int] = field(default_factory=dict)
    steps: tuple[StepCount, ...] = ()
    comparison: Comparison | None = None


def statistics(session: Session, flow: FlowRow, outline: Outline) -> Statistics:
    """The flow's numbers; the steps are those of `outline`, and removed ones where somebody still stands."""
    enrolled = 0
    statuses: Counter[Status] = Counter()
    reasons: Counter[str] = Counter()
    refused: Counter[str] = Counter()
    arms: Counter[str] = Counter()
    waiting: Counter[str] = Counter()
    passed: Counter[str] = Counter()
    for (generation, measure, name), number in counted(session, flow.id).items():
        if measure == "enrolled":
            enrolled += number
        elif measure == "status":
            status = Status(name)
            statuses[Status.CANCELLED if status.inside and generation < flow.generation else status] += number
        elif measure == "reason":
            reasons[name] += number
        elif measure == "refused":
            refused[name] += number
        elif measure == "arm":
            arms[name] += number
        elif measure == "waiting" and generation == flow.generation:
            waiting[name] += number
        elif measure == "passed":
            passed[name] += number
    steps = [
        StepCount(step.id, step.kind, step.label(), waiting[step.id], passed[step.id])
        for _, step in outline.flow.walk()
    ]
    steps += [
        StepCount(id, None, "removed from the flow", number, passed[id])
        for id, number in sorted(waiting.items())
        if number and id and id not in outline.step
    ]
    return Statistics(
        enrolled=enrolled,
        active=statuses[Status.ACTIVE],
        queued=statuses[Status.QUEUED],
        finished=statuses[Status.FINISHED],
        finished_with_success=statuses[Status.FINISHED_WITH_SUCCESS],
        success_rate=statuses[Status.FINISHED_WITH_SUCCESS] / enrolled if enrolled else None,
        cancelled=statuses[Status.CANCELLED],
        dropped_out={
            reason: number
            for reason, number in sorted(reasons.items())
            if number and Reason(reason).status is Status.DROPPED_OUT
        },
        refused=dict(sorted(refused.items())),
        steps=tuple(steps),
        comparison=comparison(arms),
    )


@dataclass(slots=True)
class StepPeriod:
    """A step in one period: who passed it, and how many stood there at its end."""

    passed: int = 0
    waiting: int = 0


@dataclass(slots=True)
class Period:
    """A flow in one period that begins on the day `start`: what happened, and how things stood at its end."""

    start: date
    enrolled: int = 0
    finished: int = 0
    finished_with_success: int = 0
    cancelled: int = 0
    dropped_out: Counter[str] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)
    active: int = 0
    queued: int = 0
    steps: dict[str, StepPeriod] = field(default_factory=lambda: defaultdict(StepPeriod))


def over_time(session: Session, flow: FlowRow, first: date, last: date, by: By) -> list[Period]:
    """Period by period from the one that `first` is in to the one that `last` is in, by the flow's calendar."""
    begin = _start(first, by)
    changes: dict[date, Counter[tuple[Measure, str]]] = defaultdict(Counter)
    for day, measure, name, change in counted_over_time(session, flow.id, begin, last, by):
        changes[day][measure, name] += change
    standing = Counter(changes[begin - timedelta(days=1)])
    days = (begin + timedelta(days=number) for number in range((last - begin).days + 1))
    periods = [Period(day) for day in days if _start(day, by) == day]
    for period in periods:
        for (measure, name), change in changes[period.start].items():
            _happened(period, measure, name, change)
            standing[measure, name] += change
        _stood(period, standing)
    return periods


def _start(day: date, by: By) -> date:
    if by == "month":
        return day.replace(day=1)
    return day - timedelta(days=day.weekday()) if by == "week" else day


def _happened(period: Period, measure: Measure, name: str, change: int) -> None:
    if measure == "enrolled":
        period.enrolled += change
    elif measure == "reason":
        status = Reason(name).status
        if status is Status.FINISHED:
            period.finished += change
        elif status is Status.FINISHED_WITH_SUCCESS:
            period.finished_with_success += change
        elif status is Status.CANCELLED:
            period.cancelled += change
        else:
            period.dropped_out[name] += change
    elif measure == "refused":
        period.refused[name] += change
    elif measure == "passed":
        period.steps[name].passed += change


def _stood(period: Period, standing: Mapping[tuple[Measure, str], int]) -> None:
    for (measure, name), number in standing.items():
        if measure == "waiting" and number and name:
            period.steps[name].waiting += number
        elif measure == "status" and name == Status.ACTIVE.value:
            period.active += number
        elif measure == "status" and name == Status.QUEUED.value:
            period.queued += number
