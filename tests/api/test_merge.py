"""Two people turn out to be one."""

import asyncio

from flows.outcome import Reason, Refusal
from tests.rules.given import DAY, ended, is_member, left, resting, subscription_type
from tests.support.running import Running, expect, problem
from tests.support.world import mail, wait


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
    await subscription_type(world, "news")
    await subscription_type(world, "offers")
    flow = await world.flow("one", mail("hello"))
    gone = await world.person(
        external_id="crm-1", mobile="+4790000001", consent={"sms": "withdrawn", "email": "granted"},
        subscriptions=["news", "offers"], custom={"score": 1, "size": "L"},
    )  # fmt: skip
    stays = await world.person(
        email=None, first_name="Anna", consent={"sms": "granted"}, unsubscribed=["offers"], custom={"score": 2}
    )
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
    assert [row["id"] for row in (await ferd.get("/participants", person=stays))["items"]] == [participant]
    assert (await ferd.get("/messages", person=stays))["items"][0]["participant"] == participant
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
