"""STEP_16, STEP_17, STEP_18: how people leave, where they go next, and what counts as success."""

from typing import Any

import pytest

from activities.life.commands import command
from flows.outcome import Reason, Status
from tests.rules.given import (
    DAY,
    HOUR,
    company,
    ended,
    enrolled_people,
    is_member,
    left,
    quietly,
    resting,
    when,
)
from tests.support.world import World, mail, now, taken, wait

CUSTOMER = when("person.category", "customer")
ORDER = {"event": "order.placed"}


async def test_STEP_16_an_exit_gives_its_reason_and_hands_over_and_the_other_flows_filter_decides(
    world: World,
) -> None:
    await world.selection("gone")
    other = await world.flow("other", wait("rest", "1 day"), enrolment={"filter": when("person.country", "NO")})
    leave = {"id": "leave", "kind": "exit", "reason": "No interest", "add_to_flow": other, "add_to_selection": "gone"}
    flow = await world.flow("exit", mail("hello"), leave)
    norwegian, swede = await world.person(country="NO"), await world.person(country="SE")
    participants = [await world.enrol(flow, person) for person in (norwegian, swede)]
    for participant in participants:
        assert await left(world, participant) is Reason.EXIT
        assert (await world.participant(participant)).status is Status.DROPPED_OUT
    assert await enrolled_people(world, other) == [norwegian]
    assert [await is_member(world, person, "gone") for person in (norwegian, swede)] == [True, True]
    taken, refused = [[line.text for line in await world.lines(each)] for each in participants]
    assert any("No interest" in line for line in taken)
    assert f"proposed to the flow {other}: enrolled" in taken
    assert f"proposed to the flow {other}: refused: filter" in refused
    (row,) = await world.participants(other)
    await resting(world, row.id, "rest")  # its journey runs


async def test_STEP_16_and_17_nobody_is_handed_over_while_the_flow_is_paused(world: World) -> None:
    """Paused while the last mail was on its way: the mail is counted, and all else waits for the resume (LIFE_3)."""
    other = await world.flow("other", wait("rest", "1 day"))
    flow = await world.flow("last", mail("hello"), {"id": "end", "kind": "exit", "add_to_flow": other})
    core, receive = world.core, world.inbox.handle_DATA

    async def pause_while_it_is_received(*given: Any) -> str:
        world.db.transact(
            lambda session: command(session, core.definitions, core.crm.catalog(session), flow, "pause", now())
        )
        return await receive(*given)

    world.inbox.handle_DATA = pause_while_it_is_received  # type: ignore[assignment,method-assign]
    participant = await world.enrol(flow)
    row = await world.until(participant, holding=True)
    assert row.status is Status.ACTIVE
    assert len(world.inbox.mails) == 1
    assert await world.participants(other) == []
    await world.command(flow, "resume")
    assert await left(world, participant) is Reason.EXIT
    assert len(await world.participants(other)) == 1
    assert len(world.inbox.mails) == 1


async def test_STEP_17_finished_or_finished_with_success_each_with_its_own_flow(world: World) -> None:
    """Also who meets the criterion half way, and goes straight to finish."""
    loyalty, win_back = [await world.flow(name, wait("rest", "1 day")) for name in ("loyalty", "win-back")]
    end = {
        "id": "end",
        "kind": "finish",
        "success": {"add_to_flow": loyalty},
        "no_success": {"add_to_flow": win_back},
    }
    steps = wait("rest", "1 day"), mail("hello"), end
    straight = await world.flow("straight", *steps, success={"any": [CUSTOMER]})
    on = await world.flow("on", *steps, success={"any": [CUSTOMER], "then": "continue"})
    people = [await world.person() for _ in range(4)]
    participants = [
        await world.enrol(flow, person) for flow, person in zip((straight, straight, on, on), people, strict=True)
    ]
    for participant in participants:
        await resting(world, participant, "rest")
    for person in (people[0], people[2]):
        await world.change(person, category="customer")
    assert await left(world, participants[0]) is Reason.SUCCESS
    assert await ended(world, straight, participants[1]) is Reason.COMPLETED
    assert (await world.participant(participants[2])).status is Status.ACTIVE
    assert await ended(world, on, participants[2]) is Reason.SUCCESS
    assert await ended(world, on, participants[3]) is Reason.COMPLETED
    assert await enrolled_people(world, loyalty) == [people[0], people[2]]
    assert await enrolled_people(world, win_back) == [people[1], people[3]]
    assert len(world.inbox.mails) == 3


