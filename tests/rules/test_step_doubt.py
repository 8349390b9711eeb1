"""SAFE_2: a worker is lost while it sends, and the step is then not done again. What may have happened is listed.

The journeys are led by hand, so that the loss comes at the one moment that counts: planned, and nobody heard of again.
"""

from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Any

import pytest

from activities.journeys.pace import Limits, Pace
from activities.journeys.steps import Begun, Steps
from flows.units import Rate
from store.journeys import EffectStatus
from tests.rules.given import HOUR, quietly
from tests.support.running import Running
from tests.support.waiting import eventually
from tests.support.world import World, file_of, mail, now, taken, wait

REST = wait("rest", "1 day")
AGAIN = {"on_unknown": "repeat"}


def capped(world: World) -> Steps:
    """As a worker has them that was started again, to send nobody more than one e-mail a week."""
    core = world.core
    return Steps(core.rules, core.steps.store_ports, Pace(Limits(caps={"email": Rate.parse("1 per week")})))


async def entered(world: World, participant: str, at: datetime, steps: Steps) -> object:
    """The gate is passed with what is due, and what comes then is lost."""
    row = await world.stored.participant(participant)
    kind = str(row.plan["kind"] if row.plan["type"] == "perform" else row.plan["then"]["kind"])
    return await world.core.dispatcher.write(lambda session: steps.enter(session, participant, row.position, kind, at))


Meanwhile = Callable[[Running, str, str], Awaitable[datetime]]
"""What happens before the next try; when that is."""


async def fill_the_cap(ferd: Running, flow: str, person: str) -> datetime:
    other = await ferd.world.flow("other", mail("one"))
    assert isinstance(
        await entered(ferd.world, await ferd.world.enrol(other, person), now(), ferd.world.core.steps), Begun
    )
    return now()


async def close_the_window(ferd: Running, flow: str, person: str) -> datetime:
    return now() + 6 * HOUR


async def withdraw(ferd: Running, flow: str, person: str) -> datetime:
    await quietly(ferd.world, person, consent={"email": "withdrawn"})
    return now()


async def switch_off(ferd: Running, flow: str, person: str) -> datetime:
    await ferd.post(f"/flows/{flow}/off")
    return now()


async def remove_the_step(ferd: Running, flow: str, person: str) -> datetime:
    await ferd.post(f"/flows/{flow}/pause")
    edited = ferd.world.definition(flow.removesuffix(f"-{ferd.world.suffix}"), REST)
    taken(await ferd.api.put(f"/v1/flows/{flow}", content=file_of(edited), headers={"Content-Type": "text/yaml"}))
    await ferd.post(f"/flows/{flow}/resume")
    return now()


def open_now() -> dict[str, Any]:
    """A window that closes within three hours."""
    return {"days": "every_day", "from": f"{now() - HOUR:%H}:00", "to": f"{now() + 2 * HOUR:%H}:00", "outside": "skip"}


@pytest.mark.parametrize(
    ("meanwhile", "step"),
    [
        (fill_the_cap, {"over_cap": "skip", **AGAIN}),
        (close_the_window, AGAIN),
        (withdraw, AGAIN),
        (switch_off, AGAIN),
        (remove_the_step, AGAIN),
        (remove_the_step, {}),
    ],
)
async def test_SAFE_2_a_step_that_is_not_done_again_leaves_its_doubt_in_the_list(
    still_ferd: Running, meanwhile: Meanwhile, step: dict[str, Any]
) -> None:
    """STEP_19, STEP_21, PART_2, LIFE_9, EDIT_5: skipped, left or removed, what was planned is unknown and listed."""
    world = still_ferd.world
    email = {"from": "hello@fjord.example", "reply_to": "same_as_from", "window": open_now()}
    flow = await world.flow("doubt", mail("hello", **step), REST, email=email)
    participant = await world.enrol(flow, person := await world.person())
    assert isinstance(await entered(world, participant, now(), world.core.steps), Begun)
    at = await meanwhile(still_ferd, flow, person)
    assert not isinstance(await entered(world, participant, at, capped(world)), Begun)
    row = await world.participant(participant)
    assert row.step == "rest" or not row.status.inside
    [entry] = (await still_ferd.get("/attention", flow=flow))["items"]
    assert (entry["effect"], entry["reason"]) == (f"{participant}/hello/1", "unknown")
    assert ("hello", "unknown") in await world.journal(participant)
    [message] = (await still_ferd.get("/messages", participant=participant))["items"]
    assert message["state"] == "unknown"
    assert (await still_ferd.post(f"/flows/{flow}/stop"))["under_way"] == 0
    await still_ferd.post("/attention", {"effect": entry["effect"], "outcome": "done"})
    assert (await still_ferd.get("/attention", flow=flow))["items"] == []


async def test_SAFE_2_PART_4_a_journey_that_is_terminated_while_it_sends_leaves_its_doubt_too(
    still_ferd: Running,
) -> None:
    """Lost with its workflow, then cancelled by hand: nobody will be heard of who could say how it went."""
    world = still_ferd.world
    flow = await world.flow("terminated", mail("hello"), REST)
    participant = await world.enrol(flow)
    assert isinstance(await entered(world, participant, now(), world.core.steps), Begun)
    await world.journey(flow, participant).terminate()

    async def swept() -> set[tuple[str, str]]:
        await world.core.sweep.once()
        items = (await still_ferd.get("/attention", flow=flow))["items"]
        return {(entry["effect"] or "", entry["reason"]) for entry in items}

    both = {(f"{participant}/hello/1", "unknown"), ("", "lost")}
    assert await eventually(swept, lambda found: len(found) == 2) == both  # visibility is a little late
    await still_ferd.post(f"/participants/{participant}/cancel")
    assert (await still_ferd.get(f"/flows/{flow}"))["under_way"] == 0


async def test_SAFE_2_SAFE_3_a_failing_step_that_is_skipped_by_hand_leaves_its_doubt_too(still_ferd: Running) -> None:
    """Lost while it sent, then failing because the content is no longer ready, then skipped."""
    world = still_ferd.world
    flow = await world.flow("skipped", mail("hello", **AGAIN), REST)
    participant = await world.enrol(flow)
    assert isinstance(await entered(world, participant, now(), world.core.steps), Begun)
    await world.content(state="draft")
    await entered(world, participant, now(), world.core.steps)
    [entry] = (await still_ferd.get("/attention", flow=flow))["items"]
    assert entry["reason"] == "failing"
    await still_ferd.post(f"/participants/{participant}/skip")
    [entry] = (await still_ferd.get("/attention", flow=flow))["items"]
    assert (entry["effect"], entry["reason"]) == (f"{participant}/hello/1", "unknown")
    [effect] = await world.effects(participant)
    assert effect.status is EffectStatus.UNKNOWN
