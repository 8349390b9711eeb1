"""What is counted about a flow (PART_6), read from its tallies; whoever belongs to an older generation is cancelled."""

from collections import Counter
from dataclasses import dataclass, field

from sqlmodel import Session

from activities.experiments import comparison
from activities.tally import counted
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
        StepCount(step.id, step.kind, step.summary(), waiting[step.id], passed[step.id])
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
