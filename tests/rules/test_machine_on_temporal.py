"""A short random walk over the real thing: journeys on Temporal, a worker that goes and comes back, the same model."""

import random
from collections.abc import Sequence
from contextlib import AsyncExitStack
from datetime import timedelta

from activities.desk.participants import OperationRefused, Participants, reason_of, status_of
from activities.enrolling.enrolment import Enrolled
from flows.outcome import Reason, Status
from store.flows import FlowStatus
from store.journeys import ParticipantRow
from tests.model import Model, Someone
from tests.support.waiting import eventually
from tests.support.world import Refused, World, now
from workflows.contract import Command

ORDER = ("a", "listen", "c")
ENDLESS = timedelta(days=10_000)


class Walk:
    """Commands, people, what they do, and the worker; waits end by actions alone, so that no clock is in it."""

    def __init__(self, world: World, flow: str, seed: int) -> None:
        self.world = world
        self.flow = flow
        self.random = random.Random(seed)
        self.model = Model(ORDER, ENDLESS)
        self.model.command("run")
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
        refusal = self.model.refusal(person, again=True)
        answer = await self.world.propose(self.flow, person, again=True)
        if isinstance(answer, Enrolled):
            assert refusal is None
            self.model.enrol(answer.participant, person, now())
        else:
            assert answer is refusal

    async def pays(self) -> None:
        person, at = self.random.choice(list(self.model.people)), now()
        await self.world.happens("order.paid", person, at)
        self.model.people[person].paid.append(at)

    async def gives(self) -> None:
        rarely: list[Command] = ["pause", "pause", "resume", "off", "end"]
        runs = self.model.status is FlowStatus.RUNNING
        given = self.random.choice(rarely if runs else ["run", "run", *rarely])
        allowed = self.model.command(given)
        try:
            await self.world.command(self.flow, given)
            assert allowed
        except Refused:
            assert not allowed

    async def operates(self) -> None:
        inside = [id for id, one in self.model.inside.items() if self.model.read(one)[0].inside]
        if not inside:
            return
        id, operation = self.random.choice(inside), self.random.choice(["pause", "resume", "cancel"])
        does = getattr(Participants(self.world.core.rules), operation)
        try:
            await self.world.core.dispatcher.write(lambda session: does(session, id, now()) and None)
        except OperationRefused as error:
            raise AssertionError(id) from error
        if operation == "cancel":
            self.model.leave(self.model.inside[id], Reason.BY_HAND)
        else:
            self.model.inside[id].paused = operation == "pause"

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
        flow = await self.world.row(self.flow)
        assert flow.status is self.model.status
        read = {row.id: (status_of(row, flow), reason_of(row, flow)) for row in await self.participants()}
        assert read == {id: self.model.read(one) for id, one in self.model.inside.items()}

    async def stands(self) -> dict[str, tuple[Status, str, list[str]]]:
        rows = await self.participants()
        return {row.id: (row.status, row.step if row.status.inside else "", row.passed) for row in rows}

    def wanted(self) -> dict[str, tuple[Status, str, list[str]]]:
        found = self.model.inside.items()
        return {id: (one.status, one.step if one.status.inside else "", one.passed) for id, one in found}

    async def participants(self) -> Sequence[ParticipantRow]:
        return await self.world.participants(self.flow)


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
