"""A flow's numbers over time, and recounted, over the API."""

from activities.counting.tally import count
from activities.desk.participants import Participants
from tests.rules.given import DAY
from tests.support.running import Running, expect, problem
from tests.support.world import mail, now, wait


async def test_PART_6_numbers_over_time_and_recounted(ferd: Running) -> None:
    world = ferd.world
    flow = await world.flow("numbers", mail("hello"), {"id": "rest", "kind": "wait", "for": "3 days"})
    for _ in range(2):
        await world.until(await world.enrol(flow), step="rest")
    today = now().date()
    told = await ferd.get(f"/flows/{flow}/statistics")
    assert (told["to"], told["by"], len(told["periods"])) == (str(today), "day", 30)
    last = told["periods"][-1]
    assert (last["start"], last["enrolled"], last["active"]) == (str(today), 2, 2)
    assert last["steps"] == [{"id": "hello", "passed": 2, "waiting": 0}, {"id": "rest", "passed": 0, "waiting": 2}]
    assert told["statistics"]["enrolled"] == 2
    months = await ferd.get(f"/flows/{flow}/statistics", **{"from": "2026-01-15", "to": "2026-03-02", "by": "month"})
    assert [each["start"] for each in months["periods"]] == ["2026-01-01", "2026-02-01", "2026-03-01"]

    assert (await ferd.post(f"/flows/{flow}/recount"))["mended"] == []
    await world.db.write(lambda session: count(session, flow, 1, 0, today, {("enrolled", ""): 5}))
    mended = await ferd.post(f"/flows/{flow}/recount")
    assert mended["mended"] == [{"generation": 1, "measure": "enrolled", "name": "", "by": -5}]
    assert (await ferd.get(f"/flows/{flow}"))["statistics"]["enrolled"] == 2

    path = f"/v1/flows/{flow}/statistics"
    problem(422, await ferd.api.get(path, params={"from": "2026-03-02", "to": "2026-03-01"}))
    problem(422, await ferd.api.get(path, params={"from": "1926-03-02"}))
    problem(422, await ferd.api.get(path, params={"by": "hour"}))
    problem(404, await ferd.api.get("/v1/flows/nobody/statistics"))
    expect(404, await ferd.api.post("/v1/flows/nobody/recount"))


async def test_PART_4_who_is_removed_later_has_never_gone_through_a_step(ferd: Running) -> None:
    """Also not in the numbers over time: on no day have fewer than nobody gone through."""
    world = ferd.world
    flow = await world.flow("removed", mail("hello"), wait("rest", "3 days"))
    participant = await world.enrol(flow)
    await world.until(participant, step="rest")
    desk, later = Participants(world.core.rules), now() + DAY
    await world.core.dispatcher.write(lambda session: desk.remove(session, participant, later))
    days = {"from": str((later - 2 * DAY).date()), "to": str(later.date())}
    told = await ferd.get(f"/flows/{flow}/statistics", **days)
    assert [period["enrolled"] for period in told["periods"]] == [0, 0, 0]
    assert [step["passed"] for period in told["periods"] for step in period["steps"] if step["passed"]] == []
    assert (await ferd.post(f"/flows/{flow}/recount"))["mended"] == []


async def test_TRIG_11_LIFE_7_who_came_to_a_flow_that_takes_nobody_is_counted_among_the_refused(
    still_ferd: Running,
) -> None:
    """TRIG_2, STEP_16: by hand and by a hand-over, which nobody else hears of."""
    world = still_ferd.world
    flow = await world.flow("closed", wait("rest", "1 day"))
    await world.enrol(flow)
    await still_ferd.post(f"/flows/{flow}/close")
    await world.propose(flow, await world.person())
    await world.propose_by("hand_over", flow, await world.person())
    assert (await still_ferd.get(f"/flows/{flow}"))["statistics"]["refused"] == {"flow_not_open": 2}
