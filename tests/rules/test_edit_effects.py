"""EDIT_6, EDIT_7: what the guard refuses, and what a dry run says and saving then does."""

import re
from datetime import timedelta
from typing import Any

import pytest
from sqlmodel import Session, col, select

from activities.life import pauses
from api.edits import Span, StepEffect
from flows.definition import Flow
from flows.outcome import Reason
from store.journeys import ParticipantRow
from tests.rules.given import left, resting
from tests.support.waiting import eventually
from tests.support.world import Refused, World, mail, wait

DAY, HOUR = timedelta(days=1), timedelta(hours=1)
OPEN = {"edit_while_running": True, "guard_occupied_steps": False}
GUARDED = {"edit_while_running": True}


async def came_before(world: World, participant: str, time: timedelta) -> ParticipantRow:
    """Have a participant come to where it stands so much earlier."""

    def work(session: Session) -> ParticipantRow:
        row = session.scalars(select(ParticipantRow).where(col(ParticipantRow.id) == participant)).one()
        row.since -= time
        row.until = row.until - time if row.until is not None else None
        return row

    return await world.db.write(work)


async def waiting(world: World, flow: str, step: str, number: int) -> list[str]:
    """So many people who wait in a step, each an hour longer than the one before."""
    ids = [await world.enrol(flow) for _ in range(number)]
    for hours, id in enumerate(ids):
        await resting(world, id, step)
        await came_before(world, id, hours * HOUR)
    return ids


def at(effects: list[StepEffect], step: str) -> StepEffect:
    """What happens to who stands at a step."""
    return next(effect for effect in effects if effect.step == step)


async def occupied(world: World, edited: Flow) -> list[Any]:
    """The problems of an edit that the guard refuses."""
    with pytest.raises(Refused) as refused:
        await world.edit(edited)
    assert refused.value.status == 409
    return list(refused.value.problem["problems"])


def branch(name: str, *steps: dict[str, Any]) -> dict[str, Any]:
    return {"name": name, "share": "50 percent", "steps": list(steps)}


def split(id: str, *branches: dict[str, Any]) -> dict[str, Any]:
    return {"id": id, "kind": "split", "branches": list(branches), "everyone_else": {"exit": {}}}


async def test_EDIT_6_the_guard_names_the_step_and_how_many_are_there(world: World) -> None:
    """Removed, moved, made another kind: refused, and nothing has changed."""
    flow = await world.flow("guard", wait("rest", "3 days"), mail("a"), settings=GUARDED)
    first, _ = await waiting(world, flow, "rest", 2)
    edits = {
        "removed": [mail("a")],
        "moved": [mail("a"), wait("rest", "3 days")],
        "another kind": [{"id": "rest", "kind": "wait_for_action", "actions": [{"event": "order.placed"}]}, mail("a")],
    }
    for what, steps in edits.items():
        edited = world.definition("guard", *steps, settings=GUARDED)
        [found] = await occupied(world, edited)
        assert (found["step"], found["standing"]) == ("rest", 2)
        assert re.search(rf"wait rest cannot (be|become) {what}: 2 are there", found["what"])
        told = await world.edit(edited, dry_run=True)
        assert [(effect.step, effect.refused) for effect in told.steps if effect.refused] == [("rest", 2)]
        assert not told.possible
    assert (await world.state(flow)).version == 1
    assert (await world.participant(first)).version == 1
    await world.edit(world.definition("guard", wait("rest", "3 days"), mail("b"), settings=GUARDED))


async def test_EDIT_6_branches_and_splits_with_people_on_them(world: World) -> None:
    everyone = {"name": "all", "share": "100 percent", "steps": [wait("rest", "3 days")]}
    flow = await world.flow("branch", mail("a"), split("s", everyone), mail("b"), settings=GUARDED)
    await waiting(world, flow, "rest", 1)
    for steps, why in (
        ([mail("a"), mail("b")], "split s cannot be removed: 1 is there"),
        ([split("s", everyone), mail("a"), mail("b")], "split s cannot be moved"),
        (
            [mail("a"), wait("rest", "3 days"), split("s", branch("new")), mail("b")],
            "branch all of s cannot be removed",
        ),
    ):
        found = await occupied(world, world.definition("branch", *steps, settings=GUARDED))
        assert why in "; ".join(each["what"] for each in found)
    more = split("s", {"name": "more", "happened": {"event": "order.placed"}}, everyone)
    await world.edit(world.definition("branch", mail("a"), more, mail("b"), settings=GUARDED))


async def test_EDIT_6_actions_and_what_nobody_is_at_can_be_removed_and_the_current_version_decides(
    world: World,
) -> None:
    steps = [wait("rest", "3 days"), mail("a"), wait("later", "1 day")]
    flow = await world.flow("current", *steps, settings=GUARDED)
    await waiting(world, flow, "rest", 1)
    await world.edit(world.definition("current", wait("rest", "3 days"), settings=GUARDED))
    assert [each["step"] for each in await occupied(world, world.definition("current", mail("a"), settings=OPEN))] == [
        "rest"
    ]
    await world.edit(world.definition("current", wait("rest", "3 days"), settings=OPEN))
    await world.edit(world.definition("current", mail("a"), settings=OPEN))
    assert (await world.state(flow)).version == 4


