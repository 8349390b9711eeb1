"""TRIG: who comes into a flow."""

from typing import Any

import pytest

from activities.enrolling.enrolment import Enrolled
from flows.outcome import Reason, Refusal, Status
from tests.rules.given import (
    closed_now,
    ended,
    enrolled_people,
    left,
    mailed,
    quietly,
    resting,
    when,
)
from tests.support.waiting import eventually
from tests.support.world import World, mail, taken, wait

ORDER = {"event": "order.placed"}


async def triggered(world: World, name: str, *triggers: dict[str, Any], **enrolment: Any) -> str:
    """A flow that runs and is entered by these triggers."""
    return await world.flow(name, wait("rest", "1 day"), enrolment={"triggers": list(triggers), **enrolment})


async def test_TRIG_1_each_event_enrols_the_person_it_happened_to(world: World) -> None:
    """Each happens twice: as the trigger wants it to one person, and otherwise to another."""
    await world.selection("vip")
    await world.selection("others")
    await world.put("projects/fair")
    await world.form("contact-me", budget="number")
    await world.put("links/offer", url="https://fjord.example/offer")
    norwegian = when("person.country", "NO")
    triggers: dict[str, dict[str, Any]] = {
        "person_created": {"when": norwegian},
        "person_updated": {"when": norwegian},
        "added_to_selection": {"selection": "vip"},
        "added_to_project": {"project": "fair"},
        "form_submitted": {"form": "contact-me", "when": when("form.budget", 1000, ">=")},
        "link_clicked": {"link": "offer"},
        "order.placed": {"when": when("event.amount", 100, ">")},
    }
    flows = {
        event: await triggered(world, event.replace("_", "-").replace(".", "-"), {"event": event, **narrowed})
        for event, narrowed in triggers.items()
    }
    created = [await world.person(country=country) for country in ("NO", "SE")]
    updated = [await world.person(country="SE") for _ in range(2)]
    for person, country in zip(updated, ("NO", "DK"), strict=True):
        await world.change(person, country=country)
    expected = {"person_created": created[0], "person_updated": updated[0]}

    several = [await world.person() for _ in range(6)]
    expected |= dict(zip([event for event in flows if event not in expected], several, strict=False))
    other = several[-1]
    await world.join("selections/vip", expected["added_to_selection"])
    await world.join("selections/others", other)
    await world.join("projects/fair", expected["added_to_project"])
    await world.submits(expected["form_submitted"], "contact-me", budget="1000")
    await world.submits(other, "contact-me", budget="999")
    await mailed(world, expected["link_clicked"], '<a href="{{ links.offer }}">Here</a>')
    await mailed(world, other, '<a href="https://fjord.example/elsewhere">Here</a>')
    for person in (expected["link_clicked"], other):
        await world.clicks(person, "Here")
    await world.happens("order.placed", expected["order.placed"], amount=101)
    await world.happens("order.placed", other, amount=100)
    found = {event: await enrolled_people(world, flow) for event, flow in flows.items()}
    assert found == {event: [person] for event, person in expected.items()}


async def test_TRIG_1_what_is_done_in_bulk_fires_triggers_only_if_asked_to(still_world: World) -> None:
    world = still_world
    await world.selection("vip")
    members = [await world.person(), await world.person()]
    flow = await triggered(
        world,
        "bulk",
        {"event": "person_created"},
        {"event": "person_updated"},
        {"event": "added_to_selection", "selection": "vip"},
        once=False,
    )

    async def load(name: str, fire: bool) -> None:
        csv, media = f"external_id,first_name\n1,{name}\n", {"Content-Type": "text/csv"}
        asked = {"fire_triggers": fire}
        taken(await world.api.post("/v1/people/import", content=csv, headers=media, params=asked))

    await load("created", False)
    await load("updated", False)
    await world.join("selections/vip", members[0], fire_triggers=False)
    assert await enrolled_people(world, flow) == []
    await load("updated again", True)
    await world.join("selections/vip", members[1])
    imported, joined = await enrolled_people(world, flow)
    assert imported not in members
    assert joined == members[1]


