"""SAFE_2, SAFE_3: how often, and for how long, a fault that may pass is tried again. The journey is led by hand."""

from datetime import datetime, timedelta

from activities.journeys.steps import GIVE_UP, Begun
from activities.life import pauses
from flows.ports import NotDone
from tests.support.running import Running
from tests.support.world import World, mail, now
from workflows.contract import STEP_ATTEMPTS

WEEK = timedelta(days=7)


async def is_busy(world: World, participant: str, at: datetime) -> None:
    """One try, and the other side asks to come again."""
    steps, row = world.core.steps, await world.stored.participant(participant)
    begun = await world.core.dispatcher.write(
        lambda session: steps.enter(session, participant, row.position, "send_email", at)
    )
    assert isinstance(begun, Begun)
    busy = NotDone("busy", retryable=True)
    await world.core.dispatcher.write(
        lambda session: steps.settle(session, participant, begun, busy, at, last_try=False)
    )


async def test_SAFE_2_SAFE_3_who_was_tried_twice_a_week_ago_is_not_given_up_at_the_next_fault(
    still_ferd: Running,
) -> None:
    """A day alone is not enough where no worker was there, or behind a throttle: Temporal's own tries come first."""
    world = still_ferd.world
    flow = await world.flow("tries", mail("hello"))
    participant = await world.enrol(flow)
    first = now()
    for number in range(STEP_ATTEMPTS + 1):
        assert (await still_ferd.get("/attention", flow=flow))["items"] == []
        await is_busy(world, participant, first if number < 2 else first + WEEK)
    [entry] = (await still_ferd.get("/attention", flow=flow))["items"]
    assert entry["reason"] == "failing"
    assert entry["text"] == f"tried {STEP_ATTEMPTS + 1} times since {first:%Y-%m-%d %H:%M} UTC without success: busy"


async def test_SAFE_2_SAFE_3_LIFE_17_a_pause_does_not_count_among_the_day_of_tries(still_ferd: Running) -> None:
    """A flow paused itself when its mail server failed: who is tried again after it has the rest of the day."""
    world = still_ferd.world
    flow = await world.flow("tries", mail("hello"))
    participant = await world.enrol(flow)
    first = now()
    for _ in range(STEP_ATTEMPTS + 1):
        await is_busy(world, participant, first)
    await still_ferd.post(f"/flows/{flow}/pause")
    await world.core.dispatcher.write(lambda session: pauses.end(session, first + WEEK, flow=flow))
    await still_ferd.post(f"/flows/{flow}/resume")
    await is_busy(world, participant, first + WEEK)
    assert (await still_ferd.get("/attention", flow=flow))["items"] == []
    await is_busy(world, participant, first + WEEK + GIVE_UP)
    [entry] = (await still_ferd.get("/attention", flow=flow))["items"]
    assert entry["reason"] == "failing"
