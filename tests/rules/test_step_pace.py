"""STEP_20 and STEP_21: throttles and the frequency cap. How places are given is proven in tests/flows."""

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from temporalio.testing import WorkflowEnvironment

from flows.outcome import Reason, Status
from store.journeys import ParticipantRow
from tests.rules.given import DAY, ended
from tests.support.running import Running
from tests.support.waiting import eventually
from tests.support.world import World, mail, now
from tests.support.world import world as make_world

MINUTE = timedelta(minutes=1)
TWO_A_MINUTE = {"settings": {"throttle": {"flow": "2 per minute"}}}


@pytest.fixture
async def capped(temporal_env: WorkflowEnvironment, database_url: str, tmp_path: Path) -> AsyncIterator[World]:
    """A world in which nobody gets more than two e-mails a week."""
    async with make_world(temporal_env, database_url, tmp_path, cap_email="2 per week") as small:
        yield small


@pytest.fixture
async def metered(temporal_env: WorkflowEnvironment, database_url: str, tmp_path: Path) -> AsyncIterator[World]:
    """A world that sends one e-mail a minute."""
    async with make_world(temporal_env, database_url, tmp_path, rate_email="1 per minute") as small:
        yield small


async def _placed(world: World, flow: str, sent: int, waiting: int) -> list[ParticipantRow]:
    """Once so many were sent and so many have a place: who waits, by their places."""

    async def rows() -> list[ParticipantRow]:
        return [row for row in await world.stored.participants(flow) if row.place is not None]

    found = await eventually(rows, lambda rows: len(rows) == waiting)
    await eventually(lambda: world.messages(flow=flow), lambda messages: len(messages) == sent)
    return sorted(found, key=lambda row: row.place or now())


async def test_STEP_20_what_is_over_the_throttle_queues_in_order(ferd: Running) -> None:
    """Two at once, two a minute later, then the last; nothing is lost, and the queue is shown."""
    world = ferd.world
    flow = await world.flow("throttled", mail("hello"), **TWO_A_MINUTE)
    started = now()
    for _ in range(5):
        await world.enrol(flow)
    first, second, last = await _placed(world, flow, sent=2, waiting=3)
    assert first.place is not None
    assert second.place is not None
    assert last.place is not None
    assert first.place - started >= MINUTE
    assert last.place - first.place >= MINUTE
    shown = await ferd.get(f"/flows/{flow}")
    assert shown["throttled"]["waiting"] == 3
    assert shown["throttled"]["last_leaves_at"][:19] == last.place.isoformat()[:19]
    for row in (first, second, last):
        assert await ended(world, flow, row.id) is Reason.COMPLETED
        (message,) = await world.messages(participant=row.id)
        assert row.place is not None
        assert message.at >= row.place
    assert (await ferd.get(f"/flows/{flow}"))["throttled"] == {"waiting": 0, "last_leaves_at": None}


async def test_STEP_20_LIFE_12_after_a_pause_places_hold(world: World) -> None:
    """Who was released by a resume leaves at the flow's rate: what has just left counts, and so do the others."""
    flow = await world.flow("holds", mail("hello"), **TWO_A_MINUTE)
    for _ in range(4):
        await world.enrol(flow)
    before = await _placed(world, flow, sent=2, waiting=2)
    await world.command(flow, "pause")
    await world.command(flow, "resume")
    await world.settled(flow)
    for row in before:
        await world.forward(flow, row.id, 70 * timedelta(seconds=1))
    later = [await world.stored.participant(row.id) for row in before]
    assert all(row.status is Status.FINISHED or (row.place and row.place > now()) for row in later)
    for row in before:
        assert await ended(world, flow, row.id) is Reason.COMPLETED
    assert len(world.inbox.mails) == 4


