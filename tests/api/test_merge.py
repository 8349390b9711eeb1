"""Two people turn out to be one."""

import asyncio
import threading
from datetime import timedelta

import pytest
from sqlmodel import col, update

from activities.dispatcher import Dispatcher
from flows.outcome import Reason, Refusal, Status
from store.journeys import EffectStatus, ParticipantRow
from tests.rules.given import DAY, ended, is_member, left, resting, unsubscribe
from tests.support.running import Running, expect, problem
from tests.support.waiting import eventually
from tests.support.world import mail, now, wait


async def merged(ferd: Running, person: str, into: str) -> dict[str, object]:
    answer: dict[str, object] = await ferd.post(f"/people/{person}/merge", {"into": into})
    return answer


async def test_PART_9_the_older_participation_stays_and_nothing_is_done_twice(ferd: Running) -> None:
    """PART_9: whichever of the two people it belongs to; the other is cancelled as merged."""
    world = ferd.world
    steps = (mail("hello"), wait("rest", "9 days"), mail("offer"), wait("more", "9 days"), mail("bye"))
    flow = await world.flow("both", *steps)
    stays, gone = await world.person(), await world.person()
    older, younger = await world.enrol(flow, gone), await world.enrol(flow, stays)
    for participant in (older, younger):
        await resting(world, participant, "rest")
    await world.forward(flow, younger, 10 * DAY)
    await resting(world, younger, "more")
    assert world.inbox.subjects.count("offer") == 1

    await merged(ferd, gone, stays)
    assert await left(world, younger) is Reason.MERGED
    read = await ferd.get(f"/participants/{older}")
    assert (read["person"], read["status"], read["step"]) == (stays, "active", "rest")
    assert await ended(world, flow, older) is Reason.COMPLETED
    assert world.inbox.subjects.count("offer") == 1  # done for the other already
    assert world.inbox.subjects.count("bye") == 1
    assert "merged" in [event for _, event in await world.journal(older)]
    counts = (await ferd.get(f"/flows/{flow}"))["statistics"]
    assert (counts["enrolled"], counts["finished"], counts["cancelled"]) == (2, 1, 1)
    assert {step["id"]: step["passed"] for step in counts["steps"]}["offer"] == 2


async def test_PART_9_everything_follows_to_the_one_that_stays(ferd: Running) -> None:
    """PART_9, PART_2, TRIG_4: participations, messages, events, memberships, consent; the id says where it went."""
    world = ferd.world
    await world.put("subscription-types/news")
    await world.put("subscription-types/offers")
    flow = await world.flow("one", mail("hello"))
    gone = await world.person(
        external_id="crm-1", mobile="+4790000001", consent={"sms": "withdrawn", "email": "granted"},
        subscriptions=["news", "offers"], custom={"score": 1, "size": "L"},
    )  # fmt: skip
    stays = await world.person(first_name="Anna", consent={"sms": "granted"}, custom={"score": 2})
    await unsubscribe(world, stays, "offers")
    await world.change(stays, email=None)
    await world.selection("guests", gone)
    participant = await world.enrol(flow, gone)
    await left(world, participant)
    await world.happens("order.placed", gone)

    answer = await merged(ferd, gone, stays)
    assert (answer["external_id"], answer["first_name"], answer["mobile"]) == ("crm-1", "Anna", "+4790000001")
    assert answer["email"] == f"{gone}@x.example"
    assert answer["consent"] == {"email": "granted", "sms": "withdrawn"}
    assert (answer["subscriptions"], answer["unsubscribed"]) == (["news"], ["offers"])
    assert answer["custom"] == {"score": 2, "size": "L"}
    assert await is_member(world, stays, "guests")
    assert not await is_member(world, gone, "guests")
    assert [row["id"] for row in (await ferd.get("/participants", person=stays, flow=flow))["items"]] == [participant]
    assert participant in [row["participant"] for row in (await ferd.get("/messages", person=stays))["items"]]
    assert "order.placed" in [type for type, _ in await ferd.events(stays)]
    assert await world.propose(flow, stays) is Refusal.ONCE

    moved = await ferd.api.get(f"/v1/people/{gone}")
    assert problem(308, moved)["merged_into"] == stays
    assert moved.headers["location"] == f"/v1/people/{stays}"
    third = await world.person()
    await merged(ferd, stays, third)
    assert problem(308, await ferd.api.get(f"/v1/people/{gone}"))["merged_into"] == third
    event = {"specversion": "1.0", "id": "1", "source": "shop", "type": "order.paid", "subject": f"person:{gone}"}
    assert expect(202, await ferd.api.post("/v1/events", json=event))["items"][0]["person"] == third
    assert [each["id"] for each in (await ferd.get("/people", external_id="crm-1"))["items"]] == [third]


async def test_PART_9_whoever_is_merged_into_whom_at_once_is_active_once(still_ferd: Running) -> None:
    """PART_9, PART_5: both ways at the same moment, while both are proposed."""
    world = still_ferd.world
    flow = await world.flow("race", wait("rest", "9 days"))
    for _ in range(4):
        one, other = await world.person(), await world.person()
        await world.enrol(flow, one)
        answers = await asyncio.gather(
            still_ferd.api.post(f"/v1/people/{one}/merge", json={"into": other}),
            still_ferd.api.post(f"/v1/people/{other}/merge", json={"into": one}),
            world.propose(flow, other),
            world.propose(flow, one),
        )
        statuses = sorted(answer.status_code for answer in answers[:2])
        assert statuses in ([200, 308], [200, 404])
        stays = other if answers[0].status_code == 200 else one
        mine = (await still_ferd.get("/participants", person=stays, flow=flow))["items"]
        assert [each["status"] for each in mine].count("active") == 1
        assert {each["reason"] for each in mine} <= {None, "merged"}


