"""TRIG_6, TRIG_8, TRIG_13: leaving other flows, coming again, and once for each order."""

import threading
from datetime import timedelta
from functools import partial

from flows.outcome import Reason, Refusal, Status
from tests.rules.given import ended, left, resting
from tests.support.running import Running
from tests.support.waiting import eventually
from tests.support.world import World, mail, wait

PAID = {"id": "paid", "kind": "wait_for_action", "actions": [{"event": "order.paid"}], "within": "10 days"}


async def test_TRIG_6_who_comes_in_drops_out_of_the_flows_that_are_named(world: World) -> None:
    """Out of a wait, out of a queue; who was not taken, and who is in another flow, stays."""
    nurture = await world.flow("nurture", wait("rest", "30 days"), mail("hello"))
    queue = await world.flow("queue", wait("rest", "30 days"))
    other = await world.flow("other", wait("rest", "30 days"))
    buyers = await world.flow("buyers", wait("rest", "30 days"), enrolment={"leave": [nurture, queue]})
    await world.command(queue, "pause")
    person, refused = await world.person(), await world.person()
    inside = [await world.enrol(flow, person) for flow in (nurture, queue, other)]
    stays = await world.enrol(nurture, refused)
    for participant in (inside[0], inside[2], stays):
        await resting(world, participant, "rest")
    await world.enrol(buyers, refused)
    assert await left(world, stays) is Reason.LEFT_FOR_OTHER
    again = await world.propose(buyers, refused)
    assert again is Refusal.ALREADY_ACTIVE
    await world.enrol(buyers, person)
    assert [await left(world, each) for each in inside[:2]] == [Reason.LEFT_FOR_OTHER] * 2
    assert (await world.participant(inside[0])).status is Status.DROPPED_OUT
    assert (await world.participant(inside[2])).status is Status.ACTIVE
    # Its workflow has ended too, and the mail behind the wait is never sent.
    result = await world.journey(nurture, inside[0]).result()
    assert result["reason"] == "left_for_another_flow"
    assert f"enrolled in {buyers}" in (await world.lines(inside[0]))[-1].text
    assert world.inbox.mails == []


async def test_TRIG_8_again_in_the_call_lets_in_who_took_part(ferd: Running) -> None:
    world = ferd.world
    flow, person = await world.flow("again", mail("hello")), await world.person()
    await world.selection("all", person)
    assert await left(world, await world.enrol(flow, person)) is Reason.COMPLETED
    path = f"/flows/{flow}/participants"
    assert (await ferd.post(path, {"person": person}, 202))["items"][0]["reason"] == "took_part_before"
    assert (await ferd.post(path, {"person": person, "again": True}, 202))["items"][0]["outcome"] == "enrolled"
    for again, expected in ((False, 0), (True, 1)):
        rows = await world.participants(flow)
        await left(world, rows[-1].id)
        job = (await ferd.post(path, {"selection": "all", "again": again}, 202))["job"]
        done = await eventually(partial(ferd.get, f"/flows/{flow}/enrolments/{job['id']}"), lambda job: job["done"])
        assert done["enrolled"] == expected


async def test_TRIG_13_one_person_is_inside_once_for_each_order(world: World) -> None:
    """A wait and the success criterion look at events of the same order; a number and its text are one order."""
    flow = await world.flow(
        "carts",
        PAID,
        wait("rest", "3 days"),
        enrolment={"triggers": [{"event": "order.placed"}], "key": "event.order_id"},
        success={"any": [{"event": "order.delivered"}]},
    )
    person = await world.person()
    for order in ("a", 7, "a", "7"):
        await world.happens("order.placed", person, order_id=order)
    first, second = await world.participants(flow)
    assert (first.key, second.key) == ("a", "7")
    for row in (first, second):
        await resting(world, row.id, "paid")
    await world.happens("order.paid", person, order_id="a")
    await resting(world, first.id, "rest")
    assert (await world.participant(second.id)).step == "paid"
    await world.happens("order.paid", person)  # of no order
    await world.happens("order.delivered", person, order_id=7)
    assert await left(world, second.id) is Reason.SUCCESS
    assert (await world.participant(first.id)).step == "rest"
    assert await ended(world, flow, first.id) is Reason.COMPLETED
    # Once for each: not for the same order again, but for a third one.
    await world.happens("order.placed", person, order_id="a")
    await world.happens("order.placed", person, order_id="c")
    assert [row.key for row in await world.participants(flow)] == ["a", "7", "c"]


