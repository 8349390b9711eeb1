"""PART_6, LIFE_12: until when somebody waits, as the API reads it, where no journey was woken to count it anew."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlmodel import Session, select

from activities.life import pauses
from store.pauses import PauseRow
from tests.rules.given import DAY, HOUR, resting
from tests.rules.test_edit_effects import came_before
from tests.support.running import Running, expect
from tests.support.world import World, mail, wait

FREEZE = {"waits_during_pause": "freeze"}


def moment(text: str | None) -> datetime:
    assert text is not None
    return datetime.fromisoformat(text)


async def paused_between(world: World, began: datetime, ended: datetime, **whose: str) -> None:
    """A pause that is over, through which everybody slept."""

    def work(session: Session) -> None:
        pauses.begin(session, began, **whose)
        session.flush()
        pauses.end(session, ended, **whose)

    await world.db.write(work)


async def began_earlier(world: World, time: timedelta) -> None:
    """Have every pause begin and end so much earlier; one that lasts still does."""

    def work(session: Session) -> None:
        for row in session.scalars(select(PauseRow)):
            row.began_at -= time
            row.ended_at = row.ended_at - time if row.ended_at is not None else None

    await world.db.write(work)


async def edited(ferd: Running, name: str, *steps: dict[str, Any], **settings: Any) -> Any:
    """Save a new version over HTTP."""
    flow = ferd.world.definition(name, *steps, settings=settings)
    return expect(
        200, await ferd.api.put(f"/v1/flows/{flow.id}", json=flow.model_dump(mode="json", exclude_defaults=True))
    )


async def test_PART_6_a_pause_that_was_slept_through_counts_in_every_list(ferd: Running) -> None:
    """LIFE_12: of the flow, and of one participant; those that overlap count once."""
    world = ferd.world
    flow = await world.flow("slept", wait("rest", "10 days"), mail("after"), settings=FREEZE)
    one, other = await world.enrol(flow), await world.enrol(flow)
    for participant in (one, other):
        await resting(world, participant, "rest")
    row, beside = await came_before(world, one, 5 * HOUR), await world.participant(other)
    await paused_between(world, row.since + HOUR, row.since + 3 * HOUR, flow=flow)
    await paused_between(world, row.since + 2 * HOUR, row.since + 4 * HOUR, flow=flow, participant=one)
    listed = (await ferd.get(f"/flows/{flow}/participants", step="rest"))["items"]
    assert [moment(each["until"]) for each in listed] == [row.since + 10 * DAY + 3 * HOUR, beside.since + 10 * DAY]
    read = await ferd.get(f"/participants/{one}")
    assert moment(read["until"]) == row.since + 10 * DAY + 3 * HOUR
    assert [each["until"] for each in (await ferd.get("/participants", flow=flow))["items"]] == [
        each["until"] for each in listed
    ]


async def test_PART_6_while_a_wait_stands_still_what_is_left_does_not_run_down(ferd: Running) -> None:
    """LIFE_12: by the flow's pause, by that of one participant, by the brake; with `keep` it runs."""
    world = ferd.world
    flow = await world.flow("still", wait("rest", "10 days"), mail("after"), settings=FREEZE)
    keeps = await world.flow("keeps", wait("rest", "10 days"), mail("after"))
    inside = {flow: await world.enrol(flow), keeps: await world.enrol(keeps)}
    for participant in inside.values():
        await resting(world, participant, "rest")
    still, runs = inside[flow], inside[keeps]
    for path, ends in (
        (f"/flows/{flow}/pause", f"/flows/{flow}/resume"),
        (f"/participants/{still}/pause", f"/participants/{still}/resume"),
        ("/pause-all", "/resume-all"),
    ):
        await ferd.post(path)
        before = [await ferd.get(f"/participants/{each}") for each in (still, runs)]
        for each in (still, runs):  # an hour passes
            await came_before(world, each, HOUR)
        await began_earlier(world, HOUR)
        after = [await ferd.get(f"/participants/{each}") for each in (still, runs)]
        assert after[0]["left"] == pytest.approx(before[0]["left"], abs=0.001)
        assert after[1]["left"] <= before[1]["left"] - HOUR.total_seconds()
        assert moment(after[0]["until"]) > moment(before[0]["until"]) - HOUR
        await ferd.post(ends)


async def test_PART_6_an_edit_during_the_pause_is_read_before_anybody_wakes(ferd: Running) -> None:
    """EDIT_4, LIFE_4: the deadline of a wait for an action and the end of a wait, as they will be after the resume."""
    world = ferd.world
    answer = {"id": "answer", "kind": "wait_for_action", "actions": [{"event": "a.b"}], "within": "3 days"}
    guard = {"guard_occupied_steps": False}
    flow = await world.flow("edited", wait("rest", "10 days"), answer, settings=guard)
    resters, answers = await world.enrol(flow), await world.enrol(flow)
    for participant in (resters, answers):
        await resting(world, participant, "rest")
    await world.forward(flow, answers, 11 * DAY)
    await resting(world, answers, "answer")
    await ferd.post(f"/flows/{flow}/pause")
    ends = {
        participant: (await ferd.get(f"/participants/{participant}"))["until"] for participant in (resters, answers)
    }
    await edited(ferd, "edited", wait("rest", "4 days"), {**answer, "within": "5 days"}, **guard)
    for participant, differs in ((resters, -6 * DAY), (answers, 2 * DAY)):
        until = moment((await ferd.get(f"/participants/{participant}"))["until"])
        assert until == moment(ends[participant]) + differs
    await ferd.post(f"/flows/{flow}/resume")
    for participant, differs in ((resters, -6 * DAY), (answers, 2 * DAY)):
        await world.stored.until(participant, until=moment(ends[participant]) + differs)


async def test_EDIT_7_of_several_edits_during_a_pause_each_tells_the_plan_of_the_one_before(ferd: Running) -> None:
    """EDIT_7, LIFE_4: nobody is woken between them, so what is stored is older."""
    world = ferd.world
    guard = {"guard_occupied_steps": False}
    flow = await world.flow("several", wait("rest", "10 days"), mail("after"), settings=guard)
    participant = await world.enrol(flow)
    since = (await resting(world, participant, "rest")).since
    await ferd.post(f"/flows/{flow}/pause")
    for days, before in ((4, 10), (6, 4), (20, 6)):
        edit = await edited(ferd, "several", wait("rest", f"{days} days"), mail("after"), **guard)
        [rest] = [step for step in edit["steps"] if step["step"] == "rest"]
        assert moment(rest["before"]["earliest"]) == since + before * DAY
        assert moment(rest["after"]["latest"]) == since + days * DAY
