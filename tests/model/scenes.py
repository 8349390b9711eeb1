"""Walks, with scenes: rules that are several steps at once, which chance alone rarely takes one after the other."""

from dataclasses import replace
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import rule

from store.flows import ALL, FlowStatus
from tests.model.machine import MAIN, Machine, groups, names, people, recent


class Walk(Machine):
    """One walk: rules and scenes, in whatever order."""

    @rule(name=names, hours=st.integers(1, 48))
    def is_paused_twice(self, name: str, hours: int) -> None:
        """LIFE_12: by a command, and by the brake for all flows before that pause is over."""
        if self.model.flows[name].status is not FlowStatus.RUNNING or ALL in self.model.brakes:
            return
        self.commands(name, "pause")
        self.passes(hours)
        self.brakes(ALL, True)
        self.passes(hours)
        self.commands(name, "run")
        self.passes(hours)
        self.brakes(ALL, False)

    @rule(
        name=names, group=groups, paused=st.sampled_from([0, 1, 5]), then=st.sampled_from(["run", "end", None]),
        brake=st.booleans(),
    )  # fmt: skip
    def stands_in_line(self, name: str, group: list[str], paused: int, then: Any, brake: bool) -> None:
        """STEP_20, LIFE_12: people come to a message together; meanwhile the flow is paused, or a brake is on."""
        self.proposes(name, group, again=True)
        if name == MAIN:
            self.passes(24 * self.model.flows[name].design.rests)
        self.no_difference()
        if brake:
            self.brakes("sms", True)
        if paused and then:
            self.commands(name, "pause")
            self.passes(paused)
            self.no_difference()
            self.commands(name, then)
        self.passes(1)
        if brake:
            self.brakes("sms", False)
        if then == "end":
            self.commands(name, "run")
            self.proposes(name, group, again=True)

    @rule(name=names, group=groups, won=st.booleans(), then=st.sampled_from(["run", "end"]))
    def queues(self, name: str, group: list[str], won: bool, then: Any) -> None:
        """LIFE_3 to LIFE_5, LIFE_15: people come during a pause, and it can be seen at once what ends it."""
        if self.model.flows[name].status is not FlowStatus.RUNNING:
            return
        self.commands(name, "pause")
        self.proposes(name, group, again=True)
        if won and self.model.everyone:
            self.pays("order.won", back=0, order=None, ago=0, twice=False)
        working, self.driver.working = self.driver.working, False
        self.commands(name, then)
        self.no_difference()
        self.driver.working = working
        self.settle()

    @rule(name=names, person=people, days=st.sampled_from([1, 6]), hours=st.sampled_from([1, 30]))
    def thinks_better_of_it(self, name: str, person: str, days: int, hours: int) -> None:
        """EDIT_1, EDIT_4: who rests does so by whichever version there is; the first, once more, after some hours."""
        self.proposes(name, [person], again=True)
        life = self.model.flows[name]
        self.saves(name, replace(life.versions[0], rests=days))
        self.passes(hours)
        self.restores(name, back=len(life.versions))
        self.passes(100)

    @rule(
        name=names, person=people, lost=st.sampled_from([None, "before", "after"]), killed=st.booleans(),
        provider=st.sampled_from(["works", "refuses", "is silent", "is busy"]),
    )  # fmt: skip
    def goes_through(self, name: str, person: str, lost: Any, killed: bool, provider: Any) -> None:
        """SAFE_1 to SAFE_3, STEP_16: someone goes all the way meanwhile, if nothing else is in the way."""
        self.restarts(True, lost, killed, provider)
        self.proposes(name, [person], again=True)
        self.passes(100)
        self.passes(150)
        self.restarts(True, None, False, "works")

    @rule(name=names, group=groups, again=st.booleans(), pages=st.integers(1, 3), hours=st.sampled_from([0, 1, 30]))
    def is_killed_while_it_enrols(self, name: str, group: list[str], again: bool, pages: int, hours: int) -> None:
        """TRIG_11: a worker dies between two pages of a job; the next carries on."""
        self.restarts(True, None, False, "works")
        self.enrols(name, group, again, pages)
        self.no_difference()
        if hours:
            self.passes(hours)
            self.no_difference()
        self.restarts(True, None, False, "works")

    @rule(
        back=recent,
        hours=st.sampled_from([0, 100]),
        then=st.sampled_from(["retry", "retry", "skip", "pause", "cancel"]),
    )
    def loses_a_journey(self, back: int, hours: int, then: str) -> None:
        """PART_4: it is listed as lost, and nothing but a retry brings it back."""
        self.terminates(back)
        self.no_difference()
        if hours:
            self.passes(hours)
            self.no_difference()
        lost = [number for number, one in enumerate(reversed(self.model.everyone)) if one.lost]
        if lost:
            self.operates(lost[0], then)

    @rule(
        name=names, group=groups, hours=st.sampled_from([1, 30]), lost=st.sampled_from([None, "after"]),
        then=st.sampled_from(["retry", "skip", "remove"]),
    )  # fmt: skip
    def is_refused_for_now(self, name: str, group: list[str], hours: int, lost: Any, then: str) -> None:
        """SAFE_2, SAFE_3: the other side is busy for hours, and whoever fails meanwhile is seen to by a person."""
        self.proposes(name, group, again=True)
        self.restarts(True, lost, False, "is busy")
        self.passes(24 * self.model.flows[name].design.rests if name == MAIN else 1)
        self.passes(hours)
        self.no_difference()
        self.restarts(True, None, False, "works")
        failing = [number for number, one in enumerate(reversed(self.model.everyone)) if one.failing]
        if failing:
            self.operates(failing[0], then)