async def test_STEP_20_PART_4_who_is_cancelled_leaves_the_place_to_those_behind(ferd: Running) -> None:
    world = ferd.world
    flow = await world.flow("moves-up", mail("hello"), settings={"throttle": {"flow": "1 per hour"}})
    for _ in range(3):
        await world.enrol(flow)
    first, second = await _placed(world, flow, sent=1, waiting=2)
    await ferd.post(f"/participants/{first.id}/cancel")
    assert first.place is not None
    assert (await ferd.get(f"/flows/{flow}"))["throttled"]["last_leaves_at"][:19] == first.place.isoformat()[:19]
    await world.stored.until(second.id, until=first.until)
    await world.forward(flow, second.id, 62 * MINUTE)
    assert (await world.until(second.id, status=Status.FINISHED)).reason is Reason.COMPLETED


async def test_STEP_20_EDIT_5_a_changed_throttle_plans_afresh(world: World) -> None:
    """Who waited for a place at the old rate goes on when there is room at the new one."""
    flow = await world.flow("faster", mail("hello"), settings={"throttle": {"email": "1 per day"}})
    for _ in range(3):
        await world.enrol(flow)
    await _placed(world, flow, sent=1, waiting=2)
    await world.command(flow, "pause")
    await world.edit(world.definition("faster", mail("hello"), settings={"throttle": {"email": "3 per day"}}))
    await world.command(flow, "resume")
    await eventually(lambda: world.messages(flow=flow), lambda messages: len(messages) == 3)


async def test_STEP_20_a_channel_has_a_rate_over_all_flows(metered: World) -> None:
    one = await metered.flow("one", mail("hello"))
    other = await metered.flow("other", mail("hello"))
    await metered.enrol(one)
    await eventually(lambda: metered.messages(flow=one), lambda messages: len(messages) == 1)
    participant = await metered.enrol(other)
    (row,) = await _placed(metered, other, sent=0, waiting=1)
    assert row.place is not None
    assert await ended(metered, other, participant) is Reason.COMPLETED
    (message,) = await metered.messages(participant=participant)
    assert message.at >= row.place


async def test_STEP_21_over_the_cap_a_message_waits_until_it_allows_one_more(capped: World) -> None:
    """Over all flows: the third within a week waits until the first is a week old."""
    person = await capped.person()
    first = await capped.flow("first", mail("one"), mail("two"))
    assert await ended(capped, first, await capped.enrol(first, person)) is Reason.COMPLETED
    second = await capped.flow("second", mail("three"))
    participant = await capped.enrol(second, person)
    row = await capped.stored.until(participant, position=2)
    assert row.until is not None
    assert 6 * DAY < row.until - now() <= 7 * DAY
    assert await ended(capped, second, participant) is Reason.COMPLETED
    assert capped.inbox.subjects == ["one", "two", "three"]
    assert "frequency cap" in " ".join(line.text for line in await capped.lines(participant))


@pytest.mark.parametrize(
    ("settings", "subjects", "event"),
    [
        ({"over_cap": "skip"}, ["one", "two"], "skipped"),
        ({"transactional": True}, ["one", "two", "three"], "done"),
    ],
    ids=["skipped", "transactional"],
)
async def test_STEP_21_over_the_cap_a_message_may_be_skipped_and_a_transactional_one_never_waits(
    capped: World, settings: dict[str, Any], subjects: list[str], event: str
) -> None:
    flow = await capped.flow("capped", mail("one"), mail("two"), mail("three", **settings))
    participant = await capped.enrol(flow)
    await capped.until(participant, status=Status.FINISHED)
    assert capped.inbox.subjects == subjects
    assert ("three", event) in await capped.journal(participant)


async def test_STEP_21_transactional_messages_do_not_count(capped: World) -> None:
    flow = await capped.flow("receipts", mail("one", transactional=True), mail("two"), mail("three"))
    participant = await capped.enrol(flow)
    await capped.until(participant, status=Status.FINISHED)
    assert capped.inbox.subjects == ["one", "two", "three"]
