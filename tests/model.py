"""The rules of a flow's behaviour as a plain model in memory: no store, no Temporal, nothing at once.

One flow of five steps, small enough to read: three actions, a wait between the first two, a wait for an action between
the last two. `x` comes and goes with edits. What nobody has done yet is done by `settle`, as it is by a worker.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from activities.life.lifecycle import TABLE
from flows.outcome import Reason, Refusal, Status
from store.flows import FlowStatus
from workflows.contract import Command

ORDER = ("a", "rest", "x", "b", "listen", "c")
ACTIONS = frozenset("axbc")
LISTENS = timedelta(days=5)

OPEN = (FlowStatus.RUNNING, FlowStatus.PAUSED)
MOVING = (FlowStatus.RUNNING, FlowStatus.OFF, FlowStatus.CLOSED)


@dataclass
class Someone:
    """A person: what the checks ask, what has been done to it, and when it paid."""

    former: bool = False
    excluded: bool = False
    deleted: bool = False
    done: dict[str, int] = field(default_factory=dict)
    paid: list[datetime] = field(default_factory=list)


@dataclass
class Participation:
    """One participation. `step` is where it stands, `since` when it came there; `acted` when it last did something."""

    person: str
    generation: int
    status: Status
    step: str
    since: datetime
    acted: datetime
    reason: Reason | None = None
    paused: bool = False
    passed: list[str] = field(default_factory=list)
    used: list[datetime] = field(default_factory=list)


class Model:
    """What should be so."""

    def __init__(self, order: Sequence[str] = ORDER, listens: timedelta = LISTENS) -> None:
        self.order = order
        self.listens = listens
        self.status = FlowStatus.DRAFT
        self.generation = 1
        self.ends: dict[int, Reason] = {}
        self.rests = timedelta(days=3)
        self.has_x = False
        self.people: dict[str, Someone] = {}
        self.inside: dict[str, Participation] = {}

    # --- what is asked --------------------------------------------------------------------------------------------

    def command(self, given: Command) -> bool:
        """LIFE: whether the status allows it."""
        to = TABLE[self.status].to.get(given)
        if to is None:
            return False
        if to is not self.status and to in (FlowStatus.ENDED, FlowStatus.STOPPED):
            ended = to is FlowStatus.ENDED
            self.ends[self.generation] = Reason.FLOW_ENDED if ended else Reason.FLOW_STOPPED
            self.generation += 1
        self.status = to
        return True

    def refusal(self, person: str, *, again: bool) -> Refusal | None:
        """TRIG_2 to TRIG_5, PART_5: why a person would not be enrolled now."""
        someone = self.people[person]
        if someone.deleted:
            return Refusal.UNKNOWN_PERSON
        if self.status not in OPEN:
            return Refusal.FLOW_NOT_OPEN
        if someone.excluded:
            return Refusal.EXCLUDED
        before = [each for each in self.inside.values() if each.person == person]
        if any(self.read(each)[0].inside for each in before):
            return Refusal.ALREADY_ACTIVE
        return Refusal.ONCE if before and not again else None

    def enrol(self, id: str, person: str, now: datetime) -> None:
        """LIFE_3: during a pause people queue before the first step."""
        status = Status.QUEUED if self.status is FlowStatus.PAUSED else Status.ACTIVE
        self.inside[id] = Participation(person, self.generation, status, self.order[0], now, now)

    def leave(self, one: Participation, reason: Reason) -> None:
        """Out, with a reason."""
        one.status, one.reason = reason.status, reason

    def read(self, one: Participation) -> tuple[Status, Reason | None]:
        """LIFE_15: as everybody reads it, whoever belongs to an older generation is cancelled at once."""
        if one.status.inside and one.generation < self.generation:
            return Status.CANCELLED, self.ends[one.generation]
        return one.status, one.reason

    # --- what follows ---------------------------------------------------------------------------------------------

    def settle(self, now: datetime) -> None:
        """Everyone goes as far as it may go now."""
        for one in self.inside.values():
            if one.status is Status.QUEUED and one.generation == self.generation and self.status in MOVING:
                one.status, one.step, one.since = Status.ACTIVE, self.order[0], now
            if one.status.inside and one.generation < self.generation:
                self.leave(one, self.ends[one.generation])
            while one.status is Status.ACTIVE and self._moves(one, now):
                pass
        if self.status is FlowStatus.CLOSED and not any(one.status.inside for one in self.inside.values()):
            self.status = FlowStatus.FINISHED

    def _moves(self, one: Participation, now: datetime) -> bool:
        """PART_1, PART_4: whether the participant has come one step further."""
        if one.paused or self.status is FlowStatus.PAUSED:
            return False
        out = self._out(self.people[one.person])
        if out is not None:
            self.leave(one, out)
        elif one.step == "":
            self.leave(one, Reason.COMPLETED)
        elif one.step == "x" and not self.has_x:
            self._go_on(one, now, passed=False)
        elif one.step in ACTIONS:
            self._act(one, now)
        elif self._is_over(one, now):
            self._go_on(one, now)
        else:
            return False
        return True

    def _out(self, someone: Someone) -> Reason | None:
        if someone.former:
            return Reason.FORMER_EMPLOYEE
        if someone.excluded:
            return Reason.EXCLUDED
        return Reason.PERSON_DELETED if someone.deleted else None

    def _act(self, one: Participation, now: datetime) -> None:
        """SAFE_1, LIFE_9: once; while the flow is off it is skipped."""
        if self.status is not FlowStatus.OFF:
            done = self.people[one.person].done
            done[one.step] = done.get(one.step, 0) + 1
            one.acted = now
        self._go_on(one, now)

    def _is_over(self, one: Participation, now: datetime) -> bool:
        """STEP_13, EDIT_4, STEP_14: the wait's time has come, or what it waits for."""
        if one.step == "rest":
            return now >= one.since + self.rests
        deadline = one.since + self.listens
        came = [at for at in self.people[one.person].paid if one.acted <= at <= deadline and at not in one.used]
        one.used += came[:1]
        return bool(came) or now >= deadline

    def _go_on(self, one: Participation, now: datetime, *, passed: bool = True) -> None:
        if passed:
            one.passed.append(one.step)
        following = [step for step in self.order[self.order.index(one.step) + 1 :] if step != "x" or self.has_x]
        one.step, one.since = (following[0] if following else ""), now
