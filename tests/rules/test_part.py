"""PART: a participant, seen by what becomes of it."""

import asyncio
from typing import Any

from activities.enrolling.enrolment import Enrolled
from flows.outcome import Reason, Refusal, Status
from store.people import SelectionMember
from tests.rules.given import (
    DAY,
    Doing,
    ended,
    enrolled_people,
    left,
    out_or_at,
    quietly,
    resting,
    unsubscribe,
    when,
)
from tests.support.world import SENDER, World, mail, now, taken, wait

CUSTOMER = when("person.category", "customer")


async def _on_the_list_quietly(world: World, person: str) -> None:
    row = SelectionMember(selection="out", person=person, at=now())
    await world.db.write(lambda session: session.add(row))


async def test_PART_1_every_check_has_its_own_outcome_and_they_come_in_order(world: World) -> None:
    """All of it befalls the first silently, during a wait; each of the others is spared one check more."""
    await world.selection("out")
    settings = {"success": {"any": [CUSTOMER]}, "enrolment": {"exclude": "out"}}
    flow = await world.flow("checks", wait("rest", "1 day"), mail("hello"), **settings)
    closed = await world.flow("closed", wait("rest", "1 day"), mail("hello"), **settings)
    everything: list[Doing] = [
        lambda person: quietly(world, person, category="customer"),
        lambda person: quietly(world, person, former_employee=True),
        lambda person: _on_the_list_quietly(world, person),
        lambda person: quietly(world, person, deleted_at=now()),
    ]
    people = [await world.person() for _ in range(5)]
    participants = [await world.enrol(flow, person) for person in people]
    cancelled = await world.enrol(closed, people[0])
    for participant in [*participants, cancelled]:
        await resting(world, participant, "rest")
    for spared, person in enumerate(people):
        for befall in everything[spared:]:
            await befall(person)
    await world.command(closed, "end")
    assert await left(world, cancelled) is Reason.FLOW_ENDED
    assert [await ended(world, flow, participant) for participant in participants] == [
        Reason.SUCCESS,
        Reason.FORMER_EMPLOYEE,
        Reason.EXCLUDED,
        Reason.PERSON_DELETED,
        Reason.COMPLETED,
    ]
    assert [row.status for row in await world.participants(flow)] == [
        Status.FINISHED_WITH_SUCCESS,
        *[Status.DROPPED_OUT] * 3,
        Status.FINISHED,
    ]
    assert len(world.inbox.mails) == 1


async def test_PART_2_who_may_not_be_written_to_drops_out_with_the_reason(world: World) -> None:
    await world.put("subscription-types/news")
    await world.put("subscription-types/other")
    email = {**SENDER, "subscription": "news"}
    flow = await world.flow("write", mail("hello"), email=email)
    blocked = await world.person(email="Gone@X.example")
    taken(await world.api.post("/v1/blocked", json={"channel": "email", "address": "gone@x.example"}))
    given = [
        (await world.person(), Reason.COMPLETED),
        (await world.person(consent={"email": "granted"}), Reason.COMPLETED),
        (await world.person(consent={"email": "withdrawn"}, subscriptions=["news"]), Reason.CONSENT_WITHDRAWN),
        (turned_away := await world.person(), Reason.CONSENT_WITHDRAWN),
        (of_another := await world.person(), Reason.COMPLETED),
        (await world.person(email=None), Reason.NO_ADDRESS),
        (blocked, Reason.ADDRESS_BLOCKED),
    ]
    await unsubscribe(world, turned_away, "news")
    await unsubscribe(world, of_another, "other")
    participants = [await world.enrol(flow, person) for person, _ in given]
    assert [await left(world, participant) for participant in participants] == [reason for _, reason in given]
    assert world.inbox.subjects.count("hello") == 3


async def test_PART_2_where_consent_is_required_it_has_to_be_recorded(world: World) -> None:
    """A transactional mail needs neither record nor subscription, and minds a withdrawal all the same."""
    await world.put("subscription-types/news")
    email = {"from": "a@b.example", "reply_to": "same_as_from", "subscription": "news", "consent": "required"}
    flow = await world.flow("required", mail("hello"), email=email)
    receipt = await world.flow("receipt", mail("receipt", transactional=True), email=email)
    granted, withdrawn = {"email": "granted"}, {"email": "withdrawn"}
    given: list[tuple[str, dict[str, Any], Reason]] = [
        (flow, {"consent": granted, "subscriptions": ["news"]}, Reason.COMPLETED),
        (flow, {"consent": granted}, Reason.CONSENT_MISSING),
        (flow, {"subscriptions": ["news"]}, Reason.CONSENT_MISSING),
        (flow, {"consent": withdrawn, "subscriptions": ["news"]}, Reason.CONSENT_WITHDRAWN),
        (receipt, {}, Reason.COMPLETED),
        (receipt, {"consent": withdrawn}, Reason.CONSENT_WITHDRAWN),
    ]
    participants = [await world.enrol(flow, await world.person(**fields)) for flow, fields, _ in given]
    assert [await left(world, participant) for participant in participants] == [reason for *_, reason in given]
    turned_away = await world.person()
    await unsubscribe(world, turned_away, "news")
    assert await left(world, await world.enrol(receipt, turned_away)) is Reason.COMPLETED