async def test_EDIT_7_a_dry_run_says_who_stays_until_when_and_who_goes_on_and_saves_nothing(world: World) -> None:
    """Saving then answers the same, and so it happens."""
    flow = await world.flow("dry", wait("rest", "10 hours"), mail("a"), settings=OPEN)
    people = await waiting(world, flow, "rest", 6)
    rows = [await world.participant(id) for id in people]
    shorter = world.definition("dry", wait("rest", "150 minutes"), mail("a"), settings=OPEN)
    told = await world.edit(shorter, dry_run=True)
    assert (await world.state(flow)).version == 1
    effect = at(told.steps, "rest")
    assert (effect.change, effect.standing, effect.replanned, effect.moved_on, effect.on_to) == ("edited", 6, 3, 3, "a")
    assert effect.before == Span(earliest=rows[2].since + 10 * HOUR, latest=rows[0].since + 10 * HOUR)
    assert effect.after == Span(earliest=rows[2].since + 2.5 * HOUR, latest=rows[0].since + 2.5 * HOUR)
    saved = await world.edit(shorter)
    assert (told.version, saved.version, saved.steps) == (2, 2, told.steps)
    for id in people[3:]:
        assert await left(world, id) is Reason.COMPLETED
    for id, row in zip(people[:3], rows[:3], strict=True):
        await world.stored.until(id, until=row.since + 2.5 * HOUR)


async def test_EDIT_7_removed_moved_and_added_steps(world: World) -> None:
    flow = await world.flow("steps", wait("one", "3 days"), mail("a"), wait("two", "3 days"), settings=OPEN)
    (resting_there,) = await waiting(world, flow, "one", 1)
    edit = world.definition("steps", wait("two", "3 days"), mail("new"), mail("a"), settings=OPEN)
    told = await world.edit(edit, dry_run=True)
    assert [(effect.step, effect.change) for effect in told.steps] == [
        ("one", "removed"), ("a", "unchanged"), ("two", "moved"), ("new", "added")
    ]  # fmt: skip
    assert at(told.steps, "one").moved_on == 1
    assert at(told.steps, "one").on_to == "new"
    await world.edit(edit)
    assert await left(world, resting_there) is Reason.COMPLETED
    assert (await world.participant(resting_there)).passed == ["new", "a"]


async def test_EDIT_7_the_persons_own_clock_counts(world: World) -> None:
    """Five days at the same local time: in Kiritimati a summer time change does nothing, in Oslo it is an hour."""
    flow = await world.flow("zones", wait("rest", "10 days"), mail("a"), settings=OPEN)
    people = [await world.person(time_zone=zone) for zone in ("Europe/Oslo", "Pacific/Kiritimati", None)]
    ids = [await world.enrol(flow, person) for person in people]
    for id in ids:
        await resting(world, id, "rest")
    edit = world.definition("zones", wait("rest", "300 days"), mail("a"), settings=OPEN)
    effect = at((await world.edit(edit)).steps, "rest")
    assert (effect.replanned, effect.moved_on) == (3, 0)
    rows = [await eventually(lambda id=id: world.participant(id), lambda row: row.version == 2) for id in ids]  # type: ignore[misc]
    ends = [row.until for row in rows if row.until is not None]
    assert effect.after == Span(earliest=min(ends), latest=max(ends))


async def test_EDIT_7_time_that_stood_still_does_not_count(world: World) -> None:
    """LIFE_12: five hours in the wait, two of them paused."""
    freeze = {**OPEN, "waits_during_pause": "freeze"}
    flow = await world.flow("frozen", wait("rest", "10 hours"), mail("a"), settings=freeze)
    (participant,) = await waiting(world, flow, "rest", 1)
    row = await came_before(world, participant, 5 * HOUR)

    def paused(session: Session) -> None:
        pauses.begin(session, row.since + HOUR, flow=flow)
        session.flush()
        pauses.end(session, row.since + 3 * HOUR, flow=flow)

    await world.db.write(paused)
    edit = world.definition("frozen", wait("rest", "4 hours"), mail("a"), settings=freeze)
    effect = at((await world.edit(edit)).steps, "rest")
    assert (effect.replanned, effect.moved_on) == (1, 0)
    end = row.since + 6 * HOUR
    assert effect.after == Span(earliest=end, latest=end)
    await world.stored.until(participant, until=end)


async def test_EDIT_2_a_running_flow_is_not_edited_into_one_that_could_not_run(world: World) -> None:
    flow = await world.flow("wrong", mail("a"), settings=OPEN)
    with pytest.raises(Refused) as refused:
        await world.edit(world.definition("wrong", mail("a", content="missing"), settings=OPEN))
    assert refused.value.status == 422
    assert [each["pointer"] for each in refused.value.problem["problems"]] == ["/steps/0/content"]
    assert (await world.state(flow)).version == 1
