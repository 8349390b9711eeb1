"""How people go through flows. What nobody has done yet is done by `settle`, as it is by a worker.

Everyone goes as far as they may go now, one after the other in the order in which they began.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import pairwise

from flows.outcome import Reason, Status
from store.flows import GOES_ON, FlowStatus
from tests.model.design import ACTS, CHANGES, DOZES
from tests.model.doors import Doors
from tests.model.places import instead, moved
from tests.model.queue import LATE, PERIOD, Queue
from tests.model.state import Paid, Participation
from workflows.contract import STEP_ATTEMPTS

GIVES_UP = timedelta(days=1)


class Journeys(Doors):
    """Carries everyone on."""

    def moments(self) -> Iterator[datetime]:
        """When something may happen by itself."""
        for life in self.flows.values():
            yield from (at for at, _ in life.scheduled)
        for one in self.everyone:
            if one.status is Status.ACTIVE:
                yield from filter(None, [self._deadline(one)])

    def _deadline(self, one: Participation) -> datetime | None:
        if one.step == "sms":
            return one.until
        design = self.flows[one.flow].design
        length = {"rest": timedelta(days=design.rests), "doze": DOZES, "listen": design.listens}.get(one.step)
        return None if length is None else one.since + one.rested + length

    def settle(self, now: datetime) -> None:
        """Everyone goes as far as they may go now."""
        again = True
        while again:
            again = False
            for flow in self.flows:
                again = self._admit(flow, now) or again
                self.enrol(flow, now)
                if self.pages == 0:  # killed
                    self.hearing = False
                    return
            again = any([self._goes(one, now) for one in [*self.began]]) or again

    def _admit(self, flow: str, now: datetime) -> bool:
        """LIFE_4, LIFE_5, LIFE_7: what follows a command: cancelled, let in from the queue, finished."""
        life, changed = self.flows[flow], False
        for one in self.everyone:
            if one.flow != flow or not one.status.inside:
                continue
            if one.generation < life.generation:
                self.leave(one, life.ends[one.generation], now)
            elif one.status is Status.ACTIVE and life.status in GOES_ON and not self.paused(flow):
                if one.step in moved(life.versions[one.version - 1], life.design):
                    self.looks(one)
            elif one.status is Status.QUEUED and life.status in GOES_ON and not self.paused(flow):
                one.status, one.version = Status.ACTIVE, len(life.versions)
                self._stand(one, life.design.order[0], now)
                self.began.append(one)
                changed = True
        if life.status is FlowStatus.CLOSED and not self.inside(flow):
            life.status = FlowStatus.FINISHED
        return changed

    def _goes(self, one: Participation, now: datetime) -> bool:
        further = False
        while one in self.everyone and one.status is Status.ACTIVE and self._moves(one, now):
            further = True
        return further

    def _moves(self, one: Participation, now: datetime) -> bool:
        """PART_1, PART_4: whether the participant has come further."""
        life = self.flows[one.flow]
        if one.generation < life.generation or one.holds or self.paused(one.flow):
            return False
        out = self._out(one)
        if out is not None:
            self.leave(one, out, now)
            return True
        if one.step and one.step not in life.design.steps:
            self._stand(one, self._place(one), now)
        elif one.step == "":
            self.finish(one, now, hand_over=False)
        elif one.step in one.passed:
            self._stand(one, life.design.after(one.step), now)
        elif one.step == "end":
            one.passed.append("end")
            self.finish(one, now, hand_over=True)
        elif one.step == "fork":
            self._divides(one, now)
        elif one.step in ACTS:
            return self._acts(one, now)
        else:
            return self._waits(one, now)
        return True

    def _out(self, one: Participation) -> Reason | None:
        someone = self.people[one.person]
        if one.met and self.flows[one.flow].design.then == "finish":
            return Reason.SUCCESS
        if someone.former:
            return Reason.FORMER_EMPLOYEE
        if someone.excluded:
            return Reason.EXCLUDED
        return Reason.PERSON_DELETED if someone.deleted else None

    def _place(self, one: Participation) -> str:
        """EDIT_3, EDIT_5: from version to version, where someone stands whose step was removed."""
        life = self.flows[one.flow]
        place, number = one.step, one.version
        while place not in life.versions[number - 1].steps:
            number -= 1
        for before, after in pairwise(life.versions[number - 1 :]):
            if place and place not in after.steps:
                place = instead(place, before, after, one.passed)
        return place

    def _divides(self, one: Participation, now: datetime) -> None:
        """STEP_15: the branch of its language, else everyone else's."""
        design = self.flows[one.flow].design
        language = self.people[one.person].language
        one.passed.append("fork")
        if design.others == "exit" and language not in dict(design.ways):
            self.exit(one, Reason.EVERYONE_ELSE, now)
        else:
            self._stand(one, design.into(language or ""), now)

    def _acts(self, one: Participation, now: datetime) -> bool:
        """SAFE_1: once."""
        if one.until is not None and now < one.until:
            return False
        if self.spared(one):
            self._passes(one, now)
            return True
        if ("crm" if one.step in CHANGES else "sms") in self.brakes:
            return False
        if one.step in CHANGES:
            self.people[one.person].done[one.step] += 1
            one.acted, one.did[one.step] = now, "done"
            self._passes(one, now)
            return True
        return self._texts(one, now)

    def _texts(self, one: Participation, now: datetime) -> bool:
        """SAFE_2, SAFE_3: a message leaves, and it may not arrive. What can be tried again is: for a day, and more
        than `STEP_ATTEMPTS` times however long those take, for behind a throttle, or with no worker there, two tries
        can be a week apart."""
        for _ in range(STEP_ATTEMPTS):
            if not self._may_leave(one, now):
                return False
            one.acted = one.texted = now
            one.planned = one.planned or now
            one.tries += 1
            one.did["sms"] = self._sends(one)
            if one.did["sms"] != "failed":
                self._passes(one, now)
                return True
            if self.provider == "refuses":
                return self._fails(one, now)
            if one.tries > STEP_ATTEMPTS:
                break
        if one.planned is not None and now - one.planned >= GIVES_UP:
            return self._fails(one, now)
        rounds = max(0, one.tries - STEP_ATTEMPTS)
        one.until = now + min(timedelta(hours=1), timedelta(minutes=1) * 2**rounds)
        return False

    def _sends(self, one: Participation) -> str:
        if self.lost == "before":
            return "unknown"
        if self.provider in ("works", "is silent"):
            self.sent.append(one.person)
        return {"works": "done", "is silent": "unknown"}.get(self.provider, "failed")

    def _fails(self, one: Participation, now: datetime) -> bool:
        """SAFE_3: it is held alone, unless the step says otherwise."""
        match self.flows[one.flow].design.on_error:
            case "hold":
                one.failing = True
                return False
            case "continue":
                self._passes(one, now)
            case "drop_out":
                self.leave(one, Reason.STEP_FAILED, now)
        return True

    def _may_leave(self, one: Participation, now: datetime) -> bool:
        """STEP_20, LIFE_12: it has a place, and its time has come. The queue stands still while the flow is paused."""
        life = self.flows[one.flow]
        one.until, one.version, rate = None, len(life.versions), life.design.throttle
        if rate is None:
            return True
        if one.place is None or one.place[0] != life.generation or now - one.place[1] - life.still > LATE:
            if life.queue is None or life.queue.generation != life.generation:
                began = life.queue is None
                recent = [each for each in self.everyone if each.flow == one.flow and self._texted_lately(each, now)]
                left = 0 if began else min(rate, len(recent))
                life.queue = Queue(life.generation, left, now - life.still)
            one.place = life.generation, life.queue.take(rate, now - life.still)
        at = one.place[1] + life.still
        if at > now:
            one.until = at
            return False
        one.place = None
        return True

    def _texted_lately(self, one: Participation, now: datetime) -> bool:
        return one.texted is not None and one.texted > now - PERIOD and not self.people[one.person].gone

    def _waits(self, one: Participation, now: datetime) -> bool:
        """STEP_13, STEP_14, EDIT_4: the time has come, or what is waited for."""
        deadline = self._deadline(one)
        if one.step == "listen":
            came = sorted(
                (paid for paid in self.people[one.person].paid if self._ends_wait(one, paid, deadline)),
                key=lambda paid: paid.at,
            )
            if came:
                one.used.append(came[0])
                one.order = came[0].order
                self._passes(one, now)
                return True
        if deadline is None or now < deadline:
            return False
        if one.step == "listen" and self.flows[one.flow].design.otherwise == "exit":
            one.passed.append(one.step)
            self.exit(one, Reason.NO_ACTION, now)
            return True
        self._passes(one, now)
        return True

    def _ends_wait(self, one: Participation, paid: Paid, deadline: datetime | None) -> bool:
        in_time = one.acted <= paid.at and (deadline is None or paid.at <= deadline)
        return in_time and paid not in one.used and (not one.key or one.key == paid.order)

    def _passes(self, one: Participation, now: datetime) -> None:
        one.passed.append(one.step)
        self._stand(one, self.flows[one.flow].design.after(one.step), now)

    def _stand(self, one: Participation, step: str, now: datetime) -> None:
        """At a step, or at the first after it that is not passed."""
        life = self.flows[one.flow]
        while step in one.passed:
            step = life.design.after(step)
        if step != one.step:
            self.give_up(one, now)
        one.step, one.since, one.rested, one.version = step, now, timedelta(), len(life.versions)
