"""A participant, locked, with everything that decides where it goes: the gate of DESIGN.md.

Whatever decides about one person locks the person first, then the flow, then the participant: one order everywhere.
Everything here runs inside one transaction and commits or vanishes with it.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import cached_property

from pydantic import TypeAdapter
from sqlalchemy import bindparam, delete
from sqlmodel import Session, col

from activities.counting import experiments
from activities.counting.tally import Changes, count
from activities.crm.embedded import EmbeddedCrm
from activities.definitions import Definitions
from activities.dispatcher import wake
from activities.journeys import edited
from activities.journeys.fitness import unfit
from activities.journeys.holds import put_on, take_off
from activities.journeys.holds import reasons as reasons_to_hold
from activities.journeys.places import give_up
from activities.journeys.sparing import spared
from activities.life import draining, pauses
from activities.records import StoreRecords
from flows.facts import Facts
from flows.outcome import HandOver, Reason, Status
from flows.planning import Due, Line, Outline, Rest, Stuck, course
from flows.steps.base import BaseStep, Leave
from flows.success import state_meets
from store.database import AS_WRITTEN
from store.flows import FlowRow
from store.journeys import AddressClaim, EventUse, JournalRow, ParticipantRow
from store.locks import lock_participant
from workflows.contract import Done, Hold, Perform, Plan, Wait

_PLAN: TypeAdapter[Plan] = TypeAdapter(Plan)
_GIVE_BACK = delete(AddressClaim).where(col(AddressClaim.participant) == bindparam("gone"))
HandOverTo = Callable[["Standing", HandOver], None]
"""Hands someone who leaves over to another flow or to a selection (STEP_16)."""


@dataclass(frozen=True, slots=True)
class Rules:
    """What a standing needs to know beside its own rows."""

    definitions: Definitions
    crm: EmbeddedCrm
    hand_over: HandOverTo


class UnknownParticipant(LookupError):
    """There is no participant of this id: removed with all record (PART_4)."""


@dataclass
class Standing:
    """One participant and its flow, locked in this transaction."""

    session: Session
    now: datetime
    row: ParticipantRow
    flow: FlowRow
    rules: Rules
    outline: Outline = field(init=False)

    def __post_init__(self) -> None:
        self.outline = self.rules.definitions.current(self.session, self.flow)
        if self.row.wake is not None:  # a journey's clock may be a little behind that of whoever woke it
            self.now = max(self.now, self.row.wake)
        self.session.info["acting"] = self.row.id

    @classmethod
    def lock(cls, session: Session, participant: str, now: datetime, rules: Rules) -> "Standing":
        """Lock the person, the flow (shared) and the participant, in this order."""
        locked = lock_participant(session, participant)
        if locked is None:
            raise UnknownParticipant(participant)
        row, flow = locked
        return cls(session, now, row, flow, rules)

    # --- what is known -------------------------------------------------------------------------------------------

    @cached_property
    def _known(self) -> Facts:
        row = self.row
        people = self.rules.crm.facts_of(self.session, row.person)
        return Facts(
            now=self.now,
            since=row.since,
            participant=row.id,
            enrolled_at=row.enrolled_at,
            person=people.person,
            company=people.company,
            owner=people.owner,
            service_owner=people.service_owner,
            records=StoreRecords(self.session, row, self.rules.crm, self.outline.flow.enrolment.key),
            event=row.event,
            values=row.kept,
            frozen=pauses.frozen(self.session, self.outline.flow, row, self.now),
        )

    def facts(self) -> Facts:
        """What steps and conditions decide from; read once until `forget` is called."""
        return self._known

    def facts_for(self, message: str) -> Facts:
        """The facts for a step that sends: with the id that its message will get."""
        return replace(self._known, message=message)

    def forget(self) -> None:
        """The person may have changed: read the facts anew."""
        self.__dict__.pop("_known", None)

    @property
    def plan(self) -> Plan:
        """What comes next, as stored."""
        if self.row.holding:
            return self._held()
        return self.read_plan(self.row)

    @staticmethod
    def read_plan(row: ParticipantRow) -> Plan:
        """The plan that is stored for a participant."""
        return _PLAN.validate_python(row.plan)

    # --- the gate ------------------------------------------------------------------------------------------------

    def stop(self) -> Plan | None:
        """Why this participant may not go on now: over, cancelled, held, or out by a check (PART_1). None: it may."""
        if not self.row.status.inside:
            return self.plan
        if self.row.generation < self.flow.generation:
            reason = self.flow.end_of(self.row.generation)
            return self.leave(Leave(reason, reason.value.replace("_", " ")))
        if self.row.held or self.flow.paused:
            return self.hold()
        self.row.holding = False
        return self._check()

    def check_now(self) -> None:
        """Leave at once if a check leads out, whatever holds it (PART_1)."""
        if self.row.status.inside and self._check() is not None:
            wake(self.session, self.row, self.now)

    def _check(self) -> Plan | None:
        facts, flow = self.facts(), self.outline.flow
        if self._succeeded(facts) and flow.success is not None and flow.success.then == "finish":
            straight = Leave(Reason.SUCCESS, "the success criterion is met", on_success=self.outline.on_success)
            return self.leave(straight)
        out = unfit(self.session, flow, self.row.id, facts)
        return self.leave(out) if out is not None else None

    def _succeeded(self, facts: Facts) -> bool:
        if self.row.success_at is None and state_meets(self.outline.flow, facts):
            self.row.success_at = self.now
            self.row.success_before = self.row.position == 1
            experiments.convert(self.session, self.row, self.outline.flow, self.now)
            self.tell(Line(self.row.step, "", "success", "the success criterion is met"))
        return self.row.success_at is not None

    def hold(self) -> Hold:
        """Rest where it stands until no reason to hold it is left (PART_4)."""
        held = self._held()
        if not self.row.holding:
            self.tell(Line(self.row.step, "", "held", ", ".join(held.reasons)))
        self.row.holding = True
        return held

    def _held(self) -> Hold:
        reasons = reasons_to_hold(self.row, self.flow)
        return Hold(position=self.row.position, step=self.row.step, reasons=reasons, summary="held")

    # --- going on ------------------------------------------------------------------------------------------------

    def walk(self) -> BaseStep | None:
        """Walk on as far as it goes without an effect. The action that is due, if any; the plan is then still the old.

        So a try that acts and fails finds the position that it was given, and is tried again as the same plan.
        """
        removed = edited.removed(self.session, self.rules.definitions, self.row, self.flow, self.now)
        if removed is None:
            return self._walk(self.row.step or None, arriving=False)
        if removed.until is not None:
            planned_by = self.row.version
            self.wait_here(removed.step, removed.until, removed.text, then=self.perform(removed.place))
            # Where another step has its id now, whatever wakes them must not take that one's time for theirs.
            if removed.step.id in self.outline.step:
                self.row.version = planned_by
            return None
        if removed.step.id not in self.row.passed:
            self.tell(Line(removed.step.id, removed.step.kind, "edited", removed.text))
        return self._walk(removed.place, arriving=True)

    def on_from(self, step: BaseStep) -> None:
        """The step is done: stand at what follows it."""
        self.mark_passed(step.id)
        following = self.outline.after(step.id)
        if (following is None or not self.outline.step[following].acts) and self.stop() is not None:
            return
        due = self._walk(following, arriving=True)
        if due is not None:
            self.due(due)

    def mark_passed(self, *steps: str) -> None:
        """These steps are behind the participant: never done again (EDIT_3)."""
        self.row.passed = [*self.row.passed, *steps]
        self._count({("passed", step): 1 for step in steps})

    def admit(self) -> None:
        """Out of the queue, to the first step of the flow as it is now."""
        self.row.status, self.row.since, self.row.step = Status.ACTIVE, self.now, self.outline.first or ""
        self._next(self.perform(self.outline.first))
        self._count(
            {
                ("status", Status.QUEUED.value): -1,
                ("status", Status.ACTIVE.value): 1,
                ("waiting", self.row.step): 1,
            }
        )
        self.tell(Line(self.row.step, "", "admitted", "left the queue"))

    def due(self, step: BaseStep, *, away: bool = False) -> Plan:
        """The step is what comes next; `away`: not beside the workflow task, for it leaves our store after all."""
        self._next(self.perform(step.id, away=away))
        return self.plan

    def _walk(self, start: str | None, *, arriving: bool) -> BaseStep | None:
        walk = course(self.outline, start, self.facts, self.row.passed, arriving=arriving)
        for line in walk.lines:
            self.tell(line)
        if walk.passed:
            self.mark_passed(*walk.passed)
        for step, happening in walk.used:
            self.session.add(EventUse(participant=self.row.id, event=happening.id, step=step))
            self.row.event = dict(happening.data)
        stop = walk.stop
        if isinstance(stop, Leave):
            self.leave(stop, at=walk.at)
        elif isinstance(stop, Due):
            here = stop.step.id == self.row.step and not arriving
            self._stand(stop.step, self.row.since if here else self.now, None)
            return stop.step
        elif isinstance(stop, Stuck):
            self._stand(stop.step, stop.since, None)
            self.fail(stop.step, stop.text)
        else:
            self._stand(stop.step, stop.since, stop.until, stop.events)
            then = stop.step.id if stop.events else self.outline.after(stop.step.id)
            self._next(self._wait(stop, then))
        return None

    def _wait(self, rest: Rest, then: str | None) -> Wait:
        return Wait(
            position=0,
            version=self.flow.version,
            step=rest.step.id,
            kind=rest.step.kind,
            summary=rest.step.label(),
            until=rest.until,
            then=self.perform(then),
        )

    def perform(self, step: str | None, *, away: bool = False) -> Perform:
        """The plan to come to a step (None: the end) and do what is due there."""
        at = self.outline.step[step] if step is not None else None
        return Perform(
            position=0,
            version=self.flow.version,
            step=at.id if at else "",
            kind=at.kind if at else "finish",
            summary=at.label() if at else "Finish",
            local=at is None or (at.in_store and not away),
        )

    def wait_here(self, step: BaseStep, until: datetime, why: str, *, then: Perform | None = None) -> Plan:
        """Wait in a step that is due until it may be done, or `then`: a window, a pause date, a later try."""
        self._stand(step, self.row.since, until)
        plan = Wait(
            position=0,
            version=self.flow.version,
            step=step.id,
            kind=step.kind,
            summary=why,
            until=until,
            then=then or self.perform(step.id),
        )
        if self._next(plan):
            self.tell(Line(step.id, step.kind, "waiting", why))
        return self.plan

    def put_on_hold(self, reason: str) -> None:
        """Add a reason to hold this participant; holds add up (PART_4)."""
        put_on(self.session, self.row, reason, self.now)

    def take_off_hold(self, reason: str) -> None:
        """Take a reason away; it goes on when none is left."""
        take_off(self.session, self.row, reason, self.now)

    def fail(self, step: BaseStep, text: str) -> Plan:
        """Hold this participant alone, in the attention list (SAFE_3)."""
        self.put_on_hold("failing")
        self.tell(Line(step.id, step.kind, "failing", text))
        return self.hold()

    def leave(self, leave: Leave, *, at: str | None = None) -> Done:
        """Out of the flow, at a step (None: where it stands): status, reason, what is given back, where to next."""
        row, reason = self.row, leave.reason
        if reason is Reason.COMPLETED and self._succeeded(self.facts()):
            reason = Reason.SUCCESS
        before, stood = row.status, row.step
        row.status, row.reason, row.ended_at, row.until = reason.status, reason, self.now, None
        row.holding, row.wake = False, None
        row.position += 1
        plan = Done(position=row.position, status=row.status.value, reason=reason.value)
        row.plan = plan.model_dump(mode="json")
        self._count(
            {
                ("status", before.value): -1,
                ("status", row.status.value): 1,
                ("reason", reason.value): 1,
                ("waiting", stood): -1 if before is Status.ACTIVE else 0,
            }
        )
        row.step = at or stood  # a split or an exit that was come to on the way is where they left
        self.tell(Line(stood if at is None else at, "", "left", f"{row.status.value.replace('_', ' ')}: {leave.text}"))
        self.session.execute(_GIVE_BACK, {"gone": row.id}, execution_options=AS_WRITTEN)
        give_up(self.session, row, self.flow, self.now)
        hand_over = leave.on_success if reason is Reason.SUCCESS else leave.hand_over
        if hand_over is not None and row.status is not Status.CANCELLED:
            kept = spared(self.flow, row)
            if kept is not None:
                self.tell(Line(row.step, "", "skipped", f"handed over to nobody: {kept}"))
            else:
                self.session.flush()
                self.rules.hand_over(self, hand_over)
        draining.left(self.session, self.flow, row.id)
        return plan

    def _stand(self, step: BaseStep, since: datetime, until: datetime | None, awaits: Sequence[str] = ()) -> None:
        if step.id != self.row.step:
            self._count({("waiting", self.row.step): -1, ("waiting", step.id): 1})
            give_up(self.session, self.row, self.flow, self.now)  # done for another, or removed: it sends nothing here
        self.row.step, self.row.since, self.row.until, self.row.awaits = step.id, since, until, list(awaits)
        self.row.version = self.flow.version

    def _next(self, plan: Perform | Wait) -> bool:
        """Store a plan with the next position, unless it says what the stored one says; True if it is new."""
        old = self.row.plan
        self.row.version = self.flow.version
        unnumbered = {"position", "version"}
        new = plan.model_dump(mode="json")
        if _without(new, unnumbered) == _without(old, unnumbered):
            return False
        self.row.position += 1
        _number(new, self.row.position)
        self.row.plan = new
        return True

    def tell(self, line: Line, **data: str) -> None:
        """Write a line in the participant's journal (PART_7)."""
        self.session.add(
            JournalRow(
                participant=self.row.id,
                flow=self.row.flow,
                at=self.now,
                step=line.step,
                kind=line.kind,
                event=line.event,
                text=line.text,
                data=data,
            )
        )

    def _count(self, changes: Changes) -> None:
        day = self.outline.flow.day(self.now)
        count(self.session, self.row.flow, self.row.generation, self.row.number or 0, day, changes)


def _without(plan: dict[str, object], names: set[str]) -> dict[str, object]:
    return {
        name: _without(value, names) if isinstance(value, dict) else value
        for name, value in plan.items()
        if name not in names
    }


def _number(plan: dict[str, object], position: int) -> None:
    plan["position"] = position
    then = plan.get("then")
    if isinstance(then, dict):
        then["position"] = position
