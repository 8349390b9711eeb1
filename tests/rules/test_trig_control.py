"""TRIG_12: the control group goes through without any effect, and success is compared."""

from collections import Counter
from datetime import date
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from sqlmodel import col, select

from activities.counting.tally import count
from flows.experiment import Arm, arm_of
from flows.outcome import Reason, Refusal
from flows.units import Share
from store.flows import Tally
from tests.rules.given import DAY, ended, is_member, left, person_now, resting, when
from tests.support.running import Running, expect, problem
from tests.support.world import World, mail, now, wait

HALF = "50 percent"
BOUGHT = {"any": [{"event": "order.placed"}, when("person.category", "customer")]}


async def people_of(world: World, flow: str, arm: Arm, number: int) -> list[str]:
    """People who are on this side of the flow's comparison."""
    found: list[str] = []
    while len(found) < number:
        person = await world.person()
        if arm_of(person, flow, Share.parse(HALF)) is arm:
            found.append(person)
    return found


async def comparison(ferd: Running, flow: str) -> Any:
    return (await ferd.get(f"/flows/{flow}"))["statistics"]["comparison"]


async def test_TRIG_12_nothing_is_done_to_the_control_group_and_the_journal_says_so(world: World) -> None:
    await world.selection("done")
    follower = await world.flow("follower", wait("rest", "30 days"))
    other = await world.flow("other", wait("rest", "30 days"))
    name = world.id("control")
    flow = await world.flow(
        "control",
        mail("hello"),
        {"id": "tag", "kind": "update_person", "set": {"person.category": "tagged"}},
        wait("rest", "1 day"),
        mail("bye"),
        {"id": "end", "kind": "finish", "no_success": {"add_to_flow": follower, "add_to_selection": "done"}},
        settings={"control_group": HALF},
        enrolment={"leave": [other]},
    )
    assert flow == name
    (control,) = await people_of(world, flow, Arm.CONTROL, 1)
    (treated,) = await people_of(world, flow, Arm.TREATED, 1)
    elsewhere = await world.enrol(other, control)
    inside = {person: await world.enrol(flow, person) for person in (control, treated)}
    for participant in inside.values():
        await resting(world, participant, "rest")
        assert await ended(world, flow, participant) is Reason.COMPLETED
    assert world.inbox.subjects == ["hello", "bye"]
    assert [row.person for row in await world.participants(follower)] == [treated]
    assert (await person_now(world, control)).category is None
    assert (await person_now(world, treated)).category == "tagged"
    assert not await is_member(world, control, "done")
    assert await world.effects(inside[control]) == []
    assert (await world.participant(elsewhere)).status.inside
    lines = [(line.step, line.event, line.text) for line in await world.lines(inside[control])]
    for step in ("hello", "tag", "bye"):
        assert (step, "skipped", "in the control group") in lines
    assert ("end", "skipped", "handed over to nobody: in the control group") in lines
    assert "enrolled by api, in the control group" in lines[0]


async def test_TRIG_12_success_counts_for_both_groups_also_after_they_have_left(ferd: Running) -> None:
    world = ferd.world
    flow = await world.flow("lift", mail("hello"), settings={"control_group": HALF}, success=BOUGHT)
    assert await comparison(ferd, flow) is None
    control = await people_of(world, flow, Arm.CONTROL, 3)
    treated = await people_of(world, flow, Arm.TREATED, 3)
    participants = [await world.enrol(flow, person) for person in (*control, *treated)]
    for participant in participants:
        assert await left(world, participant) is Reason.COMPLETED
    found = await comparison(ferd, flow)
    assert (found["control"]["enrolled"], found["treated"]["enrolled"]) == (3, 3)
    assert found["lift"] == 0
    for person in (treated[0], treated[0], treated[1], control[0]):  # twice is once
        await world.happens("order.placed", person)
    await world.change(treated[2], category="customer")
    found = await comparison(ferd, flow)
    assert (found["control"]["successes"], found["treated"]["successes"]) == (1, 3)
    assert round(found["lift"], 3) == 0.667
    low, high = found["interval"]
    assert low < found["lift"] < high
    assert found["confidence"] == 0.95
    statistics = (await ferd.get(f"/flows/{flow}"))["statistics"]
    assert statistics["finished"] == 6  # how they left the flow is not changed by what comes later
    # Removed with all record: it counts in neither number any more.
    await ferd.api.delete(f"/v1/participants/{participants[0]}")
    assert (await comparison(ferd, flow))["control"] == {"enrolled": 2, "successes": 0, "rate": 0.0}


async def test_TRIG_12_success_inside_counts_once_and_within_the_time_that_is_set(ferd: Running) -> None:
    world = ferd.world
    flow = await world.flow(
        "inside", wait("rest", "30 days"), settings={"control_group": HALF}, success={**BOUGHT, "within": "10 days"}
    )
    (control,) = await people_of(world, flow, Arm.CONTROL, 1)
    (treated,) = await people_of(world, flow, Arm.TREATED, 1)
    participants = [await world.enrol(flow, person) for person in (control, treated)]
    for participant in participants:
        await resting(world, participant, "rest")
    await world.happens("order.placed", control)
    await world.happens("order.placed", control)
    assert await left(world, participants[0]) is Reason.SUCCESS
    row = await world.participant(participants[1])
    await world.happens("order.placed", treated, row.enrolled_at + 11 * DAY)
    found = await comparison(ferd, flow)
    assert (found["control"]["successes"], found["treated"]["successes"]) == (1, 0)


