"""A short random walk over the real thing: journeys on Temporal, a worker that goes and comes back, the same model."""

import random
from contextlib import AsyncExitStack

from activities.desk.participants import Participants
from activities.enrolling.enrolment import Enrolled
from flows.outcome import Status
from store.flows import FlowStatus
from tests.model.design import Design
from tests.model.model import Model
from tests.model.state import Life, Participation, Someone
from tests.support.waiting import eventually
from tests.support.world import Refused, World, now
from workflows.contract import Command

DESIGN = Design(("a", "listen", "c"), listens=None)


class Walk:
    """Commands, people, what they do, and the worker; waits end by actions alone, so that no clock is in it."""

    def __init__(self, world: World, flow: str, seed: int) -> None:
        self.world = world
        self.flow = flow
        self.random = random.Random(seed)
        self.model = Model()
        self.model.flows[flow] = Life([DESIGN])
        self.model.command(flow, "run")
        self.worker: AsyncExitStack | None = None

    async def walk(self, steps: int) -> None:
        """So many steps, each followed by a look when a worker is there."""
        for _ in range(3):
            self.model.people[await self.world.person()] = Someone()
        await self.restarts()
        weighted = [self.proposes] * 4 + [self.pays] * 3 + [self.gives] * 3 + [self.operates] * 2 + [self.restarts]
        for step in self.random.choices(weighted, k=steps):
            await step()
            await self.compare()
        if self.worker is None:
            await self.restarts()
        await self.compare()

    async def proposes(self) -> None:
        person = self.random.choice(list(self.model.people))
        wanted = self.model.propose(self.flow, person, now(), again=True)
        answer = await self.world.propose(self.flow, person, again=True)
        if isinstance(answer, Enrolled):
            assert isinstance(wanted, Participation)
            wanted.id = answer.participant
        else:
            assert answer is wanted

    async def pays(self) -> None:
        person, at = self.random.choice(list(self.model.people)), now()
        await self.world.happens("order.paid", person, at)
        self.model.happens("order.paid", person, at, at)

    async def gives(self) -> None:
        rarely: list[Command] = ["pause", "pause", "resume", "off", "end"]
        runs = self.model.flows[self.flow].status is FlowStatus.RUNNING
        given = self.random.choice(rarely if runs else ["run", "run", *rarely])
        allowed = self.model.command(self.flow, given)
        try:
            await self.world.command(self.flow, given)
            assert allowed
        except Refused:
            assert not allowed

    async def operates(self) -> None:
        inside = self.model.inside(self.flow)
        if not inside:
            return
        one, operation = self.random.choice(inside), self.random.choice(["pause", "resume", "cancel"])
        does = getattr(Participants(self.world.core.rules), operation)
        assert self.model.operate(one, operation, now())
        await self.world.core.dispatcher.write(lambda session: does(session, one.id, now()) and None)

    async def restarts(self) -> None:
        if self.worker is not None:
            await self.worker.aclose()
            self.worker = None
        else:
            self.worker = AsyncExitStack()
            await self.worker.enter_async_context(self.world.worker())

    async def compare(self) -> None:
        """What everybody reads is so at once; where everyone stands, as soon as the worker has come so far."""
        if self.worker is not None:
            self.model.settle(now())
            await eventually(self.stands, lambda found: found == self.wanted())
        flow = await self.world.state(self.flow)
        assert flow.status is self.model.flows[self.flow].status
        read = {row.id: (row.status, row.reason) for row in await self.world.participants(self.flow)}
        assert read == {one.id: self.model.read(one) for one in self.model.everyone}

    async def stands(self) -> dict[str, tuple[Status, str, list[str]]]:
        rows = await self.world.stored.participants(self.flow)
        return {row.id: (row.status, row.step if row.status.inside else "", row.passed) for row in rows}

    def wanted(self) -> dict[str, tuple[Status, str, list[str]]]:
        found = self.model.everyone
        return {one.id: (one.status, one.step if one.status.inside else "", one.passed) for one in found}


async def test_LIFE_15_a_walk_over_the_real_thing_is_as_the_model_says(still_world: World) -> None:
    """LIFE_3 to LIFE_5, LIFE_9, PART_4, PART_5, STEP_14, SAFE_1: with workers that go and come back."""
    count = [{"id": id, "kind": "update_person", "increase": {f"person.custom.{id}": 1}} for id in "ac"]
    paid = [{"event": "order.paid"}]
    listen = {"id": "listen", "kind": "wait_for_action", "actions": paid, "within": "none"}
    flow = await still_world.flow("walk", count[0], listen, count[1])
    walk = Walk(still_world, flow, seed=2)
    try:
        await walk.walk(30)
    finally:
        if walk.worker is not None:
            await walk.worker.aclose()