async def test_TRIG_2_triggers_act_only_while_the_flow_is_running_or_paused(still_world: World) -> None:
    world = still_world
    flow = await world.save(world.definition("life", wait("rest", "1 day"), enrolment={"triggers": [ORDER]}))
    people = [await world.person() for _ in range(4)]
    await world.happens("order.placed", people[0])
    await world.command(flow, "run")
    await world.happens("order.placed", people[1])
    await world.command(flow, "pause")
    await world.happens("order.placed", people[2])
    assert [(row.person, row.status) for row in await world.participants(flow)] == [
        (people[1], Status.ACTIVE),
        (people[2], Status.QUEUED),
    ]
    await world.command(flow, "end")
    await world.happens("order.placed", people[3])
    assert await enrolled_people(world, flow) == people[1:3]


async def test_TRIG_3_the_filter_is_checked_once_whoever_proposes(world: World) -> None:
    norwegian = {"filter": when("person.country", "NO"), "triggers": [ORDER]}
    steps = mail("hello"), wait("rest", "3 days"), mail("bye")
    flow = await world.flow("filter", *steps, enrolment=norwegian)
    swede, first, second = [await world.person(country=country) for country in ("SE", "NO", "NO")]
    assert await world.propose(flow, swede) is Refusal.FILTER
    assert await world.propose_by("selection", flow, swede) is Refusal.FILTER
    assert await world.propose_by("hand_over", flow, swede) is Refusal.FILTER
    await world.happens("order.placed", swede)
    participant, other = await world.enrol(flow, first), await world.enrol(flow, second)
    assert await enrolled_people(world, flow) == [first, second]
    for each in (participant, other):
        await resting(world, each, "rest")
    await world.change(first, country="SE")
    await world.command(flow, "pause")
    await world.edit(world.definition("filter", *steps, enrolment={"filter": when("person.country", "DK")}))
    await world.command(flow, "resume")
    await world.settled(flow)
    assert await ended(world, flow, participant) is Reason.COMPLETED
    assert await ended(world, flow, other) is Reason.COMPLETED
    assert world.inbox.subjects.count("bye") == 2


async def test_TRIG_3_the_filter_sees_the_data_that_came_with_the_event(still_world: World) -> None:
    world = still_world
    flow = await triggered(world, "data", ORDER, filter=when("event.amount", 100, ">"))
    small, large = await world.person(), await world.person()
    await world.happens("order.placed", small, amount=99)
    await world.happens("order.placed", large, amount=101)
    assert await enrolled_people(world, flow) == [large]


async def test_TRIG_4_who_ever_took_part_cannot_start_again(world: World) -> None:
    """Finished, cancelled or active: with `once` none of them; without it whoever is not inside."""
    once = await world.flow("once", wait("rest", "1 day"))
    often = await world.flow("often", wait("rest", "1 day"), enrolment={"once": False})
    finished, cancelled, active = [await world.person() for _ in range(3)]
    for flow in (once, often):
        assert await ended(world, flow, await world.enrol(flow, finished)) is Reason.COMPLETED
        participant = await world.enrol(flow, cancelled)
        await world.journey(flow, participant).signal("cancel")
        assert await left(world, participant) is Reason.BY_HAND
        await world.enrol(flow, active)
    people = (finished, cancelled, active)
    assert [await world.propose(once, person) for person in people] == [
        Refusal.ONCE,
        Refusal.ONCE,
        Refusal.ALREADY_ACTIVE,
    ]
    answers = [await world.propose(often, person) for person in people]
    assert isinstance(answers[0], Enrolled)
    assert isinstance(answers[1], Enrolled)
    assert answers[2] is Refusal.ALREADY_ACTIVE