async def test_TRIG_12_a_link_or_form_is_no_criterion_beside_a_control_group(still_ferd: Running) -> None:
    world = still_ferd.world
    await world.put("links/offer", url="https://fjord.example")
    flow = await world.save(
        world.definition(
            "link",
            wait("rest", "1 day"),
            settings={"control_group": HALF},
            success={"any": [{"event": "order.placed"}, {"event": "link_clicked", "link": "offer"}]},
        )
    )
    refused = problem(422, await still_ferd.api.post(f"/v1/flows/{flow}/run"))
    assert [each["pointer"] for each in refused["problems"]] == ["/success/any/1/event"]


@pytest.mark.parametrize("zone", ["Pacific/Kiritimati", "Pacific/Pago_Pago"])
async def test_TRIG_12_success_counts_on_the_flows_day(still_ferd: Running, zone: str) -> None:
    """By the calendar of a flow far in the east, and far in the west: one of them is at another day than UTC."""
    world = still_ferd.world
    flow = await world.flow(
        "day", wait("rest", "30 days"), settings={"control_group": HALF}, success=BOUGHT, time_zone=zone
    )
    people = await people_of(world, flow, Arm.TREATED, 2)
    participants = [await world.enrol(flow, person) for person in people]
    before = now().astimezone(ZoneInfo(zone)).date()
    for person in people:
        await world.happens("order.placed", person)
    assert await world.propose(flow, people[0]) is Refusal.ALREADY_ACTIVE
    after = now().astimezone(ZoneInfo(zone)).date()

    async def by_day(name: str) -> dict[date, int]:
        query = select(Tally).where(col(Tally.measure) == "arm", col(Tally.name) == name)
        found = Counter[date]()
        for row in await world.db.read(lambda session: session.scalars(query).all()):
            found[row.day] += row.count
        return {day: number for day, number in found.items() if number}

    counted = await by_day("treated_success")
    assert sum(counted.values()) == 2
    assert set(counted) <= {before, after}
    # Its refusals by day, too, and what is removed goes from the day that it was counted on.
    [period] = [each for each in (await still_ferd.get(f"/flows/{flow}/statistics"))["periods"] if each["refused"]]
    assert (date.fromisoformat(period["start"]) in (before, after), period["refused"]) == (True, {"already_active": 1})
    for participant in participants:
        expect(204, await still_ferd.api.delete(f"/v1/participants/{participant}"))
    assert await by_day("treated_success") == await by_day("treated") == {}


async def test_TRIG_12_both_sides_are_recounted(still_ferd: Running) -> None:
    """PART_6: counters of the comparison that are wrong are found and mended like all others."""
    world = still_ferd.world
    flow = await world.flow("recounted", wait("rest", "30 days"), settings={"control_group": HALF}, success=BOUGHT)
    (control,) = await people_of(world, flow, Arm.CONTROL, 1)
    await world.enrol(flow, control)
    await world.happens("order.placed", control)
    assert (await still_ferd.post(f"/flows/{flow}/recount"))["mended"] == []
    wrong = {("arm", "control_success"): -1, ("arm", "treated"): 3}
    await world.db.write(lambda session: count(session, flow, 1, 0, now().date(), wrong))  # type: ignore[arg-type]
    mended = (await still_ferd.post(f"/flows/{flow}/recount"))["mended"]
    assert [(each["name"], each["by"]) for each in mended] == [("control_success", 1), ("treated", -3)]
    found = await comparison(still_ferd, flow)
    assert (found["control"]["successes"], found["treated"]["enrolled"]) == (1, 0)


@pytest.mark.parametrize("older", [Arm.CONTROL, Arm.TREATED])
async def test_TRIG_12_PART_9_two_who_were_one_person_are_compared_as_one(still_ferd: Running, older: Arm) -> None:
    """On the side of the older participation, which stays; what the other has met counts there. A recount agrees."""
    ferd, world = still_ferd, still_ferd.world
    success = {"any": [{"event": "order.placed"}], "then": "continue"}
    flow = await world.flow("merged", wait("rest", "30 days"), settings={"control_group": HALF}, success=success)
    (control,) = await people_of(world, flow, Arm.CONTROL, 1)
    (treated,) = await people_of(world, flow, Arm.TREATED, 1)
    stays, gone = (control, treated) if older is Arm.CONTROL else (treated, control)
    for person in (stays, gone):
        await world.enrol(flow, person)
    await world.happens("order.placed", gone)
    await ferd.post(f"/people/{gone}/merge", {"into": stays})
    await world.happens("order.placed", stays)
    found = await comparison(ferd, flow)
    assert {side: (found[side]["enrolled"], found[side]["successes"]) for side in ("control", "treated")} == {
        "control": (0, 0),
        "treated": (0, 0),
        older.value: (1, 1),
    }
    assert await world.core.recounts.recount(flow) == []
