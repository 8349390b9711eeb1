"""From where a participant stands to what comes next, with the reasons.

A flow is a tree of steps. Its outline says for each step what follows it; a course walks from a step through everything
that needs no time and no effect (splits, waits that are over, exits) and ends at a stop: an action that is due, a rest,
or the way out. Pure: the same standing and the same facts give the same course.
"""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from flows.definition import Flow
from flows.facts import Facts, Happening
from flows.outcome import HandOver, Reason
from flows.steps.base import BaseStep, Fail, GoOn, Into, Leave, Stay
from flows.steps.finish import Finish


@dataclass(frozen=True, slots=True)
class Row:
    """A sequence of steps: the flow's own, or a branch by the step it belongs to and its number in `inner()`."""

    owner: str | None = None
    branch: int = 0


class Outline:
    """The order of a flow's steps: `step[id]`, its `seat[id]`, and what follows each of them. Made once per version."""

    def __init__(self, flow: Flow) -> None:
        self.flow = flow
        self.step: dict[str, BaseStep] = {}
        self.seat: dict[str, tuple[Row, int]] = {}
        self._after: dict[str, str | None] = {}
        self.first = self._lay(flow.steps, Row(), below=None)

    def _lay(self, steps: Sequence[BaseStep], row: Row, below: str | None) -> str | None:
        following = below
        for index, step in reversed(list(enumerate(steps))):
            self.step[step.id] = step
            self.seat[step.id] = row, index
            self._after[step.id] = following
            for branch, inner in enumerate(step.inner()):
                self._lay(inner, Row(step.id, branch), below=following)
            following = step.id
        return following

    def steps(self, row: Row) -> Sequence[BaseStep]:
        """The steps of a sequence."""
        return self.flow.steps if row.owner is None else self.step[row.owner].inner()[row.branch]

    def within(self, row: Row) -> frozenset[str]:
        """Every step of a sequence, and all on their branches."""
        found = frozenset(step.id for step in self.steps(row))
        return found.union(*(self.inside(step) for step in found))

    def inside(self, step: str) -> frozenset[str]:
        """Every step on the branches of a step."""
        return frozenset().union(*(self.within(Row(step, branch)) for branch in range(len(self.step[step].inner()))))

    def after(self, step: str) -> str | None:
        """What follows a step: the next in its sequence, else what is below the split it is in; None is the end."""
        return self._after[step]

    def into(self, step: str, branch: int) -> str | None:
        """The first step of a branch; of an empty one, what is below the split."""
        inner = self.step[step].inner()[branch]
        return inner[0].id if inner else self.after(step)

    @property
    def on_success(self) -> HandOver | None:
        """Where who goes straight to finish goes next: what the finish at the flow's end says (STEP_17, STEP_18)."""
        last = self.flow.steps[-1] if self.flow.steps else None
        return last.success if isinstance(last, Finish) else None


@dataclass(frozen=True, slots=True)
class Line:
    """What a journal is told: at which step, what happened, and why."""

    step: str
    kind: str
    event: str
    text: str


@dataclass(frozen=True, slots=True)
class Due:
    """A step that acts is due."""

    step: BaseStep


@dataclass(frozen=True, slots=True)
class Rest:
    """Nothing to do until a moment (None: without limit) or until one of the `events`."""

    step: BaseStep
    until: datetime | None
    since: datetime
    events: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Stuck:
    """A step that needs no effect cannot be done as things are; a person has to look (SAFE_3)."""

    step: BaseStep
    since: datetime
    text: str


@dataclass(frozen=True, slots=True)
class Course:
    """A walk: the stop it came to, the steps it passed, what to write down, and the events that decided something.

    `at` is the step that led out of the flow; empty at the flow's end.
    """

    stop: Due | Rest | Leave | Stuck
    passed: tuple[str, ...] = ()
    lines: tuple[Line, ...] = ()
    used: tuple[tuple[str, Happening], ...] = ()
    at: str = ""


def course(
    outline: Outline,
    start: str | None,
    facts: Callable[[], Facts],
    passed: Collection[str] = (),
    *,
    arriving: bool = True,
) -> Course:
    """Walk on from `start` (None: the end). `arriving` says that the participant comes to it now, else it stands there.

    `facts` is asked only where something has to be decided. Steps in `passed` are never done again (EDIT_3).
    """
    walked: list[str] = []
    lines: list[Line] = []
    used: list[tuple[str, Happening]] = []
    at = start
    while at is not None:
        step = outline.step[at]
        if at in passed:
            at = outline.after(at)
            arriving = True
            continue
        if step.acts:
            return Course(Due(step), tuple(walked), tuple(lines), tuple(used))
        known = facts()
        if arriving:
            known = replace(known, since=known.now, frozen=timedelta())
        if used:
            known = replace(known, event=used[-1][1].data, used=[happening.id for _, happening in used])
        move = step.enter(outline.flow, known)
        if isinstance(move, Stay):
            rest = Rest(step, move.until, known.since, move.events)
            if arriving:
                lines.append(Line(at, step.kind, "waiting", move.text))
            return Course(rest, tuple(walked), tuple(lines), tuple(used))
        if isinstance(move, Fail):
            return Course(Stuck(step, known.since, move.text), tuple(walked), tuple(lines), tuple(used))
        walked.append(at)
        if isinstance(move, Leave):
            return Course(move, tuple(walked), tuple(lines), tuple(used), at)
        if not isinstance(move, GoOn | Into):
            raise TypeError(f"step {at} does not act, yet asks for an effect")
        lines.append(Line(at, step.kind, "branch" if isinstance(move, Into) else "passed", move.text))
        if move.used is not None:
            used.append((at, move.used))
        at = outline.into(at, move.branch) if isinstance(move, Into) else outline.after(at)
        arriving = True
    end = Leave(Reason.COMPLETED, "came to the end of the flow")
    return Course(end, tuple(walked), tuple(lines), tuple(used))