async def test_TRIG_5_who_is_on_the_exclusion_list_does_not_come_in(still_world: World) -> None:
    world = still_world
    member = await world.person()
    await world.selection("staff", member)
    flow = await triggered(world, "excluded", ORDER, exclude="staff")
    await world.happens("order.placed", member)
    assert await world.propose(flow, member) is Refusal.EXCLUDED
    assert await world.propose_by("hand_over", flow, member) is Refusal.EXCLUDED
    assert await world.participants(flow) == []


@pytest.mark.parametrize("triggers", [True, False], ids=["one by one", "in bulk"])
async def test_TRIG_5_who_is_put_on_the_list_leaves_at_once_also_out_of_a_wait(world: World, triggers: bool) -> None:
    await world.selection("staff")
    answer = {"id": "answer", "kind": "wait_for_action", "actions": [ORDER], "within": "none"}
    steps = {"time": wait("rest", "3 days"), "action": answer, "window": mail("hello")}
    flows = {
        name: await world.flow(
            name,
            step,
            enrolment={"exclude": "staff"},
            email={"from": "a@b.example", "reply_to": "same_as_from", "window": closed_now()},
        )
        for name, step in steps.items()
    }
    person = await world.person()
    participants = [await world.enrol(flow, person) for flow in flows.values()]
    for participant, step in zip(participants, steps.values(), strict=True):
        await resting(world, participant, step["id"])
    await world.join("selections/staff", person, fire_triggers=triggers)
    assert [await left(world, participant) for participant in participants] == [Reason.EXCLUDED] * 3
    assert world.inbox.mails == []


async def test_TRIG_5_who_is_on_the_list_at_the_next_check_leaves(world: World) -> None:
    """Added to the list behind our back, and a list that the flow got during a pause."""
    await world.selection("staff")
    steps = wait("rest", "3 days"), mail("hello")
    flow = await world.flow("next", *steps, enrolment={"exclude": "staff"})
    later = await world.flow("later", *steps)
    person, other = await world.person(), await world.person()
    participants = [await world.enrol(flow, person), await world.enrol(later, person), await world.enrol(later, other)]
    for participant in participants:
        await resting(world, participant, "rest")
    await world.selection("staff", person)
    await world.command(later, "pause")
    await world.edit(world.definition("later", *steps, enrolment={"exclude": "staff"}))
    await world.command(later, "resume")
    assert await ended(world, flow, participants[0]) is Reason.EXCLUDED
    assert await ended(world, later, participants[1]) is Reason.EXCLUDED
    assert await ended(world, later, participants[2]) is Reason.COMPLETED


async def test_TRIG_8_a_trigger_marked_again_lets_in_who_took_part_before(world: World) -> None:
    flow = await world.flow(
        "again",
        mail("hello"),
        enrolment={
            "triggers": [
                {"event": "order.placed"},
                {"event": "order.placed", "when": when("event.amount", 100, ">"), "again": True},
                {"event": "order.repeated", "again": True},
            ]
        },
    )
    person = await world.person()
    assert await left(world, await world.enrol(flow, person)) is Reason.COMPLETED
    await world.happens("order.placed", person, amount=1)
    assert await world.propose(flow, person) is Refusal.ONCE
    assert await world.propose_by("hand_over", flow, person) is Refusal.ONCE
    assert len(await world.participants(flow)) == 1
    await world.happens("order.repeated", person)
    *_, second = await world.participants(flow)
    await left(world, second.id)
    await world.happens("order.placed", person, amount=101)
    *_, third = await world.participants(flow)
    await left(world, third.id)
    assert await left(world, await world.enrol(flow, person, again=True)) is Reason.COMPLETED
    assert len(await world.participants(flow)) == 4
    assert len(world.inbox.mails) == 4