async def test_STEP_18_each_criterion_is_noticed_at_once_also_during_a_wait(world: World) -> None:
    firm = await company(world, category="prospect")
    await world.selection("vip")
    await world.put("projects/fair")
    await world.form("contact-me")
    await world.put("links/offer", url="https://fjord.example/offer")
    await world.content("offer", html='<a href="{{ links.offer }}">Offer</a>')
    await world.content("other", html='<a href="https://fjord.example/other">Other</a>')
    criteria: list[dict[str, Any]] = [
        CUSTOMER,
        when("company.category", "customer"),
        {"member_of": "vip"},
        {"event": "added_to_project", "project": "fair"},
        {"event": "form_submitted", "form": "contact-me"},
        {"event": "link_clicked", "link": "offer"},
        {"event": "sale_created"},
        {"event": "follow_up_created"},
        {"event": "request_created"},
        {**ORDER, "when": when("event.amount", 99.5, ">=")},
    ]
    steps = mail("hello", content="offer"), mail("more", content="other"), wait("rest", "30 days"), mail("no")
    flow = await world.flow("success", *steps, success={"any": criteria})
    people = [await world.person() for _ in criteria]
    await quietly(world, people[1], company=firm)
    unmoved = await world.person()
    participants = [await world.enrol(flow, person) for person in (*people, unmoved)]
    for participant in participants:
        await resting(world, participant, "rest")
    await world.change(people[0], category="customer")
    taken(await world.api.patch(f"/v1/companies/{firm}", json={"category": "customer"}))
    await world.join("selections/vip", people[2])
    await world.join("projects/fair", people[3])
    await world.submits(people[4], "contact-me")
    await world.clicks(people[5], "Offer")
    happenings: list[tuple[str, dict[str, Any]]] = [
        ("sale_created", {}),
        ("follow_up_created", {}),
        ("request_created", {}),
        ("order.placed", {"amount": "99.5"}),
    ]
    for person, (event, data) in zip(people[6:], happenings, strict=True):
        await world.happens(event, person, **data)
    await world.happens("order.placed", unmoved, amount=99.4)
    await world.clicks(unmoved, "Other")
    assert [await left(world, participant) for participant in participants[:-1]] == [Reason.SUCCESS] * len(people)
    rows = [await world.participant(participant) for participant in participants]
    assert {row.status for row in rows[:-1]} == {Status.FINISHED_WITH_SUCCESS}
    assert rows[-1].success_at is None
    assert await ended(world, flow, participants[-1]) is Reason.COMPLETED
    assert world.inbox.subjects.count("no") == 1


async def test_STEP_18_with_continue_it_goes_on_and_is_counted_at_finish(world: World) -> None:
    """And what no longer holds at the end was a success all the same."""
    success = {"any": [ORDER, CUSTOMER], "then": "continue"}
    flow = await world.flow("on", mail("hello"), wait("rest", "1 day"), mail("bye"), success=success)
    ordering, changing, neither = [await world.person() for _ in range(3)]
    participants = [await world.enrol(flow, person) for person in (ordering, changing, neither)]
    for participant in participants:
        await resting(world, participant, "rest")
    at = now()
    await world.happens("order.placed", ordering, at=at)
    await world.change(changing, category="customer")
    await world.change(changing, category="lost")
    assert [row.status for row in await world.participants(flow)] == [Status.ACTIVE] * 3
    assert [await ended(world, flow, participant) for participant in participants] == [
        Reason.SUCCESS,
        Reason.SUCCESS,
        Reason.COMPLETED,
    ]
    assert (await world.participant(participants[0])).success_at == at
    assert world.inbox.subjects.count("bye") == 3


async def test_STEP_18_after_leaving_it_does_not_count(world: World) -> None:
    leave = {"id": "leave", "kind": "exit"}
    flow = await world.flow("late", mail("hello"), leave, success={"any": [ORDER, CUSTOMER]})
    person = await world.person()
    participant = await world.enrol(flow, person)
    assert await left(world, participant) is Reason.EXIT
    before = await world.participant(participant)
    await world.happens("order.placed", person)
    await world.change(person, category="customer")
    assert await world.participant(participant) == before


@pytest.mark.parametrize("then", ["finish", "continue"])
async def test_STEP_18_within_a_time_limit_from_the_enrolment(world: World, then: str) -> None:
    flow = await world.flow(
        "within",
        mail("hello"),
        wait("first", "4 days"),
        wait("second", "2 days"),
        success={"any": [ORDER, CUSTOMER], "then": then, "within": "5 days"},
    )
    people = [await world.person() for _ in range(4)]
    participants = [await world.enrol(flow, person) for person in people]
    for participant in participants:
        await resting(world, participant, "first")
    await world.happens("order.placed", people[0], at=now() + 5 * DAY - HOUR)
    await world.happens("order.placed", people[1], at=now() + 5 * DAY + HOUR)
    await quietly(world, people[2], category="customer")  # seen at the check after four days
    await world.forward(flow, participants[3], 4 * DAY + HOUR)
    await resting(world, participants[3], "second")
    await quietly(world, people[3], category="customer")  # seen after six
    assert [await ended(world, flow, participant) for participant in participants] == [
        Reason.SUCCESS,
        Reason.COMPLETED,
        Reason.SUCCESS,
        Reason.COMPLETED,
    ]


async def test_STEP_18_met_before_entering_it_counts_and_is_shown_apart(world: World) -> None:
    """Data by its present state; an event has to come after the enrolment."""
    flow = await world.flow("before", mail("hello"), success={"any": [CUSTOMER, ORDER]})
    customer, buyer = await world.person(category="customer"), await world.person()
    await world.happens("order.placed", buyer)
    participants = [await world.enrol(flow, person) for person in (customer, buyer)]
    assert [await left(world, each) for each in participants] == [Reason.SUCCESS, Reason.COMPLETED]
    rows = [await world.participant(participant) for participant in participants]
    assert [row.success_before for row in rows] == [True, False]
    assert len(world.inbox.mails) == 1


async def test_STEP_18_during_a_pause_it_is_recorded_and_acted_on_at_resume(world: World) -> None:
    flow = await world.flow("paused", mail("hello"), wait("rest", "3 days"), mail("no"), success={"any": [ORDER]})
    person = await world.person()
    participant = await world.enrol(flow, person)
    await resting(world, participant, "rest")
    await world.command(flow, "pause")
    queued, at = await world.enrol(flow, waiting := await world.person()), now()
    for each in (person, waiting):
        await world.happens("order.placed", each, at=at)
    row = await world.until(participant, holding=True)
    assert (row.status, row.success_at) == (Status.ACTIVE, at)
    await world.command(flow, "resume")
    assert await left(world, participant) is Reason.SUCCESS
    assert await left(world, queued) is Reason.SUCCESS
    assert world.inbox.subjects == ["hello"]
