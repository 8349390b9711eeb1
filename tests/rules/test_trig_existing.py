"""TRIG_7: who already matches, with the exact number beforehand."""

from typing import Any

from activities.enrolling.jobs import PAGE
from flows.outcome import Status
from tests.rules.given import enrolled_people, when
from tests.rules.test_trig_bulk import people
from tests.support.running import Running, expect, problem
from tests.support.world import World, wait

REST = wait("rest", "30 days")
ORDER = {"event": "order.placed", "when": when("event.amount", 100, ">")}


async def settled(world: World, flow: str) -> None:
    """The background work of a flow, done."""
    await world.core.background.settle(flow, lambda _: None)


async def matching(world: World) -> tuple[dict[str, Any], list[str]]:
    """Triggers of every sort with people who match them; the settings of enrolment, and who is to come in."""
    await world.selection("vip")
    await world.selection("staff")
    await world.put("projects/fair")
    norwegians = [await world.person(country="NO") for _ in range(5)]
    swede, small, stranger, staff = [await world.person(country=country) for country in ("SE", "NO", "NO", "NO")]
    vip, guest, buyer, both, clicker = norwegians
    await world.join("selections/vip", vip, both, swede, staff, fire_triggers=False)
    await world.join("selections/staff", staff, stranger, fire_triggers=False)
    await world.join("projects/fair", guest, fire_triggers=False)
    await world.happens("order.placed", buyer, amount=101)
    await world.happens("order.placed", buyer, amount=1)  # the latest does not match, an earlier one does
    await world.happens("order.placed", both, amount=200)
    await world.happens("order.placed", small, amount=100)
    await world.happens("link_clicked", clicker, link="offer")
    await world.put("links/offer", url="https://fjord.example")
    triggers = [
        {"event": "added_to_selection", "selection": "vip"},
        {"event": "added_to_project", "project": "fair"},
        {"event": "link_clicked", "link": "offer"},
        ORDER,
    ]
    settings = {"triggers": triggers, "filter": when("person.country", "NO"), "exclude": "staff"}
    return settings, sorted(norwegians)


async def test_TRIG_7_run_enrols_who_matches_already_if_asked_and_says_how_many_beforehand(
    still_ferd: Running,
) -> None:
    world = still_ferd.world
    settings, expected = await matching(world)
    flow = await world.save(world.definition("existing", REST, enrolment=settings))
    dry = await still_ferd.post(f"/flows/{flow}/run?dry_run=true")
    assert dry["existing"] == {"enrolled": 5, "refused": {"filter": 1, "on_exclusion_list": 1}}
    assert dry["status"] == "running"
    assert (await still_ferd.get(f"/flows/{flow}"))["status"] == "draft"
    ran = await still_ferd.post(f"/flows/{flow}/run", {"enrol_existing": True})
    await settled(world, flow)
    job = await still_ferd.get(f"/flows/{flow}/enrolments/{ran['enrolment']['id']}")
    assert (job["enrolled"], job["refusals"], job["done"]) == (5, dry["existing"]["refused"], True)
    assert sorted(await enrolled_people(world, flow)) == expected
    rows = {row.person: row for row in await world.stored.participants(flow)}
    assert rows[expected[2]].event == {"amount": 101}


