"""Coming into a flow and leaving it. The one leads to the other: who leaves may be handed over, who comes may leave."""

from datetime import datetime

from flows.experiment import Arm, arm_of
from flows.outcome import Reason, Refusal, Status
from flows.units import Share
from store.flows import TAKES_PEOPLE
from tests.model.design import CHOSEN, PAGE
from tests.model.state import Participation, State


class Doors(State):
    """Lets people in and out."""

    def propose(
        self,
        flow: str,
        person: str,
        now: datetime,
        *,
        again: bool = False,
        cause: tuple[str, ...] = (),
        order: str = "",
        hand_over: bool = False,
    ) -> Refusal | Participation:
        """TRIG_2 to TRIG_6, TRIG_10, TRIG_13, PART_5: who is proposed comes in, or does not, and why."""
        life = self.flows[flow]
        key = order if life.design.keyed else ""
        refusal = self._refusal(flow, person, key, again=again, rounds=cause.count(flow) - hand_over)
        if refusal is not None:
            if refusal is not Refusal.UNKNOWN_PERSON:
                life.refused[refusal] += 1
            return refusal
        design, share = life.design, life.design.share
        queues = self.paused(flow) or any(each.status is Status.QUEUED for each in self.inside(flow))
        one = Participation(
            person, flow, life.generation, len(life.versions), Status.QUEUED if queues else Status.ACTIVE,
            step=design.order[0], since=now, enrolled=now, acted=now, cause=(*cause, flow), order=order, key=key,
            arm=arm_of(person, flow, Share.parse(f"{share} percent")) if share else None,
        )  # fmt: skip
        self.everyone.append(one)
        if one.status is Status.ACTIVE:
            self.began.append(one)
        for other in design.leaves if one.arm is not Arm.CONTROL else ():
            for each in self.inside(other):
                if each.person == person:
                    self.leave(each, Reason.LEFT_FOR_OTHER, now)
        return one

    def _refusal(self, flow: str, person: str, key: str, *, again: bool, rounds: int) -> Refusal | None:
        life, someone = self.flows[flow], self.people[person]
        if someone.deleted:
            return Refusal.UNKNOWN_PERSON
        if life.status not in TAKES_PEOPLE:
            return Refusal.FLOW_NOT_OPEN
        if rounds > 0:
            return Refusal.LOOP
        if someone.excluded:
            return Refusal.EXCLUDED
        before = [one for one in self.everyone if (one.flow, one.person, one.key) == (flow, person, key)]
        if any(self.read(one)[0].inside for one in before):
            return Refusal.ALREADY_ACTIVE
        return Refusal.ONCE if before and life.design.once and not again else None

    def enrol(self, flow: str, now: datetime) -> None:
        """TRIG_11: page by page, until nobody is left, or the worker is killed after so many `pages`."""
        life = self.flows[flow]
        for job in life.jobs:
            while not job.done and self.pages != 0:
                members = sorted(id for id, person in self.people.items() if CHOSEN in person.groups and id > job.after)
                for person in members[:PAGE]:
                    answer = self.propose(flow, person, now, again=job.again)
                    if isinstance(answer, Refusal):
                        job.refused[answer] += 1
                    else:
                        job.enrolled += 1
                    job.after = person
                job.done = not members
                if self.pages is not None:
                    self.pages -= 1

    def leave(self, one: Participation, reason: Reason, now: datetime) -> None:
        """Out, with a reason."""
        one.status, one.reason = reason.status, reason
        self.give_up(one, now)

    def give_up(self, one: Participation, now: datetime) -> None:
        """STEP_20: those behind in the queue move up, and the last place goes back to it."""
        life, mine, one.place = self.flows[one.flow], one.place, None
        if mine is None or life.queue is None or mine[1] + life.still <= now:
            return
        if not one.generation == life.generation == life.queue.generation:
            return
        behind = [
            (each.place, each) for each in self.everyone
            if each.flow == one.flow and each.status is Status.ACTIVE and each.place is not None and each.place > mine
        ]  # fmt: skip
        for place, other in sorted(behind, key=lambda each: each[0]):
            other.place, mine = mine, place
            self.looks(other)
        life.queue.give_back(mine[1])

    def finish(self, one: Participation, now: datetime, *, hand_over: bool) -> None:
        """STEP_17: at the flow's end; who had no success is handed over, if the end says so."""
        self.leave(one, Reason.SUCCESS if one.met else Reason.COMPLETED, now)
        if hand_over and not one.met:
            self._propose_onward(one, now)

    def exit(self, one: Participation, reason: Reason, now: datetime) -> None:
        """STEP_16: out at a step that says so; then into a selection, and perhaps to another flow."""
        self.leave(one, reason, now)
        if not self.spared(one):
            self.people[one.person].groups.add(CHOSEN)
        self._propose_onward(one, now)

    def _propose_onward(self, one: Participation, now: datetime) -> None:
        to = self.flows[one.flow].design.hands
        if to is not None and not self.spared(one):
            self.propose(to, one.person, now, cause=one.cause, order=one.order, hand_over=True)
