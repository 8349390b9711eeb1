"""Whatever can befall flows and their people, rule by rule, to the product and to the model alike.

hypothesis chooses the rules and what they are about, and shortens a walk that ends in a difference. After every rule
the two are compared in all that can be seen. `scenes.py` adds rules that are several steps at once.
"""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from sqlmodel import Session

from activities.crm.groups import SELECTION
from activities.crm.models import PersonIn
from activities.definitions import Definitions
from activities.desk.participants import OperationRefused, Participants
from activities.editing import versions
from activities.editing.effects import StepsOccupied
from activities.editing.versions import EditRefused
from activities.enrolling.enrolment import Enrolled
from activities.enrolling.events import Event
from activities.life import brakes, commands, schedules
from activities.life.commands import CommandRefused, NotRunnable
from activities.life.lifecycle import COMMANDS, allowed
from api.versions import definition
from flows.outcome import Refusal, Status
from store.flows import TAKES_PEOPLE, FlowVersion
from store.people import Person
from tests.model.comparison import compare, recount
from tests.model.design import CHOSEN, OUT, Design, flow
from tests.model.driver import Driver, WalkDatabase
from tests.model.model import Model
from tests.model.state import Job, Life, Participation, Someone
from workflows.contract import Command

MAIN, OTHER = "main", "other"
LANGUAGES = {"anna": "no", "bo": "de", "carl": None, "dora": "no", "emil": "de"}
PAUSE = timedelta(seconds=7)
"""Between two rules: no two things happen at the same moment."""

people = st.sampled_from(list(LANGUAGES))
groups = st.lists(people, min_size=1, max_size=4, unique=True)
names = st.sampled_from([MAIN, MAIN, OTHER])
order_ids = st.sampled_from(["", "1", "2"])
causes = st.sampled_from([(), (), (), (MAIN,), (OTHER,), (MAIN, MAIN)])
any_command = st.sampled_from(COMMANDS)
LAST = {"close", "stop"}
"""After these a flow takes nobody any more: rare, and late, so that walks go far."""

recent = st.integers(0, 9)
"""Which of the latest participations, counted back."""


