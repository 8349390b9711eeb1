"""LIFE_4, LIFE_12: who was held or queued goes on after a resume: in order, at the flow's send rate, and it shows."""

from collections import Counter
from collections.abc import Awaitable, Callable

import pytest
from sqlalchemy import insert
from sqlmodel import Session

from activities.dispatcher import Asked, StartJourney, WakeJourney
from activities.upkeep.background import PAGE
from flows.outcome import Status
from store.enrolments import JobSource
from store.flows import FlowRow
from store.journeys import ParticipantRow
from tests.rules.test_trig_bulk import people
from tests.support.running import running
from tests.support.waiting import eventually
from tests.support.world import World, mail, now, wait

HELD, QUEUED = 2_000, PAGE + 50
Heard = Callable[[Asked], Awaitable[None]]


async def crowd(world: World) -> tuple[str, list[str], list[str]]:
    """A paused flow, and who is held and who is queued in it, in the order in which they came."""
    flow = await world.flow("crowd", wait("rest", "3 days"))
    await world.command(flow, "pause")
    row = ParticipantRow(
        id="", flow=flow, person="", generation=1, version=1, status=Status.ACTIVE, step="rest", since=now(), plan={},
        enrolled_at=now(), holding=True, started=True,
    ).model_dump(exclude={"number"})  # fmt: skip
    # By their ids in another order than that in which they came.
    held = [f"par-{(number * 7) % HELD:05}" for number in range(HELD)]
    newcomers = await people(world, QUEUED)

    def put(session: Session) -> None:
        session.execute(insert(ParticipantRow), [{**row, "id": id, "person": id} for id in held])
        world.core.jobs.begin(session, session.get_one(FlowRow, flow), JobSource.PEOPLE, now(), people=newcomers)

    await world.db.write(put)
    await world.core.background.settle(flow, lambda _: None)
    rows = await world.participants(flow)
    return flow, held, [row.id for row in rows if row.status is Status.QUEUED]


def listen(world: World, monkeypatch: pytest.MonkeyPatch, heard: Heard) -> None:
    """Be told what Temporal would be told."""
    monkeypatch.setattr(world.core.dispatcher, "_tell", heard)


async def test_LIFE_4_thousands_are_released_in_the_order_in_which_they_came(
    still_world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """LIFE_10: the API says meanwhile how many are left."""
    world = still_world
    flow, held, queued = await crowd(world)
    woken: list[str] = []
    started: list[str] = []
    left: list[int] = []
    async with running(world) as ferd:

        async def heard(asked: Asked) -> None:
            if isinstance(asked, WakeJourney):
                woken.append(asked.participant)
            if isinstance(asked, StartJourney):
                started.append(asked.participant)
            if (len(woken) + len(started)) % 500 == 0:
                left.append((await ferd.get(f"/flows/{flow}"))["left_to_do"])

        listen(world, monkeypatch, heard)
        await world.command(flow, "resume")
        left.clear()
        await world.core.background.settle(flow, lambda _: None)
        assert (await ferd.get(f"/flows/{flow}"))["left_to_do"] == 0
    assert woken == held
    assert started == queued
    assert left == sorted(left, reverse=True)
    assert HELD + QUEUED > left[0] > left[-1]


async def test_LIFE_3_a_pause_ends_a_release_of_thousands_at_the_next_page(
    still_world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """LIFE_10: who waits for the pause's own work does not wait for the release; the next resume goes on with it."""
    world = still_world
    flow, held, _ = await crowd(world)
    told: Counter[str] = Counter()

    async def heard(asked: Asked) -> None:
        told[type(asked).__name__] += 1
        if told["WakeJourney"] == PAGE + 1 and "paused" not in told:
            told["paused"] = 1
            await world.command(flow, "pause")

    listen(world, monkeypatch, heard)
    await world.command(flow, "resume")
    assert not (await world.core.background.settle(flow, lambda _: None)).settled
    assert told["WakeJourney"] == 2 * PAGE
    assert told["StartJourney"] == 0
    assert (await world.core.background.settle(flow, lambda _: None)).settled
    await world.command(flow, "resume")
    told["WakeJourney"] = 0
    await world.core.background.settle(flow, lambda _: None)
    assert told["WakeJourney"] == len(held)
    assert told["StartJourney"] == QUEUED


async def test_LIFE_12_after_a_pause_mails_leave_at_the_flows_rate_and_not_as_a_flood(still_world: World) -> None:
    """Those who were due during the pause, and those who came during it; the API says how many still wait."""
    world, rate = still_world, 8
    throttle = {"throttle": {"flow": f"{rate} per hour"}}
    flow = await world.flow("rate", mail("hello"), settings=throttle)
    due = [await world.enrol(flow) for _ in range(12)]
    await world.command(flow, "pause")
    queued = [await world.enrol(flow) for _ in range(12)]
    async with world.worker(), running(world) as ferd:
        await eventually(lambda: world.participants(flow), lambda rows: sum(row.holding for row in rows) == len(due))
        assert world.inbox.mails == []
        await world.command(flow, "resume")

        async def waiting() -> int:
            number: int = (await ferd.get(f"/flows/{flow}"))["throttled"]["waiting"]
            return number

        everyone = len(due) + len(queued)
        await eventually(waiting, lambda number: number == everyone - rate)
        await eventually(
            lambda: world.participants(flow), lambda rows: sum(not row.status.inside for row in rows) == rate
        )
        rows = await world.stored.participants(flow)
    assert len(world.inbox.mails) == rate
    places = sorted(row.place for row in rows if row.place is not None)
    assert len(places) == everyone - rate
    hours = Counter(int((place - now()).total_seconds() // 3_600) for place in places)
    assert max(hours.values()) <= rate
    admitted = [row for row in rows if row.id in queued]
    assert [row.id for row in sorted(admitted, key=lambda row: row.since)] == queued
