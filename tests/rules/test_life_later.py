"""LIFE_14: commands that take effect later, asked for or written in the flow's file."""

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from api.flows import FlowPublic
from flows.outcome import Status
from store.columns import new_id
from store.flows import FlowStatus
from store.schedules import ScheduledCommand
from tests.rules.given import DAY, HOUR, quietly, resting, when
from tests.support.dump import contents
from tests.support.running import Running, problem, running
from tests.support.waiting import eventually
from tests.support.world import World, mail, now, wait


async def pass_time(world: World, flow: str, time: timedelta) -> None:
    """Let time pass for the flow's own workflow, once it has heard of what was scheduled."""
    handle = world.life(flow)

    async def rests() -> bool:
        history = await handle.fetch_history()
        started = [event for event in history.events if event.HasField("timer_started_event_attributes")]
        return bool(started)

    await eventually(rests)
    await world.env.fast_forward(handle, time)


def status(wanted: FlowStatus) -> Any:
    """For `eventually`."""
    return lambda row: row.status is wanted


async def test_LIFE_14_a_command_waits_for_its_time_and_is_listed_until_then(world: World) -> None:
    flow = await world.flow("later", mail("first"), wait("rest", "3 days"))
    participant = await world.enrol(flow)
    await resting(world, participant, "rest")
    at = (now() + DAY).replace(microsecond=0)
    async with running(world) as ferd:
        answer = await ferd.post(f"/flows/{flow}/stop", {"at": at.isoformat()})
        assert (answer["status"], answer["scheduled"]["command"]) == ("running", "stop")
        [listed] = (await ferd.get(f"/flows/{flow}/scheduled"))["items"]
        assert datetime.fromisoformat(listed["at"]) == at
        await pass_time(world, flow, 23 * HOUR)
        assert (await world.state(flow)).status is FlowStatus.RUNNING
        await world.env.fast_forward(world.life(flow), 2 * HOUR)
        await eventually(lambda: world.state(flow), status(FlowStatus.STOPPED))
        await world.stored.until(participant, status=Status.CANCELLED)
        assert (await ferd.get(f"/flows/{flow}/scheduled"))["items"] == []


async def test_LIFE_14_a_run_for_later_enrols_who_matches_then(world: World) -> None:
    """LIFE_14, TRIG_7: kept with the command; who came to match meanwhile is taken, who no longer matches is not."""
    early, late = await world.person(country="NO"), await world.person(country="NO")
    await world.selection("vip", early)
    triggers = [{"event": "added_to_selection", "selection": "vip"}]
    enrolment = {"triggers": triggers, "filter": when("person.country", "NO")}
    flow = await world.save(world.definition("existing", wait("rest", "3 days"), enrolment=enrolment))
    async with running(world) as ferd:
        answer = await ferd.post(f"/flows/{flow}/run", {"at": (now() + HOUR).isoformat(), "enrol_existing": True})
        assert (answer["status"], answer["scheduled"]["enrol_existing"]) == ("draft", True)
        await quietly(world, early, country="SE")
        await world.selection("vip", late)
        await pass_time(world, flow, 2 * HOUR)
        rows = await eventually(lambda: world.participants(flow))
        assert [row.person for row in rows] == [late]
        [job] = (await ferd.get(f"/flows/{flow}/enrolments"))["items"]
        assert (job["enrolled"], job["refusals"]) == (1, {"filter": 1})


async def test_LIFE_14_a_moment_without_offset_is_in_the_flows_time_zone(still_world: World) -> None:
    flow = await still_world.flow("zone", mail("first"), time_zone="America/New_York")
    async with running(still_world) as ferd:
        await ferd.post(f"/flows/{flow}/pause?at=2087-07-01%2008:00")
        [listed] = (await ferd.get(f"/flows/{flow}/scheduled"))["items"]
        assert datetime.fromisoformat(listed["at"]) == datetime(2087, 7, 1, 8, tzinfo=ZoneInfo("America/New_York"))


async def test_LIFE_14_a_withdrawn_command_is_not_carried_out(world: World) -> None:
    flow = await world.flow("withdrawn", mail("first"), wait("rest", "3 days"))
    async with running(world) as ferd:
        one = await ferd.post(f"/flows/{flow}/stop", {"at": (now() + HOUR).isoformat()})
        two = await ferd.post(f"/flows/{flow}/pause", {"at": (now() + 2 * HOUR).isoformat()})
        scheduled = f"/v1/flows/{flow}/scheduled"
        assert (await ferd.api.delete(f"{scheduled}/{one['scheduled']['id']}")).status_code == 204
        problem(404, await ferd.api.delete(f"{scheduled}/{one['scheduled']['id']}"))
        [left] = (await ferd.get(f"/flows/{flow}/scheduled"))["items"]
        assert left["id"] == two["scheduled"]["id"]
        await pass_time(world, flow, 3 * HOUR)
        await eventually(lambda: world.state(flow), status(FlowStatus.PAUSED))
        await ferd.post(f"/flows/{flow}/end", {"at": (now() + DAY).isoformat()})
        assert (await ferd.api.delete(scheduled)).status_code == 204
        assert (await ferd.get(f"/flows/{flow}/scheduled"))["items"] == []


