"""LIFE_17: a flow whose sends fail pauses itself."""

from typing import Any

from flows.outcome import Status
from store.flows import FlowStatus
from tests.support.running import Running
from tests.support.waiting import eventually
from tests.support.world import World, mail

THREE_OF_FIVE = {"settings": {"circuit_breaker": {"failed": "50 percent", "of_last": 5}}}
REFUSED = "554 5.7.1 not from you"


def careful(**settings: Any) -> dict[str, Any]:
    """A mail that is passed over where it cannot be sent, so that nobody is held for it."""
    return mail("hello", on_error="continue", **settings)


async def paused(world: World, flow: str) -> None:
    await eventually(lambda: world.state(flow), lambda row: row.status is FlowStatus.PAUSED)


async def test_LIFE_17_a_flow_whose_sends_fail_pauses_itself_says_so_and_loses_nobody(ferd: Running) -> None:
    """Two good sends, then three that fail: more than half of the last five. Who comes later queues, and goes on."""
    world = ferd.world
    flow = await world.flow("breaker", careful(), **THREE_OF_FIVE)
    for answer in ("250 OK", "250 OK", REFUSED, REFUSED):
        world.inbox.answer = answer
        await world.until(await world.enrol(flow), status=Status.FINISHED)
    assert (await world.state(flow)).status is FlowStatus.RUNNING
    await world.until(await world.enrol(flow), status=Status.FINISHED)
    await paused(world, flow)
    shown = await ferd.get(f"/flows/{flow}")
    assert shown["paused_because"] == "circuit breaker: 3 of the last 5 sends failed"
    queued = await world.enrol(flow)
    assert (await world.participant(queued)).status is Status.QUEUED
    world.inbox.answer = "250 OK"
    await world.command(flow, "resume")
    await world.until(queued, status=Status.FINISHED)
    shown = await ferd.get(f"/flows/{flow}")
    assert (shown["status"], shown["paused_because"]) == ("running", "")
    assert len(world.inbox.mails) == 3


async def test_LIFE_17_a_resumed_flow_gets_another_chance_and_the_breaker_can_be_switched_off(world: World) -> None:
    """What failed before the resume does not count again; with `off` nothing does."""
    flow = await world.flow("again", careful(), **THREE_OF_FIVE)
    world.inbox.answer = REFUSED
    for _ in range(3):
        await world.enrol(flow)
    await paused(world, flow)
    await world.command(flow, "resume")
    await world.settled(flow)
    await world.until(await world.enrol(flow), status=Status.FINISHED)
    assert (await world.state(flow)).status is FlowStatus.RUNNING

    fearless = await world.flow("off", careful(), settings={"circuit_breaker": "off"})
    for _ in range(12):
        await world.until(await world.enrol(fearless), status=Status.FINISHED)
    assert (await world.state(fearless)).status is FlowStatus.RUNNING


async def test_LIFE_17_by_default_more_than_ten_of_the_last_fifty(world: World) -> None:
    flow = await world.flow("default", careful())
    world.inbox.answer = REFUSED
    participants = [await world.enrol(flow) for _ in range(10)]
    for participant in participants:
        await world.until(participant, status=Status.FINISHED)
    assert (await world.state(flow)).status is FlowStatus.RUNNING
    await world.enrol(flow)
    await paused(world, flow)