async def test_TRIG_9_conditions_on_numbers_take_decimals(still_world: World) -> None:
    world = still_world
    flow = await triggered(world, "decimals", {**ORDER, "when": when("event.amount", 1000.5, ">=")})
    people = [await world.person() for _ in range(5)]
    for person, amount in zip(people, [1000.49, 1000.5, "1000.50", 1000, "1000.4999"], strict=True):
        await world.happens("order.placed", person, amount=amount)
    assert await enrolled_people(world, flow) == people[1:3]


async def test_TRIG_10_triggers_do_not_lead_back_into_a_flow_of_their_own_chain(world: World) -> None:
    """One flow makes the person red, the other blue, each sets off the other: each is entered once."""

    async def paint(name: str, old: str, new: str) -> str:
        return await world.flow(
            name,
            {"id": "paint", "kind": "update_person", "set": {"person.category": new}},
            mail("done"),
            enrolment={
                "triggers": [{"event": "person_updated", "when": when("person.category", old)}],
                "once": False,
            },
        )

    flows = [await paint("to-blue", "red", "blue"), await paint("to-red", "blue", "red")]
    person = await world.person()
    await world.change(person, category="red")
    for flow in flows:
        (row,) = await world.participants(flow)
        await left(world, row.id)
    assert [await enrolled_people(world, flow) for flow in flows] == [[person], [person]]
    await world.change(person, category="blue")  # somebody else's change is no echo
    assert len(await world.participants(flows[1])) == 2


async def test_TRIG_10_a_hand_over_enters_a_flow_of_its_chain_once_more_and_not_twice(world: World) -> None:
    names = ["ping", "pong"]
    for name, to in zip(names, reversed(names), strict=True):
        end = {"id": "end", "kind": "finish", "no_success": {"add_to_flow": world.id(to)}}
        await world.save(world.definition(name, mail("hello"), end, enrolment={"once": False}))
    flows = [world.id(name) for name in names]
    for flow in flows:
        await world.command(flow, "run")
    await world.enrol(flows[0], await world.person())
    rows = await eventually(
        lambda: world.participants(flows[1]),
        lambda rows: len(rows) == 2 and not rows[1].status.inside,
    )
    assert "refused: loop" in (await world.lines(rows[1].id))[-1].text
    assert len(await world.participants(flows[0])) == 2


async def test_TRIG_14_with_the_setting_who_stops_matching_the_filter_drops_out(world: World) -> None:
    flow = await world.flow(
        "stay",
        wait("rest", "3 days"),
        mail("hello"),
        enrolment={"filter": when("person.country", "NO"), "stay_while_filter_holds": True},
    )
    people = [await world.person(country="NO") for _ in range(3)]
    participants = [await world.enrol(flow, person) for person in people]
    for participant in participants:
        await resting(world, participant, "rest")
    await world.change(people[0], country="SE")
    assert await left(world, participants[0]) is Reason.FILTER
    await quietly(world, people[1], country="SE")
    assert await ended(world, flow, participants[1]) is Reason.FILTER
    assert await ended(world, flow, participants[2]) is Reason.COMPLETED
    assert len(world.inbox.mails) == 1


async def test_TRIG_14_the_filter_is_about_the_event_that_led_in(world: World) -> None:
    """TRIG_3, STEP_14: another event that a wait has met since does not make anybody stop matching."""
    paid = {"id": "paid", "kind": "wait_for_action", "actions": [{"event": "order.paid"}], "within": "none"}
    flow = await world.flow(
        "led-in",
        paid,
        wait("rest", "3 days"),
        mail("hello"),
        enrolment={"triggers": [ORDER], "filter": when("event.amount", 100, ">"), "stay_while_filter_holds": True},
    )
    person = await world.person()
    await world.happens("order.placed", person, amount=101)
    (row,) = await world.participants(flow)
    await resting(world, row.id, "paid")
    await world.happens("order.paid", person, amount=1)
    await resting(world, row.id, "rest")
    assert await ended(world, flow, row.id) is Reason.COMPLETED
    assert len(world.inbox.mails) == 1
