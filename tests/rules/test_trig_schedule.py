"""TRIG_1: a recurring schedule over a selection."""

from datetime import datetime
from typing import Any, cast
from zoneinfo import ZoneInfo

from sqlalchemy import update
from sqlmodel import Session, col
from temporalio.client import ScheduleDescription
from temporalio.service import RPCError

from activities.enrolling.recurrences import scheduled
from flows.events import ScheduleTrigger
from flows.outcome import Status
from store.enrolments import Recurrence
from store.flows import FlowRow
from tests.rules.given import enrolled_people, when
from tests.support.waiting import eventually
from tests.support.world import World, now, wait
from workflows.contract import recurrence_id

REST = wait("rest", "30 days")
MONDAYS: dict[str, Any] = {"schedule": "0 9 * * MON", "selection": "newcomers"}
DAILY: dict[str, Any] = {"schedule": "*/5 8-17 * * *", "selection": "newcomers", "again": True}


async def schedules(world: World, flow: str) -> dict[str, ScheduleDescription]:
    """The schedules that Temporal has of those that the flow names, by their cron lines."""
    definition = await world.db.read(
        lambda session: world.core.definitions.current(session, session.get_one(FlowRow, flow)).flow
    )
    found = {}
    for name, trigger in scheduled(definition).items():
        try:
            found[trigger.schedule] = await world.client.get_schedule_handle(recurrence_id(flow, name)).describe()
        except RPCError:
            continue
    return found


async def known(world: World, flow: str) -> int:
    return await world.stored.count(Recurrence, col(Recurrence.flow) == flow)


async def test_TRIG_1_a_schedule_enrols_the_members_of_the_moment(world: World) -> None:
    """TRIG_2: while the flow is running or paused. TRIG_3, TRIG_4: filter and once hold. TRIG_8: `again` as marked."""
    first, second, swede = [await world.person(country=country) for country in ("NO", "NO", "SE")]
    await world.selection("newcomers", first, swede)
    flow = await world.flow(
        "mondays",
        REST,
        time_zone="Europe/Oslo",
        enrolment={"triggers": [MONDAYS], "filter": when("person.country", "NO")},
    )
    described = (await eventually(lambda: schedules(world, flow)))[MONDAYS["schedule"]]
    assert described.schedule.spec.time_zone_name == "Europe/Oslo"
    assert described.info.next_action_times[0].isoweekday() == 1
    oslo = described.info.next_action_times[0].astimezone(ZoneInfo("Europe/Oslo"))
    assert (oslo.hour, oslo.minute) == (9, 0)
    handle = world.client.get_schedule_handle(described.id)
    await handle.trigger()
    await eventually(lambda: enrolled_people(world, flow), [first].__eq__)
    # Paused: who has joined meanwhile comes in and queues; who took part does not come again.
    await world.join("selections/newcomers", second)
    await world.command(flow, "pause")
    await world.settled(flow)
    first_at = (await handle.describe()).info.recent_actions[-1].started_at.replace(microsecond=0)
    await eventually(_second, lambda second: second > first_at)  # a moment is a whole second
    await handle.trigger()
    rows = await eventually(lambda: world.participants(flow), lambda rows: len(rows) == 2)
    assert [(row.person, row.status) for row in rows] == [(first, Status.ACTIVE), (second, Status.QUEUED)]
    # Ended: the schedule is gone. Run again: it is there again.
    await world.command(flow, "end")
    await eventually(lambda: known(world, flow), (0).__eq__)
    assert await schedules(world, flow) == {}
    await world.command(flow, "run")
    await eventually(lambda: schedules(world, flow))
    await world.command(flow, "stop")
    await eventually(lambda: known(world, flow), (0).__eq__)


async def test_TRIG_1_an_edit_changes_the_schedules(world: World) -> None:
    await world.selection("newcomers")
    flow = await world.flow("edited", REST, enrolment={"triggers": [MONDAYS]})
    await eventually(lambda: schedules(world, flow))
    await world.command(flow, "pause")
    await world.edit(world.definition("edited", REST, enrolment={"triggers": [DAILY]}))
    found = await eventually(lambda: schedules(world, flow))
    assert list(found) == [DAILY["schedule"]]
    await eventually(lambda: known(world, flow), (1).__eq__)
    # The same in another zone is another schedule.
    await world.edit(world.definition("edited", REST, time_zone="Asia/Tokyo", enrolment={"triggers": [DAILY]}))
    found = await eventually(lambda: schedules(world, flow))
    assert found[DAILY["schedule"]].schedule.spec.time_zone_name == "Asia/Tokyo"
    await eventually(lambda: known(world, flow), (1).__eq__)
    await world.command(flow, "end")
    await eventually(lambda: known(world, flow), (0).__eq__)


async def test_TRIG_1_what_a_crash_kept_from_being_made_or_unmade_is_mended(still_world: World) -> None:
    """Made and not written down, written down and not made, unmade and not written down: the next look mends it."""
    world = still_world
    await world.selection("newcomers")
    flow = await world.flow("crash", REST, enrolment={"triggers": [MONDAYS]})
    sync = world.core.recurrences.sync
    await sync(flow)
    await world.db.write(lambda session: _forget(session, flow))
    await sync(flow)
    assert len(await schedules(world, flow)) == await known(world, flow) == 1
    (described,) = (await schedules(world, flow)).values()
    await world.client.get_schedule_handle(described.id).delete()
    await world.command(flow, "end")
    await sync(flow)
    assert await known(world, flow) == 0


async def test_TRIG_1_one_moment_counts_once(still_world: World) -> None:
    world = still_world
    await world.selection("newcomers", await world.person())
    flow = await world.flow("once", REST, enrolment={"triggers": [DAILY]})
    (trigger,) = world.definition("once", REST, enrolment={"triggers": [DAILY]}).enrolment.triggers

    def begin(session: Session) -> bool:
        row = session.get_one(FlowRow, flow)
        return world.core.jobs.begin_at(session, row, cast(ScheduleTrigger, trigger), "monday", now())

    assert [await world.db.write(begin) for _ in range(2)] == [True, False]


async def _second() -> datetime:
    return now().replace(microsecond=0)


def _forget(session: Session, flow: str) -> None:
    session.execute(update(Recurrence).where(col(Recurrence.flow) == flow).values(made=False))