async def test_TRIG_7_without_being_asked_run_enrols_nobody(still_ferd: Running) -> None:
    world = still_ferd.world
    settings, expected = await matching(world)
    flow = await world.save(world.definition("later", REST, enrolment=settings))
    assert "enrolment" not in await still_ferd.post(f"/flows/{flow}/run")
    await settled(world, flow)
    assert await world.participants(flow) == []
    # Asked for by an edit while it is paused: they queue.
    await still_ferd.post(f"/flows/{flow}/pause")
    text = world.definition("later", REST, enrolment=settings).model_dump_json(by_alias=True, exclude_defaults=True)
    headers = {"Content-Type": "application/json"}
    path = f"/v1/flows/{flow}?enrol_existing=true"
    would = expect(200, await still_ferd.api.put(f"{path}&dry_run=true", content=text, headers=headers))
    assert would["existing"]["enrolled"] == len(expected)
    expect(200, await still_ferd.api.put(path, content=text, headers=headers))
    await settled(world, flow)
    assert sorted(await enrolled_people(world, flow)) == expected
    assert {row.status for row in await world.participants(flow)} == {Status.QUEUED}
    await still_ferd.post(f"/flows/{flow}/end")
    refused = problem(409, await still_ferd.api.put(path, content=text, headers=headers))
    assert refused["flow_status"] == "ended"
    assert (await still_ferd.get(f"/flows/{flow}"))["version"] == 2
    # Once: who took part is counted as refused the second time, beforehand and then.
    dry = await still_ferd.post(f"/flows/{flow}/run?dry_run=true&enrol_existing=true")
    assert dry["existing"] == {
        "enrolled": 0,
        "refused": {"filter": 1, "on_exclusion_list": 1, "took_part_before": 5},
    }


async def test_TRIG_7_the_number_is_exact_over_many_pages(still_ferd: Running) -> None:
    world = still_ferd.world
    norwegians, swedes = await people(world, PAGE + 20, "NO"), await people(world, 30, "SE")
    await world.selection("many", *norwegians, *swedes)
    triggers = [{"event": "added_to_selection"}, {"event": "added_to_selection", "selection": "many"}]
    settings = {"triggers": triggers, "filter": when("person.country", "NO")}
    flow = await world.save(world.definition("pages", REST, enrolment=settings))
    dry = await still_ferd.post(f"/flows/{flow}/run?dry_run=true")
    assert dry["existing"] == {"enrolled": PAGE + 20, "refused": {"filter": 30}}
    ran = await still_ferd.post(f"/flows/{flow}/run?enrol_existing=true")
    await settled(world, flow)
    job = await still_ferd.get(f"/flows/{flow}/enrolments/{ran['enrolment']['id']}")
    assert (job["enrolled"], job["refusals"]) == (PAGE + 20, {"filter": 30})
    assert sorted(await enrolled_people(world, flow)) == sorted(norwegians)


async def test_TRIG_7_a_flow_with_problems_is_refused_in_a_dry_run_too(still_ferd: Running) -> None:
    world = still_ferd.world
    flow = await world.save(world.definition("wrong", REST, enrolment={"exclude": "nowhere"}))
    assert "problems" in problem(422, await still_ferd.api.post(f"/v1/flows/{flow}/run?dry_run=true"))


async def test_TRIG_7_a_selection_filled_in_bulk_enrols_if_asked_and_says_how_many_beforehand(
    still_ferd: Running,
) -> None:
    world = still_ferd.world
    await world.selection("vip")
    trigger = {"event": "added_to_selection", "selection": "vip"}
    flow = await world.flow("filled", REST, enrolment={"triggers": [trigger], "filter": when("person.country", "NO")})
    other = await world.flow("other", REST, enrolment={"triggers": [{**trigger, "when": when("person.country", "SE")}]})
    everyone = await people(world, 4, "NO") + await people(world, 3, "SE")
    path = "/selections/vip/members"
    dry = await still_ferd.post(f"{path}?dry_run=true", {"people": everyone})
    forecasts = {each["flow"]: (each["enrolled"], each["refused"]) for each in dry["flows"]}
    assert forecasts == {flow: (4, {"filter": 3}), other: (3, {})}
    assert dry["added"] == 7
    assert (await still_ferd.get(path))["items"] == []
    # Without fire_triggers, several people at once enrol nobody.
    await still_ferd.post(path, {"people": everyone[:2]})
    assert (await still_ferd.get(f"/flows/{flow}/enrolments"))["items"] == []
    dry = await still_ferd.post(f"{path}?dry_run=true", {"people": everyone})
    assert (dry["added"], dry["already"]) == (5, 2)
    await still_ferd.post(f"{path}?fire_triggers=true", {"people": everyone})
    for each in (flow, other):
        await settled(world, each)
    assert await enrolled_people(world, flow) == sorted(everyone[2:4])
    assert await enrolled_people(world, other) == sorted(everyone[4:])