async def test_TRIG_13_two_carts_each_with_a_success_of_its_own(ferd: Running) -> None:
    """TRIG_13, STEP_18, TRIG_4: one is bought and the other left; neither can be started again, a third one can."""
    world = ferd.world
    flow = await world.flow(
        "success",
        wait("rest", "3 days"),
        mail("reminder"),
        enrolment={"triggers": [{"event": "cart.filled"}], "key": "event.cart"},
        success={"any": [{"event": "cart.bought"}]},
    )
    person = await world.person()
    for cart in ("a", "b"):
        await world.happens("cart.filled", person, cart=cart)
    first, second = await world.participants(flow)
    for row in (first, second):
        await resting(world, row.id, "rest")
    await world.happens("cart.bought", person, cart="b")
    assert await left(world, second.id) is Reason.SUCCESS
    assert await ended(world, flow, first.id) is Reason.COMPLETED
    assert world.inbox.subjects == ["reminder"]
    await world.happens("cart.bought", person, cart="a")  # too late
    read = {each["id"]: each for each in (await ferd.get("/participants", flow=flow))["items"]}
    assert (read[first.id]["success_at"], read[first.id]["status"]) == (None, "finished")
    statistics = (await ferd.get(f"/flows/{flow}"))["statistics"]
    assert (statistics["finished"], statistics["finished_with_success"], statistics["success_rate"]) == (1, 1, 0.5)
    for cart in ("a", "b", "c"):
        await world.happens("cart.filled", person, cart=cart)
    assert [row.key for row in await world.participants(flow)] == ["a", "b", "c"]


async def test_TRIG_13_an_action_before_the_wait_counts_if_it_is_of_the_same_order(world: World) -> None:
    flow = await world.flow(
        "before",
        wait("pause", "1 hour"),
        PAID | {"otherwise": "exit"},
        enrolment={"triggers": [{"event": "order.placed"}], "key": "event.order_id"},
    )
    person = await world.person()
    for order in ("a", "b"):
        await world.happens("order.placed", person, order_id=order)
    first, second = await world.participants(flow)
    for row in (first, second):
        await resting(world, row.id, "pause")
    await world.happens("order.paid", person, order_id="b")
    await world.forward(flow, second.id, timedelta(hours=2))
    assert await left(world, second.id) is Reason.COMPLETED
    assert await ended(world, flow, first.id) is Reason.NO_ACTION


async def test_TRIG_6_also_out_of_a_flow_that_is_paused_and_by_a_trigger(ferd: Running) -> None:
    """TRIG_6, PART_4: who is held there leaves at once, not at the resume; so does who is paused, or in an effect."""
    world, answered = ferd.world, threading.Event()
    waits = await world.flow("waits", wait("rest", "30 days"), mail("never"))
    acts = await world.flow("acts", mail("hello"), wait("rest", "30 days"))
    buyers = await world.flow(
        "buyers", wait("rest", "30 days"), enrolment={"triggers": [{"event": "order.placed"}], "leave": [waits, acts]}
    )
    person, alone = await world.person(email="busy@x.example"), await world.person()
    world.inbox.slow["busy@x.example"] = answered
    held, paused = await world.enrol(waits, person), await world.enrol(waits, alone)
    busy = await world.enrol(acts, person)
    for participant in (held, paused):
        await resting(world, participant, "rest")
    await ferd.post(f"/participants/{paused}/pause")
    await ferd.post(f"/flows/{waits}/pause")

    async def acting() -> bool:
        return bool(world.inbox.mails)

    await eventually(acting)
    for each in (person, alone):
        await world.happens("order.placed", each)
    for participant in (held, paused, busy):
        read = await ferd.get(f"/participants/{participant}")
        assert (read["status"], read["reason"], read["held"]) == ("dropped_out", "left_for_another_flow", [])
    answered.set()
    for flow, participant in ((waits, held), (waits, paused), (acts, busy)):
        assert (await world.journey(flow, participant).result())["reason"] == "left_for_another_flow"
    assert [effect.status.value for effect in await world.effects(busy)] == ["done"]
    assert world.inbox.subjects == ["hello"]
    assert len(await world.participants(buyers)) == 2
    statistics = (await ferd.get(f"/flows/{waits}"))["statistics"]
    assert (statistics["dropped_out"], statistics["active"]) == ({"left_for_another_flow": 2}, 0)


async def test_TRIG_13_both_carts_of_one_person_get_their_mail(world: World) -> None:
    """PART_2: the address is active through the same person, and through no other."""
    flow = await world.flow(
        "carts",
        mail("hello"),
        wait("rest", "30 days"),
        enrolment={"triggers": [{"event": "cart.left"}], "key": "event.cart"},
    )
    person = await world.person()
    for cart in ("1", "2"):
        await world.happens("cart.left", person, cart=cart)
    for row in await world.participants(flow):
        await resting(world, row.id, "rest")
    assert world.inbox.subjects == ["hello", "hello"]
