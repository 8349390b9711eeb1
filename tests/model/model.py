"""The rules of flows' behaviour as a plain model in memory: no store, no Temporal, nothing at once.

What nobody has done yet is done by `settle`, as it is by a worker: everyone goes as far as they may go now, one after
the other in the order in which they began.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import combinations, pairwise

from activities.life.lifecycle import TABLE
from flows.experiment import Arm, arm_of
from flows.outcome import Reason, Refusal, Status
from flows.units import Share
from store.flows import ALL, GOES_ON, TAKES_PEOPLE, FlowStatus
from tests.model.design import ACTS, CHANGES, WAITS, Design
from workflows.contract import Command


@dataclass
class Paid:
    """An order was paid at that moment."""

    at: datetime
    order: str


@dataclass
class Someone:
    """A person: what the checks ask, what has been done to it, and what it has paid. `gone`: erased, or merged."""

    former: bool = False
    excluded: bool = False
    deleted: bool = False
    gone: bool = False
    done: Counter[str] = field(default_factory=Counter)
    paid: list[Paid] = field(default_factory=list)


@dataclass(eq=False)
class Participation:
    """One participation. It stands at `step` since then, by the flow's `version`; an empty step is the flow's end.

    `rested` is how long a wait stood still, `acted` when it last did something, `order` what the latest event was
    about. `did` are the effects that have begun, and how each went.
    """

    person: str
    flow: str
    generation: int
    version: int
    status: Status
    step: str
    since: datetime
    enrolled: datetime
    acted: datetime
    cause: tuple[str, ...]
    order: str = ""
    key: str = ""
    arm: Arm | None = None
    id: str = ""
    reason: Reason | None = None
    paused: bool = False
    failing: bool = False
    met: bool = False
    converted: bool = False
    rested: timedelta = timedelta()
    passed: list[str] = field(default_factory=list)
    used: list[Paid] = field(default_factory=list)
    did: dict[str, str] = field(default_factory=dict)

    @property
    def held(self) -> bool:
        """It may not move, whatever its flow does (PART_4)."""
        return self.paused or self.failing


@dataclass
class Life:
    """One flow: its versions, and its life."""

    versions: list[Design]
    status: FlowStatus = FlowStatus.DRAFT
    deleted: bool = False
    generation: int = 1
    ends: dict[int, Reason] = field(default_factory=dict)
    scheduled: list[tuple[datetime, Command]] = field(default_factory=list)
    refused: Counter[Refusal] = field(default_factory=Counter)

    @property
    def design(self) -> Design:
        """The current version."""
        return self.versions[-1]


class Model:
    """What should be so."""

    def __init__(self) -> None:
        self.flows: dict[str, Life] = {}
        self.people: dict[str, Someone] = {}
        self.everyone: list[Participation] = []
        self.began: list[Participation] = []
        self.brakes: set[str] = set()
        self.provider = "works"
        self.lost: str | None = None
        self.sent: list[str] = []

    # --- what can be known --------------------------------------------------------------------------------------------

    def read(self, one: Participation) -> tuple[Status, Reason | None]:
        """LIFE_15: as everybody reads it, whoever belongs to an older generation is cancelled at once."""
        life = self.flows[one.flow]
        if one.status.inside and one.generation < life.generation:
            return Status.CANCELLED, life.ends[one.generation]
        return one.status, one.reason

    def inside(self, flow: str) -> list[Participation]:
        """Who is in a flow, in the order in which they came."""
        return [one for one in self.everyone if one.flow == flow and self.read(one)[0].inside]

    def paused(self, flow: str) -> bool:
        """LIFE_3, LIFE_16: nobody in the flow may move."""
        return self.flows[flow].status is FlowStatus.PAUSED or ALL in self.brakes

    def moments(self) -> Iterator[datetime]:
        """When something may happen by itself."""
        for life in self.flows.values():
            yield from (at for at, _ in life.scheduled)
        for one in self.everyone:
            if one.status is Status.ACTIVE:
                yield from filter(None, [self._deadline(one)])

    def _deadline(self, one: Participation) -> datetime | None:
        design = self.flows[one.flow].design
        length = {"rest": timedelta(days=design.rests), "listen": design.listens}.get(one.step)
        return None if length is None else one.since + one.rested + length

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

    def passes(self, time: timedelta) -> None:
        """LIFE_12: where waits stand still during a pause, this time does not count for those who are paused."""
        for one in self.everyone:
            if self.flows[one.flow].design.freeze and (one.paused or self.paused(one.flow)):
                one.rested += time

    # --- coming in ----------------------------------------------------------------------------------------------------

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
            if life.status in TAKES_PEOPLE and refusal is not Refusal.UNKNOWN_PERSON:
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

    def deleted(self, person: str, now: datetime) -> None:
        """PART_3: out of every flow at once, so that who is restored does not come back."""
        someone = self.people[person]
        someone.deleted, someone.excluded = True, False
        for one in [each for each in self.everyone if each.person == person]:
            out = self._out(one) if self.read(one)[0].inside else None
            if out is not None:
                self.leave(one, out, now)

    def erased(self, person: str, now: datetime) -> None:
        """PART_8: out of all flows, and nothing is known of it any more."""
        someone = self.people[person]
        someone.deleted = someone.gone = True
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
                    self.leave(one, Reason.MERGED, now)
        for one in both:
            one.person = into
        for one in staying.values():
            design = self.flows[one.flow].design
            others = [
                each for each in both
                if each is not one and (each.flow, each.generation) == (one.flow, one.generation)
                and (design.once or each.reason is Reason.MERGED)
            ]  # fmt: skip
            done = {step for each in others for step, how in each.did.items() if how != "failed"}
            one.passed += sorted((done & set(design.order)) - set(one.passed))
        stays.paid += gone.paid
        stays.excluded = stays.excluded or gone.excluded
        stays.done = Counter({**gone.done, **stays.done})
        gone.deleted = gone.gone = True
        gone.excluded, gone.done, gone.paid = False, Counter(), []

    # --- what is done about one participant ---------------------------------------------------------------------------

    def operate(self, one: Participation, operation: str, now: datetime) -> bool:
        """PART_4, SAFE_3: whether that is possible now."""
        status, _ = self.read(one)
        if operation == "remove":
            self.everyone.remove(one)
            return True
        if operation == "cancel" and status is Status.CANCELLED:
            return True
        if not status.inside or (operation in ("retry", "skip") and not one.failing):
            return False
        if operation == "cancel":
            self.leave(one, Reason.BY_HAND, now)
        elif operation in ("pause", "resume"):
            one.paused = operation == "pause"
        else:
            one.failing = False
            if operation == "skip":
                one.passed.append(one.step)
        return True

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
        if now.guard and standing & self._disturbed(now, design):
            return "occupied"
        if life.status is FlowStatus.RUNNING and self._dangles(design):
            return "dangling"
        life.versions.append(design)
        return "saved"

    def _disturbed(self, before: Design, after: Design) -> set[str]:
        """The waits that an edit removes, or moves among the steps that stay."""
        stay = [step for step in before.order if step in after.order]
        # Of steps that changed places the fewest have moved, and rather those at which people rest.
        kept = max(
            (some for size in range(len(stay) + 1) for some in combinations(range(len(stay)), size)
             if [after.order.index(stay[i]) for i in some] == sorted(after.order.index(stay[i]) for i in some)),
            key=lambda some: (len(some), sum(stay[i] in ACTS for i in some), some),
        )  # fmt: skip
        moved = set(stay) - {stay[i] for i in kept}
        return (moved | set(before.order) - set(after.order)) & WAITS

    def _place(self, one: Participation) -> str:
        """EDIT_3, EDIT_5: where someone stands whose step was removed: at what came in its stead, or follows it."""
        life = self.flows[one.flow]
        place, number = one.step, one.version
        while place not in life.versions[number - 1].order:
            number -= 1
        for before, after in pairwise(life.versions[number - 1 :]):
            if place and place not in after.order:
                place = self._stead(place, before.order, after.order, one.passed)
        return place

    def _stead(self, step: str, old: tuple[str, ...], new: tuple[str, ...], passed: list[str]) -> str:
        index = old.index(step)
        for following in old[index + 1 :]:
            if following in new and following not in passed:
                seat = new.index(following)
                while seat > 0 and new[seat - 1] not in old:
                    seat -= 1
                return new[seat]
        for earlier in reversed(old[:index]):
            if earlier in new:
                return next(iter(new[new.index(earlier) + 1 :]), "")
        return new[0] if index == 0 and new else ""

    # --- what follows -------------------------------------------------------------------------------------------------

    def settle(self, now: datetime) -> None:
        """Everyone goes as far as they may go now."""
        for flow, life in self.flows.items():
            for due in sorted(due for due in life.scheduled if due[0] <= now):
                if due in life.scheduled:
                    life.scheduled.remove(due)
                    self.command(flow, due[1])
        while any([self._admit(flow, now) for flow in self.flows] + [self._goes(one, now) for one in [*self.began]]):
            pass

    def _admit(self, flow: str, now: datetime) -> bool:
        """LIFE_4, LIFE_5, LIFE_7: what follows a command: cancelled, let in from the queue, finished."""
        life, changed = self.flows[flow], False
        for one in self.everyone:
            if one.flow != flow or not one.status.inside:
                continue
            if one.generation < life.generation:
                self.leave(one, life.ends[one.generation], now)
            elif one.status is Status.QUEUED and life.status in GOES_ON and not self.paused(flow):
                one.status, one.version = Status.ACTIVE, len(life.versions)
                self._stand(one, life.design.order[0], now)
                self.began.append(one)
                changed = True
        if life.status is FlowStatus.CLOSED and not self.inside(flow):
            life.status = FlowStatus.FINISHED
        return changed

    def _goes(self, one: Participation, now: datetime) -> bool:
        moved = False
        while one in self.everyone and one.status is Status.ACTIVE and self._moves(one, now):
            moved = True
        return moved

    def _moves(self, one: Participation, now: datetime) -> bool:
        """PART_1, PART_4: whether the participant has come further."""
        life = self.flows[one.flow]
        if one.generation < life.generation or one.held or self.paused(one.flow):
            return False
        out = self._out(one)
        if out is not None:
            self.leave(one, out, now)
            return True
        if one.step and one.step not in life.design.order:
            self._stand(one, self._place(one), now)
        elif one.step == "":
            self.leave(one, Reason.COMPLETED, now)
        elif one.step in one.passed:
            self._stand(one, self._after(one), now)
        elif one.step == "end":
            one.passed.append("end")
            self.leave(one, Reason.COMPLETED, now, hand_over=True)
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

    def _spared(self, one: Participation) -> bool:
        """LIFE_9, TRIG_12: nothing is done to it."""
        return self.flows[one.flow].status is FlowStatus.OFF or one.arm is Arm.CONTROL

    def _acts(self, one: Participation, now: datetime) -> bool:
        """SAFE_1: once."""
        if self._spared(one):
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
        """SAFE_2, SAFE_3: a message leaves, and it may not arrive."""
        one.acted = now
        if self.lost == "before":
            one.did[one.step] = "unknown"
        else:
            if self.provider != "refuses":
                self.sent.append(one.person)
            one.did[one.step] = {"works": "done", "refuses": "failed", "is silent": "unknown"}[self.provider]
        if one.did[one.step] == "failed":
            one.failing = True
            return False
        self._passes(one, now)
        return True

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
            self.leave(one, Reason.NO_ACTION, now, hand_over=True)
            return True
        self._passes(one, now)
        return True

    def _ends_wait(self, one: Participation, paid: Paid, deadline: datetime | None) -> bool:
        in_time = one.acted <= paid.at and (deadline is None or paid.at <= deadline)
        return in_time and paid not in one.used and (not one.key or one.key == paid.order)

    def _passes(self, one: Participation, now: datetime) -> None:
        one.passed.append(one.step)
        self._stand(one, self._after(one), now)

    def _after(self, one: Participation) -> str:
        order = self.flows[one.flow].design.order
        return next((step for step in order[order.index(one.step) + 1 :] if step not in one.passed), "")

    def _stand(self, one: Participation, step: str, now: datetime) -> None:
        one.step, one.since, one.rested = step, now, timedelta()
        one.version = len(self.flows[one.flow].versions)

    def leave(self, one: Participation, reason: Reason, now: datetime, *, hand_over: bool = False) -> None:
        """STEP_16, STEP_17: out, with a reason; then perhaps to another flow."""
        design = self.flows[one.flow].design
        if reason is Reason.COMPLETED and one.met:
            reason = Reason.SUCCESS
        one.status, one.reason = reason.status, reason
        if hand_over and reason is not Reason.SUCCESS and design.hands and not self._spared(one):
            self.propose(design.hands, one.person, now, cause=one.cause, order=one.order, hand_over=True)