async def test_PART_2_an_address_is_active_through_one_person_at_a_time(world: World) -> None:
    """Six who share an address come at once: one is written to. Once that one has left, the address is free."""
    flow = await world.flow("shared", mail("hello"), wait("rest", "1 day"))
    people = [await world.person(email=f"{'Shared' if i % 2 else 'shared'}@x.example") for i in range(7)]
    participants = await asyncio.gather(*(world.enrol(flow, person) for person in people[:6]))
    rows = [await out_or_at(world, participant, "rest") for participant in participants]
    (holder,) = [row for row in rows if row.status is Status.ACTIVE]
    assert {row.reason for row in rows if row is not holder} == {Reason.ADDRESS_ACTIVE}
    assert len(world.inbox.mails) == 1
    other = await world.flow("other", mail("hello"))
    assert await left(world, await world.enrol(other, people[6])) is Reason.COMPLETED
    assert await ended(world, flow, holder.id) is Reason.COMPLETED
    assert await ended(world, flow, await world.enrol(flow, people[6])) is Reason.COMPLETED
    assert len(world.inbox.mails) == 3


async def test_PART_3_a_deleted_person_leaves_every_flow_and_does_not_come_back(world: World) -> None:
    once = await world.flow("once", wait("rest", "3 days"), mail("hello"))
    often = await world.flow("often", wait("rest", "3 days"), mail("hello"), enrolment={"once": False})
    person = await world.person()
    participants = [await world.enrol(once, person), await world.enrol(often, person)]
    for participant in participants:
        await resting(world, participant, "rest")
    taken(await world.api.delete(f"/v1/people/{person}"))
    for participant in participants:  # out of the wait, at once
        assert await left(world, participant) is Reason.PERSON_DELETED
    assert await world.propose(often, person) is Refusal.UNKNOWN_PERSON
    taken(await world.api.put(f"/v1/people/{person}", json={"email": "back@x.example"}))
    assert [row.status for row in await world.participants(often)] == [Status.DROPPED_OUT]
    assert await world.propose(once, person) is Refusal.ONCE
    assert await ended(world, often, await world.enrol(often, person)) is Reason.COMPLETED
    assert len(world.inbox.mails) == 1


async def test_PART_5_of_many_proposals_at_once_one_is_taken(still_world: World) -> None:
    world = still_world
    enrolment = {"triggers": [{"event": "order.placed"}], "once": False}
    flow = await world.flow("race", wait("rest", "1 day"), enrolment=enrolment)
    first, second = await world.person(), await world.person()
    answers = await asyncio.gather(*(world.propose(flow, first) for _ in range(20)))
    assert sum(isinstance(answer, Enrolled) for answer in answers) == 1
    assert [answer for answer in answers if not isinstance(answer, Enrolled)] == [Refusal.ALREADY_ACTIVE] * 19
    await asyncio.gather(
        *(world.happens("order.placed", second) for _ in range(10)),
        *(world.propose(flow, second) for _ in range(10)),
    )
    assert sorted(await enrolled_people(world, flow)) == sorted([first, second])


async def test_PART_6_who_waits_where_since_when_and_until_when(world: World) -> None:
    answer = {"id": "answer", "kind": "wait_for_action", "actions": [{"event": "form_submitted"}], "within": "none"}
    flow = await world.flow("where", wait("rest", "3 days"), mail("hello"), answer)
    before = now()
    three = [await world.enrol(flow) for _ in range(3)]
    answering = await world.enrol(flow)
    await resting(world, answering, "rest")
    await world.forward(flow, answering, 4 * DAY)
    for participant in three:
        row = await resting(world, participant, "rest")
        assert before <= row.since <= now()
        assert row.until is not None
        assert row.until - row.since == 3 * DAY
    row = await world.participant(answering)
    assert row.step == "answer"
    assert row.until is None
    assert row.since >= before + 3 * DAY
    assert await _waiting(world, flow) == {"rest": 3, "answer": 1}
    await world.command(flow, "end")
    for participant in [*three, answering]:
        await left(world, participant)
    assert await _waiting(world, flow) == {}


async def _waiting(world: World, flow: str) -> dict[str, int]:
    steps = (await world.state(flow)).statistics.steps
    return {step.id: step.waiting for step in steps if step.waiting}