async def test_LIFE_14_what_is_refused_when_its_time_comes_stays_listed_and_changes_nothing(world: World) -> None:
    flow = await world.flow("refused", mail("first"))
    async with running(world) as ferd:
        await ferd.post(f"/flows/{flow}/pause", {"at": (now() + HOUR).isoformat()})
        await ferd.post(f"/flows/{flow}/end")
        await pass_time(world, flow, 2 * HOUR)

        async def items() -> Any:
            return (await ferd.get(f"/flows/{flow}/scheduled"))["items"]

        [listed] = await eventually(items, lambda found: found[0]["refused"])
        assert "ended" in listed["refused"]
        assert (await world.state(flow)).status is FlowStatus.ENDED


async def test_LIFE_14_a_moment_that_is_past_or_none_is_refused_and_changes_nothing(still_world: World) -> None:
    world = still_world
    flow = await world.flow("past", mail("first"))
    stopped = await world.flow("stopped", mail("first"))
    await world.command(stopped, "stop")
    closed = await world.flow("closed", wait("rest", "1 day"))
    await world.enrol(closed)
    await world.command(closed, "close")
    before = await contents(world.db)
    async with running(world) as ferd:
        for at in ("2020-01-01 08:00", "yesterday"):
            refused = problem(422, await ferd.api.post(f"/v1/flows/{flow}/pause", json={"at": at}))
            assert [each["pointer"] for each in refused["problems"]] == ["/at"]
        problem(422, await ferd.api.post(f"/v1/flows/{flow}/pause?at=soon"))
        problem(409, await ferd.api.post(f"/v1/flows/{stopped}/run", json={"at": "2087-01-01"}))
        never = problem(409, await ferd.api.post(f"/v1/flows/{closed}/run", json={"at": "2087-01-01"}))
        assert (never["flow_status"], never["allowed"]) == ("closed", ["stop"])
        problem(404, await ferd.api.post(f"/v1/flows/{world.id('nobody')}/run", json={"at": "2087-01-01"}))
    assert await contents(world.db) == before


async def test_LIFE_14_the_file_starts_and_closes_its_flow(world: World) -> None:
    start = (now() + DAY).astimezone(UTC).replace(tzinfo=None)
    schedule = {"run_at": f"{start:%Y-%m-%d %H:%M}", "close_at": f"{start + DAY:%Y-%m-%d %H:%M}"}
    flow = await world.save(world.definition("file", mail("first"), schedule=schedule))
    assert (await world.state(flow)).status is FlowStatus.DRAFT
    await pass_time(world, flow, 25 * HOUR)
    await eventually(lambda: world.state(flow), status(FlowStatus.RUNNING))
    await world.env.fast_forward(world.life(flow), 25 * HOUR)
    await eventually(lambda: world.state(flow), status(FlowStatus.FINISHED))


async def test_LIFE_14_what_the_file_asks_for_too_late_is_told(still_ferd: Running) -> None:
    """A start or close that is past is nothing that anybody waits for: a warning says so, until it has come about."""
    ago, later = (f"{now() + days * DAY:%Y-%m-%d %H:%M}" for days in (-1, 1))
    given = {"id": "late", "steps": [wait("w", "1 day")], "schedule": {"run_at": ago, "close_at": later}}
    saved = await still_ferd.post("/flows", given, status=201)
    [warning] = saved["problems"]
    assert (warning["severity"], warning["pointer"]) == ("warning", "/schedule/run_at")
    assert [each["command"] for each in (await still_ferd.get("/flows/late/scheduled"))["items"]] == ["close"]
    await still_ferd.post("/flows/late/run")
    assert (await still_ferd.get("/flows/late"))["problems"] == []


async def test_LIFE_14_an_edit_replaces_what_the_file_said_and_a_pause_is_not_ended_by_it(world: World) -> None:
    def plan(**schedule: datetime) -> Any:
        return world.definition("file", mail("first"), schedule={name: str(at) for name, at in schedule.items()})

    flow = await world.save(plan(run_at=now() + 8 * HOUR, close_at=now() + 9 * HOUR))
    await world.edit(plan(run_at=now() + HOUR))
    async with running(world) as ferd:
        [listed] = (await ferd.get(f"/flows/{flow}/scheduled"))["items"]
        assert (listed["command"], listed["by_file"]) == ("run", True)
        await world.command(flow, "run")
        await world.command(flow, "pause")
        await pass_time(world, flow, 2 * HOUR)

        async def items() -> Any:
            return (await ferd.get(f"/flows/{flow}/scheduled"))["items"]

        await eventually(items, lambda found: found[0]["refused"])
        assert (await world.state(flow)).status is FlowStatus.PAUSED


async def test_LIFE_14_the_sweep_wakes_a_flow_that_nobody_told_of_its_time(world: World) -> None:
    """A crash after the transaction, or a workflow that was terminated: the store does not forget."""
    flow = await world.flow("untold", mail("first"))
    await world.settled(flow)
    late = now() - timedelta(minutes=5)
    row = ScheduledCommand(id=new_id("cmd"), flow=flow, command="pause", at=late, given_at=late)
    await world.db.write(lambda session: session.add(row))

    async def swept() -> FlowPublic:
        await world.core.sweep.once()
        return await world.state(flow)

    await eventually(swept, status(FlowStatus.PAUSED), pause=0.5)
