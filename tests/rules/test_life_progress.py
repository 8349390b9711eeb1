"""LIFE_7, LIFE_10: how far background work is, and who keeps a closed flow open, over the API."""

from typing import Any

from store.flows import FlowStatus
from tests.rules.given import resting
from tests.support.running import running
from tests.support.waiting import eventually
from tests.support.world import World, mail, wait


async def test_LIFE_10_the_flow_says_how_many_are_still_to_be_released_or_cancelled(still_world: World) -> None:
    world = still_world
    flow = await world.flow("progress", wait("rest", "3 days"))
    await world.command(flow, "pause")
    for _ in range(3):
        await world.enrol(flow)
    await world.command(flow, "resume")
    async with running(world) as ferd:

        async def left() -> Any:
            return (await ferd.get(f"/flows/{flow}"))["left_to_do"]

        assert await left() == 3
        async with world.worker():
            await eventually(left, lambda count: count == 0)
            for row in await world.participants(flow):
                await resting(world, row.id, "rest")
        await world.command(flow, "end")
        assert await left() == 3
        async with world.worker():
            await eventually(left, lambda count: count == 0)


async def test_LIFE_7_a_closed_flow_shows_who_keeps_it_open(world: World) -> None:
    endless = {"id": "react", "kind": "wait_for_action", "actions": [{"event": "a.b"}], "within": "none"}
    flow = await world.flow("open", endless, mail("after"))
    waiting, held = await world.enrol(flow), await world.enrol(flow)
    for participant in (waiting, held):
        await resting(world, participant, "react")
    await world.operate(held, "pause")
    await world.until(held, holding=True)
    async with running(world) as ferd:
        assert (await ferd.get(f"/flows/{flow}"))["kept_open"] is None
        await world.command(flow, "close")
        await world.settled(flow)
        assert (await ferd.get(f"/flows/{flow}"))["kept_open"] == {"inside": 2, "held": 1, "without_limit": 1}
        await world.happens("a.b", (await world.participant(waiting)).person)
        await world.operate(held, "cancel")
        await eventually(lambda: world.state(flow), lambda row: row.status is FlowStatus.FINISHED)
        assert (await ferd.get(f"/flows/{flow}"))["kept_open"] is None
