"""The rules of flows' behaviour as a plain model in memory: no store, no Temporal, nothing at once.

Here is what befalls flows and people from outside; `journeys.py` carries everyone on, `doors.py` lets them in and out.
"""

from collections import Counter
from datetime import datetime, timedelta

from activities.life.lifecycle import TABLE
from flows.outcome import Reason, Status
from store.flows import TAKES_PEOPLE, FlowStatus
from tests.model.design import OUT, Design
from tests.model.journeys import Journeys
from tests.model.places import guarded
from tests.model.state import Life, Paid, Participation
from workflows.contract import Command


class Model(Journeys):
    """What should be so."""

    # --- a flow's life ------------------------------------------------------------------------------------------------

    def command(self, flow: str, given: Command) -> bool:
        """LIFE_2, LIFE_11: whether the status allows it, and nothing is missing."""
        life = self.flows[flow]
        to = TABLE[life.status].to.get(given)
        if to is None or (to is FlowStatus.RUNNING is not life.status and self._dangles(life.design)):
            return False
        if to is not life.status:
            if to is FlowStatus.ENDED:
                self._end(life, Reason.FLOW_ENDED)
            elif to is FlowStatus.STOPPED:
                self._end(life, Reason.FLOW_STOPPED)
                life.scheduled = []
            if to not in TAKES_PEOPLE:
                self._end_jobs(life)
            life.status = to
        return True

    def _dangles(self, design: Design) -> bool:
        """Whether it names a flow that is no more."""
        return any(self.flows[other].deleted for other in (design.hands, *design.leaves) if other is not None)

    def delete(self, flow: str) -> bool:
        """LIFE_6."""
        life = self.flows[flow]
        if not TABLE[life.status].delete:
            return False
        self._end(life, Reason.FLOW_DELETED)
        life.status, life.deleted, life.scheduled = FlowStatus.STOPPED, True, []
        return True

    def _end(self, life: Life, reason: Reason) -> None:
        life.ends[life.generation] = reason
        life.generation += 1
        self._end_jobs(life)

    def _end_jobs(self, life: Life) -> None:
        for job in life.jobs:
            job.done = True

    def schedule(self, flow: str, given: Command, at: datetime) -> bool:
        """LIFE_14; not for a flow that no command leads on."""
        life = self.flows[flow]
        if all(to is life.status for to in TABLE[life.status].to.values()):
            return False
        life.scheduled.append((at, given))
        return True

    def brake(self, brake: str, *, on: bool) -> None:
        """LIFE_16."""
        (self.brakes.add if on else self.brakes.discard)(brake)

    def settle(self, now: datetime) -> None:
        """What was scheduled is done; then everyone goes as far as they may."""
        for flow, life in self.flows.items():
            for due in sorted(due for due in life.scheduled if due[0] <= now):
                if due in life.scheduled:
                    life.scheduled.remove(due)
                    self.command(flow, due[1])
        super().settle(now)

    def passes(self, time: timedelta) -> None:
        """LIFE_12, LIFE_16: for who is paused this time does not count among the day of tries, nor where waits stand
        still; a brake on the channel stops the tries alone."""
        for flow, life in self.flows.items():
            if self.paused(flow):
                life.still += time
        for one in self.everyone:
            paused = one.paused or self.paused(one.flow)
            if paused and self.flows[one.flow].design.freeze:
                one.rested += time
            if paused or "sms" in self.brakes:
                one.planned = one.planned and one.planned + time

    # --- what befalls people ------------------------------------------------------------------------------------------

    def happens(
        self, type: str, person: str, at: datetime, now: datetime, order: str = "", cause: tuple[str, ...] = ()
    ) -> None:
        """TRIG_1, STEP_14, STEP_18: an event; what it leads to beside enrolments is found by `settle`."""
        if type == "order.paid":
            self.people[person].paid.append(Paid(at, order))
        if type == "order.won":
            for one in self.everyone:
                if one.person == person and self.flows[one.flow].design.then and self._counts(one, at, order):
                    self._succeeds(one)
        for flow, life in sorted(self.flows.items()):
            if life.status in TAKES_PEOPLE and life.design.trigger == type:
                self.propose(flow, person, now, again=life.design.again, cause=cause, order=order)

    def _succeeds(self, one: Participation) -> None:
        """TRIG_12: for the comparison it counts after leaving, too."""
        if self.read(one)[0].inside and not one.met:
            one.met = one.converted = True
        elif not self.read(one)[0].inside:
            one.converted = True

    def _counts(self, one: Participation, at: datetime, order: str) -> bool:
        return at >= one.enrolled and (not one.key or one.key == order)

    def employs(self, person: str, *, former: bool) -> None:
        """PART_1."""
        if self.people[person].former != former:
            self.people[person].former = former
            self._look(person)

    def lists(self, selection: str, group: list[str], *, on: bool) -> None:
        """TRIG_5, TRIG_11: into a selection, or out of it."""
        for person in group:
            groups = self.people[person].groups
            if on and selection == OUT not in groups:
                self._look(person)
            (groups.add if on else groups.discard)(selection)

    def _look(self, person: str) -> None:
        for one in self.everyone:
            if one.person == person:
                self.looks(one)

    def deleted(self, person: str, now: datetime) -> None:
        """PART_3: out of every flow at once, so that who is restored does not come back."""
        someone = self.people[person]
        someone.deleted, someone.groups = True, set()
        for one in [each for each in self.everyone if each.person == person]:
            out = self._out(one) if self.read(one)[0].inside else None
            if out is not None:
                self.leave(one, out, now)

    def erased(self, person: str, now: datetime) -> None:
        """PART_8: out of all flows, and nothing is known of it any more."""
        someone = self.people[person]
        someone.deleted = someone.gone = True
        someone.groups = set()
        for one in self.everyone:
            if one.person == person:
                if self.read(one)[0].inside:
                    self.leave(one, Reason.PERSON_DELETED, now)
                one.key = ""

    def merged(self, person: str, into: str, now: datetime) -> None:
        """PART_9: of two participations in one flow the older stays; what was done for either is not done again."""
        gone, stays = self.people[person], self.people[into]
        both = [one for one in self.everyone if one.person in (person, into)]
        staying: dict[tuple[str, str], Participation] = {}
        for one in both:
            if self.read(one)[0].inside:
                older = staying.setdefault((one.flow, one.key), one)
                if older is not one:
                    older.met = older.met or one.met
                    older.converted = older.converted or (one.arm is not None and one.converted)
                    one.arm = None
                    self.leave(one, Reason.MERGED, now)
        for one in both:
            one.person = into
        for one in staying.values():
            self.looks(one)
            design = self.flows[one.flow].design
            others = [
                each for each in both
                if each is not one and (each.flow, each.generation) == (one.flow, one.generation)
                and (design.once or each.reason is Reason.MERGED)
            ]  # fmt: skip
            done = {step for each in others for step, how in each.did.items() if how != "failed"}
            one.passed += sorted((done & design.steps) - set(one.passed))
        stays.paid += gone.paid
        stays.groups |= gone.groups
        stays.language = stays.language or gone.language
        stays.done = Counter({**gone.done, **stays.done})
        gone.deleted = gone.gone = True
        gone.groups, gone.done, gone.paid = set(), Counter(), []

    # --- what is done about one participant ---------------------------------------------------------------------------

    def operate(self, one: Participation, operation: str, now: datetime) -> bool:
        """PART_4, SAFE_3: whether that is possible now."""
        status, _ = self.read(one)
        if operation == "remove":
            if one.status is Status.ACTIVE:
                self.give_up(one, now)
            self.everyone.remove(one)
            return True
        if operation == "cancel" and status is Status.CANCELLED:
            return True
        if not status.inside or (operation == "skip" and not one.failing):
            return False
        if operation == "retry" and not one.failing and not one.lost:
            return False
        if operation == "cancel":
            self.leave(one, Reason.BY_HAND, now)
        elif operation in ("pause", "resume"):
            if one.paused != (operation == "pause"):
                one.paused = operation == "pause"
                self.looks(one)
        elif operation == "skip":
            one.failing = False
            one.passed.append(one.step)
        else:
            one.untold = one.lost and not self.hearing
            one.failing = one.lost = False
            if one.did.get(one.step) == "failed":
                one.planned, one.tries = now, 0
            self.looks(one)
        return True

    def terminate(self, one: Participation) -> None:
        """PART_4: its journey is gone from Temporal, and was found to be."""
        one.lost = one.status is Status.ACTIVE

    def hear_again(self) -> None:
        """PART_4: whose retry Temporal has not heard of is lost as before, and listed again."""
        self.hearing = True
        for one in self.everyone:
            one.lost = one.lost or (one.untold and one.status is Status.ACTIVE)
            one.untold = False

    # --- edits --------------------------------------------------------------------------------------------------------

    def edit(self, flow: str, design: Design) -> str:
        """EDIT_2, EDIT_6, LIFE_2: saved, refused by the status, occupied, or not to be run so."""
        life = self.flows[flow]
        now = life.design
        allowed = TABLE[life.status].edit
        if allowed == "no" or (allowed == "if allowed" and not now.editable):
            return "refused"
        standing = {
            one.step for one in self.everyone
            if one.flow == flow and one.generation == life.generation and one.status is Status.ACTIVE
        }  # fmt: skip
        if now.guard and standing & guarded(now, design):
            return "occupied"
        if life.status is FlowStatus.RUNNING and self._dangles(design):
            return "dangling"
        life.versions.append(design)
        return "saved"
