"""LIFE_4: who comes while the queued are being let in queues behind them, and only then."""

import asyncio
from contextlib import suppress
from typing import Literal

import pytest
from sqlmodel import Session, col, select

from activities.dispatcher import Asked, StartJourney
from activities.enrolling.enrolment import Enrolled, Proposal
from activities.journeys.standing import Standing
from activities.upkeep import background
from flows.outcome import Status
from store.journeys import JournalRow, ParticipantRow
from tests.rules.test_overtaken import overtaking
from tests.support.world import World, mail, now

Interrupted = Literal["not at all", "by a crash", "by a pause", "by the brake for all"]


async def admitted(world: World, flow: str) -> list[str]:
    """Who was let in, in the order in which it happened."""
    query = select(col(JournalRow.participant)).where(col(JournalRow.flow) == flow, col(JournalRow.event) == "admitted")
    return list(await world.db.read(lambda session: session.scalars(query.order_by(col(JournalRow.number))).all()))


async def comes(world: World, flow: str) -> tuple[str, Status]:
    """Somebody is enrolled over the API: the participant, and whether it queues."""
    answer = await world.propose(flow, await world.person())
    assert isinstance(answer, Enrolled)
    return answer.participant, answer.status


async def test_LIFE_4_who_comes_after_the_resume_enters_after_those_who_queue(still_world: World) -> None:
    world = still_world
    flow = await world.flow("order", mail("hello"))
    await world.command(flow, "pause")
    came = [await world.enrol(flow) for _ in range(6)]
    await world.command(flow, "resume")
    late = await comes(world, flow)
    assert late[1] is Status.QUEUED
    async with world.worker():
        for participant in [*came, late[0]]:
            await world.until(participant, status=Status.FINISHED)
    assert await admitted(world, flow) == [*came, late[0]]
    await world.settled(flow)
    assert (await comes(world, flow))[1] is Status.ACTIVE


@pytest.mark.parametrize("interrupted", ["not at all", "by a crash", "by a pause", "by the brake for all"])
async def test_LIFE_4_the_order_holds_whatever_befalls_the_release(
    still_world: World, monkeypatch: pytest.MonkeyPatch, interrupted: Interrupted
) -> None:
    """LIFE_10, LIFE_16: somebody comes with each one who is let in; every third is the one at whom it happens."""
    world, queued, late = still_world, 4, 5
    monkeypatch.setattr(background, "PAGE", 3)
    flow = await world.flow("order", mail("hello"))
    await world.command(flow, "pause")
    came = [await world.enrol(flow) for _ in range(queued)]
    started: list[str] = []

    async def heard(asked: Asked) -> None:
        if not isinstance(asked, StartJourney):
            return
        started.append(asked.participant)
        if len(came) < queued + late:
            participant, status = await comes(world, flow)
            came.append(participant)
            assert status is Status.QUEUED
        if len(started) % 3 == 0:
            await interrupt()

    async def interrupt() -> None:
        if interrupted == "by a crash":
            raise ConnectionAbortedError
        if interrupted == "by a pause":
            await world.command(flow, "pause")
            await world.command(flow, "resume")
        if interrupted == "by the brake for all":
            await world.api.post("/v1/pause-all")
            came.append((await comes(world, flow))[0])

    monkeypatch.setattr(world.core.dispatcher, "_tell", heard)
    await world.command(flow, "resume")
    async with asyncio.timeout(60):
        while len(started) < len(came):  # as Temporal does: again after a crash, and after a command
            with suppress(ConnectionAbortedError):
                await world.core.background.settle(flow, lambda _: None)
            await world.api.post("/v1/resume-all")
    assert started == came == await admitted(world, flow)
    await world.core.background.settle(flow, lambda _: None)
    assert (await comes(world, flow)) == (started[-1], Status.ACTIVE)


async def test_LIFE_4_who_is_written_late_is_not_passed_over(
    still_world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two come at once, and the one with the earlier number is written when the other has been let in already."""
    world = still_world
    flow = await world.flow("order", mail("hello"))
    await world.command(flow, "pause")
    early, other = [await world.enrol(flow) for _ in range(2)]
    number = (await world.stored.participant(early)).number

    def write(status: Status) -> None:
        def work(session: Session) -> None:
            session.get_one(ParticipantRow, number).status = status

        world.db.transact(work)

    async def heard(asked: Asked) -> None:
        if isinstance(asked, StartJourney) and asked.participant == other:
            await asyncio.to_thread(write, Status.QUEUED)

    write(Status.CANCELLED)
    monkeypatch.setattr(world.core.dispatcher, "_tell", heard)
    await world.command(flow, "resume")
    assert (await world.core.background.settle(flow, lambda _: None)).settled
    assert await admitted(world, flow) == [other, early]


async def test_LIFE_4_nobody_stays_behind_who_queues_while_the_last_is_let_in(still_world: World) -> None:
    """The newcomer saw somebody queued, and is written when the release finds nobody any more."""
    world = still_world
    flow, person = await world.flow("order", mail("hello")), await world.person()
    await world.command(flow, "pause")
    last = await world.enrol(flow)
    await world.command(flow, "resume")
    given = await world.db.read(lambda session: background._given(session, flow))
    left: list[bool] = []

    def newcomer(session: Session) -> None:
        answer = world.core.enrolment.propose(session, Proposal(flow, person, "api"), now())
        assert isinstance(answer, Enrolled)
        assert answer.status is Status.QUEUED
        if world.db.sqlite:
            admit(session)
        else:
            world.db.transact(admit)

    def admit(session: Session) -> None:
        Standing.lock(session, last, now(), world.core.rules).admit()

    await overtaking(world, newcomer, lambda session: left.append(background._to_admit(given, session)))
    assert left == [True]
    rows = await world.db.read(lambda session: session.scalars(select(col(ParticipantRow.status))).all())
    assert sorted(rows) == [Status.ACTIVE, Status.QUEUED]