async def test_PART_9_what_cannot_be_merged_changes_nothing(still_ferd: Running) -> None:
    """PART_9, SAFE_5."""
    person = await still_ferd.world.person()
    for body in ({"into": person}, {}, {"into": 7}):
        problem(422, await still_ferd.api.post(f"/v1/people/{person}/merge", json=body))
    problem(404, await still_ferd.api.post(f"/v1/people/{person}/merge", json={"into": "nobody"}))
    problem(404, await still_ferd.api.post("/v1/people/nobody/merge", json={"into": person}))
    assert (await still_ferd.get(f"/people/{person}"))["id"] == person


PAID = {"id": "paid", "kind": "wait_for_action", "actions": [{"event": "order.paid"}], "within": "none"}


async def test_PART_9_what_the_other_has_done_ends_the_wait_of_the_one_that_stays(ferd: Running) -> None:
    """PART_9, STEP_14: an event of the person who goes counts for the older participation, which waits for it."""
    world = ferd.world
    flow = await world.flow("paid", PAID, mail("thanks"))
    stays, gone = await world.person(), await world.person()
    older, younger = await world.enrol(flow, stays), await world.enrol(flow, gone)
    for participant in (older, younger):
        await resting(world, participant, "paid")
    await ferd.post(f"/participants/{younger}/pause")
    await world.happens("order.paid", gone)
    await merged(ferd, gone, stays)
    assert await left(world, younger) is Reason.MERGED
    assert await left(world, older) is Reason.COMPLETED
    assert len(world.inbox.mails) == len(world.inbox.to(f"{stays}@x.example")) == 1


async def test_PART_9_an_effect_that_runs_for_the_one_is_not_begun_for_the_other(ferd: Running) -> None:
    """PART_9, SAFE_1: merged while the younger one's mail is in the mail server's hands."""
    world, answered = ferd.world, threading.Event()
    flow = await world.flow("runs", wait("rest", "3 days"), mail("hello"))
    stays, gone = await world.person(), await world.person()
    world.inbox.slow[f"{gone}@x.example"] = answered
    older, younger = await world.enrol(flow, stays), await world.enrol(flow, gone)
    for participant in (older, younger):
        await resting(world, participant, "rest")
    forward = asyncio.create_task(world.forward(flow, younger, 4 * DAY))

    async def sent() -> int:
        return len(world.inbox.mails)

    await eventually(sent)
    await merged(ferd, gone, stays)
    assert (await world.participant(younger)).reason is Reason.MERGED
    answered.set()
    await forward
    assert await ended(world, flow, older) is Reason.COMPLETED
    assert world.inbox.subjects == ["hello"]
    [effect] = await world.effects(younger)
    assert effect.status is EffectStatus.DONE
    assert "done for the other already: hello" in [line.text for line in await world.lines(older)]


async def test_PART_9_in_a_paused_flow_and_with_a_key(still_ferd: Running) -> None:
    """PART_9, TRIG_13: of one who is inside and one who queues the older stays; two orders are two participations."""
    world = still_ferd.world
    flow = await world.flow("queue", wait("rest", "3 days"))
    carts = await world.flow(
        "carts", wait("rest", "3 days"), enrolment={"triggers": [{"event": "order.placed"}], "key": "event.order"}
    )
    stays, gone = await world.person(), await world.person()
    older = await world.enrol(flow, gone)
    await still_ferd.post(f"/flows/{flow}/pause")
    younger = await world.enrol(flow, stays)
    for person, order in ((stays, "a"), (gone, "b"), (gone, "a")):
        await world.happens("order.placed", person, order=order)
    await merged(still_ferd, gone, stays)
    read = {each["id"]: each["status"] for each in (await still_ferd.get("/participants", flow=flow))["items"]}
    assert read == {older: "active", younger: "cancelled"}
    inside = [(row.key, row.status, row.reason) for row in await world.participants(carts)]
    assert inside == [
        ("a", Status.ACTIVE, None), ("b", Status.ACTIVE, None), ("a", Status.CANCELLED, Reason.MERGED)
    ]  # fmt: skip
    assert {row.person for row in await world.participants(carts)} == {stays}


@pytest.mark.parametrize("what", ["merge", "erase"])
async def test_PART_8_PART_9_a_journey_that_heard_nothing_of_it_is_told_again(
    ferd: Running, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    """PART_8, PART_9: Temporal was away at that moment; the sweep tells the journey, which would wait for ever."""
    world, tell = ferd.world, Dispatcher._tell
    flow = await world.flow("unheard", PAID, mail("thanks"))
    stays, gone = await world.person(), await world.person()
    older, participant = await world.enrol(flow, stays), await world.enrol(flow, gone)
    for each in (older, participant):
        await resting(world, each, "paid")

    async def away(*given: object) -> None:
        raise TimeoutError

    monkeypatch.setattr(Dispatcher, "_tell", away)
    if what == "merge":
        await merged(ferd, gone, stays)
    else:
        await ferd.api.post(f"/v1/people/{gone}/erase")
    monkeypatch.setattr(Dispatcher, "_tell", tell)
    row = await world.stored.participant(participant)
    assert (row.status.inside, row.wake is not None) == (False, True)

    long_ago = update(ParticipantRow).where(col(ParticipantRow.id) == participant)
    await world.db.write(lambda session: session.execute(long_ago.values(wake=now() - timedelta(hours=1))))
    await world.core.sweep.once()
    assert (await world.journey(flow, participant).result())["status"] == row.status.value