class Machine(RuleBasedStateMachine):
    """The rules of one walk; `db` and `loop` are what all walks of a run share."""

    def __init__(self, db: WalkDatabase, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__()
        self.driver = Driver(db, loop)
        self.model = Model()
        self.taken = 0

    @initialize(
        main=st.builds(
            Design,
            once=st.booleans(),
            keyed=st.booleans(),
            freeze=st.booleans(),
            share=st.sampled_from([0, 50]),
            then=st.sampled_from([None, "finish", "continue"]),
            otherwise=st.sampled_from(["continue", "exit"]),
            others=st.sampled_from(["continue", "exit"]),
            throttle=st.sampled_from([None, 1, 2]),
            on_error=st.sampled_from(["hold", "hold", "continue", "drop_out"]),
            guard=st.booleans(),
            hands=st.sampled_from([None, OTHER]),
            leaves=st.sampled_from([(), (OTHER,)]),
        ),
        back=st.booleans(),
        slow=st.booleans(),
        group=groups,
    )
    def begins(self, main: Design, back: bool, slow: bool, group: list[str]) -> None:
        """Two flows that know each other, and a few people."""
        self.driver.people(LANGUAGES)
        self.model.people = {name: Someone(language) for name, language in LANGUAGES.items()}
        other = Design(
            ("a", "sms", "listen", "end"),
            ways=(),
            trigger="order.wished",
            again=True,
            otherwise="exit",
            throttle=1 if slow else None,
            hands=MAIN if back else None,
        )
        for name, design in ((OTHER, other), (MAIN, main)):
            self.creates(name, design)
        for name in self.driver.flows:
            self.commands(name, "run")
        self.proposes(MAIN, group, again=False)

    def creates(self, name: str, design: Design) -> None:
        self.driver.write(lambda session: versions.create(session, flow(name, design), "", self.now) and None)
        self.driver.flows.append(name)
        self.model.flows[name] = Life([design])

    # --- a flow's life ------------------------------------------------------------------------------------------------

    @rule(name=names, which=st.integers(0, 3))
    def leads_on(self, name: str, which: int) -> None:
        """LIFE_3 to LIFE_5: a command that changes something; who is not running mostly runs again."""
        status = self.model.flows[name].status
        possible = [given for given in allowed(status) if given not in LAST]
        if possible:
            self.commands(name, "run" if which and "run" in possible else possible[which % len(possible)])

    @rule(name=names, given=st.sampled_from([given for given in COMMANDS if given not in LAST]))
    def gives(self, name: str, given: Command) -> None:
        """LIFE_11: whatever it leads to, or why it is refused."""
        self.commands(name, given)

    @precondition(lambda self: self.taken > 20)
    @rule(name=names, given=st.sampled_from(sorted(LAST)), hours=st.sampled_from([0, 50]))
    def ends(self, name: str, given: Any, hours: int) -> None:
        """LIFE_7, LIFE_8; with a command that was to come later."""
        if hours:
            self.schedules(name, "run", hours)
        self.commands(name, given)

    def commands(self, name: str, given: Command) -> None:
        """LIFE_3 to LIFE_11, by the table."""
        if self.model.flows[name].deleted:
            return
        wanted = self.model.command(name, given)
        assert wanted == self.may(
            lambda session: commands.command(
                session, self.definitions, self.driver.core.crm.catalog(session), name, given, self.now
            ),
            CommandRefused,
            NotRunnable,
        )
        self.settle()

    @precondition(lambda self: self.taken > 20)
    @rule(name=names)
    def deletes(self, name: str) -> None:
        """LIFE_6."""
        if self.model.flows[name].deleted:
            return
        wanted = self.model.delete(name)
        assert wanted == self.may(lambda session: commands.delete(session, name, self.now), CommandRefused)
        self.settle()

    @rule(name=names, given=any_command, hours=st.integers(0, 200))
    def schedules(self, name: str, given: Command, hours: int) -> None:
        """LIFE_14: a command for later; without a time, those that wait are withdrawn."""
        if self.model.flows[name].deleted:
            return
        if not hours:
            self.model.flows[name].scheduled = []
            self.driver.write(lambda session: schedules.withdraw(session, name))
            return
        at = self.now + timedelta(hours=hours)
        wanted = self.model.schedule(name, given, at)
        assert wanted == self.may(
            lambda session: schedules.schedule(session, self.definitions, name, given, at, self.now),
            CommandRefused,
        )
        self.settle()

    @rule(brake=st.sampled_from(["all", "crm", "sms"]), on=st.booleans())
    def brakes(self, brake: Any, on: bool) -> None:
        """LIFE_16."""
        self.model.brake(brake, on=on)
        give = brakes.pause if on else brakes.resume
        self.driver.write(lambda session: give(session, brake, self.now))
        self.settle()

    # --- people -------------------------------------------------------------------------------------------------------

    @rule(name=names, group=groups, again=st.booleans())
    def comes_by_hand(self, name: str, group: list[str], again: bool) -> None:
        """The same once more: walks where nobody comes find little."""
        self.proposes(name, group, again)

    @rule(name=names, group=groups, again=st.booleans())
    def proposes(self, name: str, group: list[str], again: bool) -> None:
        """TRIG_2 to TRIG_6, PART_5: one after the other, before anyone moves."""
        for person in group:
            if not self.model.people[person].gone:
                self.proposes_one(name, person, again)
                self.wait(PAUSE)
        self.settle()

    def proposes_one(self, name: str, person: str, again: bool) -> None:
        wanted = self.model.propose(name, person, self.now, again=again)
        answer = self.driver.propose(name, person, again=again)
        assert (answer if isinstance(answer, Refusal) else None) == (wanted if isinstance(wanted, Refusal) else None)
        assert not isinstance(answer, Enrolled) or answer.status is wanted.status  # type: ignore[union-attr]

    @rule(name=names, group=groups, again=st.booleans())
    def enrols(self, name: str, group: list[str], again: bool, pages: int | None = None) -> None:
        """TRIG_11: a selection, by a job; after so many pages the worker is killed."""
        self.lists(CHOSEN, group, True)
        if self.model.flows[name].status not in TAKES_PEOPLE:
            return
        self.model.flows[name].jobs.append(Job(again))
        self.driver.enrol(name, again=again)
        self.driver.pages = self.model.pages = pages
        self.settle()
        self.driver.pages = self.model.pages = None

    @rule(type=st.sampled_from(["order.placed", "order.wished"]), person=people, order=order_ids, cause=causes)
    def orders(self, type: str, person: str, order: str, cause: tuple[str, ...]) -> None:
        """TRIG_1, TRIG_10, TRIG_13: what triggers listen to."""
        self.happens(type, person, order, 0, cause, False)

    @precondition(lambda self: self.model.everyone)
    @rule(
        type=st.sampled_from(["order.paid", "order.won"]), back=recent, order=st.sampled_from([None, None, "1"]),
        ago=st.sampled_from([0, 0, 0, 5, 50]), twice=st.booleans(),
    )  # fmt: skip
    def pays(self, type: str, back: int, order: str | None, ago: int, twice: bool) -> None:
        """STEP_14, STEP_18: for its own order or another; told late, and told twice, too."""
        one = self.participation(back)
        self.happens(type, one.person, one.order if order is None else order, ago, (), twice)

    def happens(self, type: str, person: str, order: str, ago: int, cause: tuple[str, ...], twice: bool) -> None:
        if self.model.people[person].gone or self.model.people[person].deleted:
            return
        at = self.now - timedelta(hours=ago)
        self.model.happens(type, person, at, self.now, order, cause)
        data = {"order": order} if order else {}
        told = Event(type, at, person, data=data, source="shop", id=f"{self.now}", cause=cause)
        for _ in range(1 + twice):
            self.driver.happens(told)
        self.settle()

    @rule(person=people, former=st.booleans())
    def employs(self, person: str, former: bool) -> None:
        """PART_1."""
        if not self.model.people[person].deleted:
            self.model.employs(person, former=former)
            self.patches(person, {"former_employee": former})

    @rule(person=people, language=st.sampled_from([None, "no", "de", "se"]))
    def speaks(self, person: str, language: str | None) -> None:
        """STEP_15: another branch takes it, if it comes there after this."""
        if not self.model.people[person].deleted:
            self.model.people[person].language = language
            self.patches(person, {"language": language})

    def patches(self, person: str, changes: dict[str, Any]) -> None:
        patch = self.driver.core.crm.people.patch
        self.driver.write(lambda session: patch(session, person, changes, self.now) and None)
        self.settle()

    @rule(person=people, on=st.booleans())
    def excludes(self, person: str, on: bool) -> None:
        """TRIG_5: on the exclusion list, and off it."""
        self.lists(OUT, [person], on)

    def lists(self, selection: str, group: list[str], on: bool) -> None:
        """Into a selection, or out of it."""
        there = [person for person in group if not self.model.people[person].deleted]
        self.model.lists(selection, there, on=on)
        groups = self.driver.core.crm.groups
        if on:
            self.driver.write(lambda session: groups.add(session, SELECTION, selection, there, self.now) and None)
        else:
            self.driver.write(lambda session: groups.remove(session, SELECTION, selection, there) and None)
        self.settle()

    @rule(person=people)
    def deletes_person(self, person: str) -> None:
        """PART_3: or has it back."""
        someone, crm = self.model.people[person], self.driver.core.crm
        if someone.gone:
            return
        if someone.deleted:
            someone.deleted, someone.former, someone.language = False, False, None

            def restore(session: Session) -> None:
                row = session.get_one(Person, person)
                crm.people.replace(session, person, PersonIn(mobile=row.mobile, custom=row.custom), self.now)

            self.driver.write(restore)
        else:
            self.model.deleted(person, self.now)
            self.driver.write(lambda session: crm.people.delete(session, person, self.now))
        self.settle()

    @precondition(lambda self: self.taken > 15)
    @rule(person=people)
    def erases(self, person: str) -> None:
        """PART_8."""
        if self.model.people[person].gone:
            return
        self.model.erased(person, self.now)
        self.driver.write(lambda session: self.driver.core.erasing.erase(session, person, self.now))
        self.settle()

    @precondition(lambda self: self.taken > 5)
    @rule(person=people, into=people, both=st.sampled_from([None, MAIN, OTHER]))
    def merges(self, person: str, into: str, both: str | None) -> None:
        """PART_9; right before, `both` come into this flow."""
        if person == into or self.model.people[person].deleted or self.model.people[into].deleted:
            return
        if both is not None:
            self.proposes(both, [person, into], again=True)
        self.model.merged(person, into, self.now)
        self.driver.write(lambda session: self.driver.core.merging.merge(session, person, into, self.now) and None)
        self.settle()

    # --- one participant ----------------------------------------------------------------------------------------------

    @precondition(lambda self: self.model.everyone)
    @rule(back=recent, operation=st.sampled_from(["pause", "resume", "cancel", "remove", "retry", "skip"]))
    def operates(self, back: int, operation: str) -> None:
        """PART_4, SAFE_3."""
        one = self.participation(back)
        does = getattr(Participants(self.driver.core.rules), operation)
        wanted = self.model.operate(one, operation, self.now)
        assert wanted == self.may(lambda session: does(session, one.id, self.now), OperationRefused)
        self.settle()

    @rule(back=recent)
    def terminates(self, back: int) -> None:
        """PART_4: a journey is ended in the Temporal UI."""
        here = [one for one in self.model.everyone if one.status is Status.ACTIVE]
        if here and self.driver.working and self.driver.terminate(here[-1 - back % len(here)].id):
            self.model.terminate(here[-1 - back % len(here)])
        self.settle()

    # --- edits --------------------------------------------------------------------------------------------------------

    @rule(
        name=names, days=st.sampled_from([1, 3, 6]), guard=st.booleans(), editable=st.sampled_from([True, True, False]),
        without=st.sets(st.sampled_from(["fork", "rest", "b", "listen"]), max_size=3),
        x=st.sampled_from([None, None, 0, 1, 2, 3]), moved=st.sampled_from([None, None, "rest", "b", "doze"]),
        to=st.integers(0, 4), no=st.sampled_from([None, ("n", "doze"), ("n", "doze"), ("doze",), ("doze", "n")]),
        de=st.sampled_from([None, ("d",), ("d",), ()]),
    )  # fmt: skip
    def edits(
        self, name: str, days: int, guard: bool, editable: bool, without: set[str], x: int | None, moved: str | None,
        to: int, no: tuple[str, ...] | None, de: tuple[str, ...] | None,
    ) -> None:  # fmt: skip
        """EDIT_2 to EDIT_6: a wait gets longer or shorter; steps and branches come, go and move."""
        first = self.model.flows[name].versions[0]
        order = [step for step in first.order if step not in {*without, moved}]
        if moved in first.steps and moved not in without:
            order.insert(min(to, len(order) - 1), moved)
        if x is not None:
            order.insert(min(x, len(order) - 1), "x")
        ways = tuple(
            (way, tuple(step for step in steps if step != moved))
            for way, steps in (("no", no), ("de", de))
            if steps is not None and first.ways
        )
        later = replace(first, rests=days, guard=guard, editable=editable, order=tuple(order), ways=ways)
        self.saves(name, later if ways else replace(later, order=tuple(step for step in order if step != "fork")))

    def saves(self, name: str, design: Design) -> None:
        if self.model.flows[name].deleted:
            return
        self.edited(name, self.model.edit(name, design), lambda _: flow(name, design))

    @rule(name=names, back=st.integers(1, 3))
    def restores(self, name: str, back: int) -> None:
        """EDIT_1: an earlier version is saved once more."""
        life = self.model.flows[name]
        number = max(1, len(life.versions) - back)
        if life.deleted:
            return
        wanted = self.model.edit(name, life.versions[number - 1])
        self.edited(name, wanted, lambda session: definition(session.get_one(FlowVersion, (name, number))))

    def edited(self, name: str, wanted: str, of: Callable[[Session], Any]) -> None:
        try:
            self.driver.write(
                lambda session: (
                    versions.replace(
                        session, self.definitions, self.driver.core.crm.catalog(session), of(session), "", self.now
                    )
                    and None
                )
            )
            assert wanted == "saved"
        except EditRefused:
            assert wanted == "refused"
        except StepsOccupied:
            assert wanted == "occupied"
        except NotRunnable:
            assert wanted == "dangling"
        self.settle()

    # --- time, workers, the world -------------------------------------------------------------------------------------

    @rule(days=st.integers(1, 6))
    def passes_days(self, days: int) -> None:
        """Time, as `passes`."""
        self.passes(24 * days)

    @rule(hours=st.sampled_from([1, 24, 72, 100, 200]))
    def passes(self, hours: int) -> None:
        """Time, from one moment at which something happens to the next."""
        self.goes_on(timedelta(hours=hours))
        self.settle()

    def goes_on(self, time: timedelta) -> None:
        to = self.now + time
        while self.driver.working:
            moments = [at for at in {*self.driver.moments(), *self.model.moments()} if self.now < at < to]
            if not moments:
                break
            self.wait(min(moments) - self.now)
            self.work()
        self.wait(to - self.now)

    @rule(
        working=st.sampled_from([True, True, False]), lost=st.sampled_from([None, None, "before", "after"]),
        killed=st.booleans(), provider=st.sampled_from(["works", "works", "refuses", "is silent", "is busy"]),
    )  # fmt: skip
    def restarts(self, working: bool, lost: Any, killed: bool, provider: Any) -> None:
        """SAFE_1 to SAFE_3: a worker goes, or comes back, and how it and the world fare from now on.

        `lost`: answers of its steps, before or after the world was touched. `killed`: each transaction is lost once
        before it is kept. `provider`: what becomes of messages.
        """
        if working and not self.driver.hearing:
            self.wait(timedelta(minutes=2))
            self.driver.hear_again()
            self.model.hear_again()
        self.driver.working = working
        self.driver.lost = self.model.lost = lost
        self.driver.db.killed = killed
        self.driver.provider = self.model.provider = provider
        self.settle()

    @rule()
    def loses_temporal(self) -> None:
        """Nothing reaches Temporal any more, and no worker gets work, until a worker comes back."""
        self.driver.hearing = self.driver.working = self.model.hearing = False
        self.settle()

    def participation(self, back: int) -> Participation:
        return self.model.everyone[max(0, len(self.model.everyone) - 1 - back)]

    # --- both ---------------------------------------------------------------------------------------------------------

    @property
    def now(self) -> datetime:
        return self.driver.now

    @property
    def definitions(self) -> Definitions:
        return self.driver.core.definitions

    def may(self, work: Callable[[Session], object], *refused: type[Exception]) -> bool:
        try:
            self.driver.write(lambda session: work(session) and None)
        except refused:
            return False
        return True

    def wait(self, time: timedelta) -> None:
        self.model.passes(time)
        self.driver.now += time

    def work(self) -> None:
        working = self.driver.working
        self.driver.settle()
        if working:
            self.model.settle(self.now)

    def settle(self) -> None:
        """As far as everyone comes now, and a little later."""
        self.work()
        self.wait(PAUSE)
        self.taken += 1

    @invariant()
    def no_difference(self) -> None:
        """Everything that can be seen is as the model says."""
        compare(self.driver, self.model)

    def teardown(self) -> None:
        """What was counted along the way is what a recount gives."""
        recount(self.driver)
