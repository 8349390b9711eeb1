"""STEP_3, STEP_4, STEP_5: what a flow changes about people."""

from typing import Any

from flows.outcome import Reason
from store.people import Company, Selection
from tests.rules.given import company, is_member, left, person_now
from tests.support.world import World


async def test_STEP_3_every_kind_of_change_on_person_and_company(world: World) -> None:
    firm = await company(world, country="NO", employees=10, custom={"score": 1})
    flow = await world.flow(
        "update",
        {
            "id": "update",
            "kind": "update_person",
            "set": {
                "person.category": "customer",
                "person.custom.size": 4.5,
                "person.custom.came": "by {{ flow.id }} from {{ company.country }}",
            },
            "clear": ["person.language"],
            "add": {"person.custom.tags": "new"},
            "remove": {"person.custom.topics": "tea"},
            "increase": {"company.custom.score": 10.5, "person.custom.visits": 1},
            "decrease": {"company.employees": 2},
            "copy": {"person.country": "company.country"},
        },
    )
    person = await world.person(
        company=firm, language="nb", custom={"tags": ["old"], "topics": ["tea", "coffee"], "size": 1}
    )
    assert await left(world, await world.enrol(flow, person)) is Reason.COMPLETED
    row = await person_now(world, person)
    assert (row.category, row.language, row.country) == ("customer", None, "NO")
    came = f"by {flow} from NO"
    assert row.custom == {"tags": ["old", "new"], "topics": ["coffee"], "size": 4.5, "visits": 1, "came": came}
    changed = await world.db.read(lambda session: session.get_one(Company, firm))
    assert (changed.custom, changed.employees) == ({"score": 11.5}, 8)


async def test_STEP_3_all_changes_or_none(world: World) -> None:
    """Somebody has written text where the flow counts, and another has no company: nothing of theirs changes."""
    update = {"id": "update", "kind": "update_person", "set": {"person.category": "customer"}}
    counting = {**update, "increase": {"person.custom.visits": 1}}
    of_company = {**update, "increase": {"company.custom.score": 1}}
    held = await world.enrol(
        await world.flow("count", counting), counted := await world.person(custom={"visits": "many"})
    )
    over = await world.enrol(
        await world.flow("score", {**of_company, "on_error": "continue"}), alone := await world.person()
    )
    assert (await world.until(held, holding=True)).held == ["failing"]
    assert await left(world, over) is Reason.COMPLETED
    assert [(await person_now(world, person)).category for person in (counted, alone)] == [None, None]
    assert (await person_now(world, counted)).custom == {"visits": "many"}


async def test_STEP_3_STEP_15_who_has_no_contact_of_ours_gets_one(world: World) -> None:
    """Owners, and the company that somebody belongs to, are fields of a person as any other."""
    await world.put("associates/liv", name="Liv")
    firm = await company(world)
    alone = {"all": [{"field": f"person.{name}", "op": "empty"} for name in ("our_contact", "our_service_contact")]}
    owned = {"set": {"person.our_contact": "liv"}, "copy": {"company.our_contact": "person.our_contact"}}
    given = {"name": "Alone", "when": alone, "steps": [{"id": "own", "kind": "update_person", **owned}]}
    employed = {"field": "person.company", "op": "is", "value": firm}
    split = {"id": "split", "kind": "split", "branches": [given]}
    flow = await world.flow("own", split, enrolment={"filter": employed})
    person = await world.person(company=firm)
    assert await left(world, await world.enrol(flow, person)) is Reason.COMPLETED
    assert (await person_now(world, person)).our_contact == "liv"
    changed = await world.db.read(lambda session: session.get_one(Company, firm))
    assert changed.our_contact == "liv"


async def test_STEP_4_and_5_membership_comes_and_goes_and_repeating_it_is_fine(world: World) -> None:
    await world.selection("news")
    await world.put("projects/fair")

    def step(id: str, kind: str, **groups: Any) -> dict[str, Any]:
        return {"id": id, "kind": kind, **groups}

    joins = await world.flow(
        "join",
        step("add", "add_to", selection=["news"], project="fair"),
        step("again", "add_to", selection="news", project="fair"),
        step("make", "add_to", selection="made-here", create=True),
    )
    person = await world.person()
    assert await left(world, await world.enrol(joins, person)) is Reason.COMPLETED
    for group in ("news", "projects/fair", "made-here"):
        assert await is_member(world, person, group)
    leaves = await world.flow(
        "leave",
        step("remove", "remove_from", selection=["news", "made-here"], project=["fair"]),
        step("again", "remove_from", selection="news", project=["fair"]),
    )
    assert await left(world, await world.enrol(leaves, person)) is Reason.COMPLETED
    assert [await is_member(world, person, group) for group in ("news", "projects/fair")] == [False, False]


async def test_STEP_4_and_5_a_group_that_was_deleted_meanwhile_leaves_it_to_the_step(world: World) -> None:
    """Unlike a membership that is not there, a selection that is gone is a mistake that somebody has to see."""
    await world.selection("news")
    flow = await world.flow("gone", {"id": "add", "kind": "add_to", "selection": "news"})
    await world.db.write(lambda session: session.delete(session.get_one(Selection, "news")))
    participant = await world.enrol(flow)
    assert (await world.until(participant, holding=True)).held == ["failing"]
