"""STEP_14: waiting for an action: which one decides, from when it counts, and what becomes of whoever does nothing."""

from typing import Any

from sqlmodel import Session

from activities.enrolling.events import Event
from flows.outcome import Reason, Status
from store.journeys import EventRow
from tests.rules.given import DAY, HOUR, ended, enrolled_people, is_member, left, resting, steps_passed, when
from tests.support.world import World, mail, now, wait
from workflows.contract import RecordAction

ORDER, VISIT = {"event": "order.placed"}, {"event": "shop.visited"}


def action(id: str = "answer", *actions: dict[str, Any], **settings: Any) -> dict[str, Any]:
    return {"id": id, "kind": "wait_for_action", "actions": list(actions or (ORDER,)), **settings}


def branch(number: int, *steps: dict[str, Any]) -> dict[str, Any]:
    return {"name": f"Action {number}", "action": number, "steps": list(steps)}


async def test_STEP_14_the_first_by_time_decides_whatever_the_order_of_processing(world: World) -> None:
    """The visit was heard of first and came later; the order decides, down its branch, then on below."""
    answer = action("answer", VISIT, ORDER, branches=[branch(1, mail("visit")), branch(2, mail("order"))])
    flow = await world.flow("first", answer, mail("below"))
    person = await world.person()
    participant = await world.enrol(flow, person)
    await resting(world, participant, "answer")

    def both(session: Session) -> None:
        for type, at in (("shop.visited", now() + 2 * HOUR), ("order.placed", now() + HOUR)):
            world.core.events.take(session, Event(type, at, person), now())

    await world.core.dispatcher.write(both)
    assert await left(world, participant) is Reason.COMPLETED
    assert world.inbox.subjects == ["order", "below"]


async def test_STEP_14_an_action_counts_from_the_start_of_the_step_before_the_wait(world: World) -> None:
    """During the sending, or in a wait between: it counts. Before the mail: it does not."""
    direct = await world.flow("direct", mail("ask"), action())
    between = await world.flow("between", mail("ask"), wait("breathe", "1 hour"), action())
    early, quick, slow = [await world.person() for _ in range(3)]
    taking = world.core.events.take
    receive = world.inbox.handle_DATA

    async def order_while_it_is_received(*given: Any) -> str:
        answer = await receive(*given)
        if quick in str(given[2].rcpt_tos):
            world.db.transact(lambda session: taking(session, Event("order.placed", now(), quick), now()) and None)
        return answer

    world.inbox.handle_DATA = order_while_it_is_received  # type: ignore[assignment,method-assign]
    await world.happens("order.placed", early)
    assert await left(world, await world.enrol(direct, quick)) is Reason.COMPLETED
    waiting = await world.enrol(direct, early)
    participant = await world.enrol(between, slow)
    await resting(world, participant, "breathe")
    await world.happens("order.placed", slow)
    await world.forward(between, participant, 2 * HOUR)
    assert await left(world, participant) is Reason.COMPLETED
    await resting(world, waiting, "answer")


async def test_STEP_14_one_event_satisfies_one_wait(world: World) -> None:
    flow = await world.flow("one", mail("ask"), action("first"), action("second", otherwise="exit"))
    once, twice = await world.person(), await world.person()
    participants = [await world.enrol(flow, person) for person in (once, twice)]
    for person, participant in zip((once, twice), participants, strict=True):
        await resting(world, participant, "first")
        await world.happens("order.placed", person)
        await resting(world, participant, "second")
    await world.happens("order.placed", twice)
    assert await left(world, participants[1]) is Reason.COMPLETED
    assert await ended(world, flow, participants[0]) is Reason.NO_ACTION


async def test_STEP_14_the_event_that_enrolled_somebody_ends_no_wait(world: World) -> None:
    flow = await world.flow("buyer", action(otherwise="exit"), enrolment={"triggers": [ORDER]})
    person = await world.person()
    await world.happens("order.placed", person)
    (row,) = await world.participants(flow)
    await resting(world, row.id, "answer")
    await world.happens("order.placed", person)
    assert await left(world, row.id) is Reason.COMPLETED


async def test_STEP_14_a_click_counts_from_the_latest_mail_with_the_link_all_else_from_the_step_before(
    world: World,
) -> None:
    await world.form("contact-me")
    await world.put("links/offer", url="https://fjord.example/offer")
    await world.content("with-link", html='<a href="{{ links.offer }}">Offer</a>')
    click, submit = {"event": "link_clicked", "link": "offer"}, {"event": "form_submitted", "form": "contact-me"}

    async def flow(name: str, last: str, *actions: dict[str, Any]) -> str:
        first, second = mail("one", content="with-link"), mail("two", content=last)
        return await world.flow(name, first, wait("gap", "1 day"), second, action("answer", *actions, otherwise="exit"))

    clicks, again = await flow("clicks", "mail", click, submit), await flow("again", "with-link", click)
    clicking, submitting, repeating = [await world.person() for _ in range(3)]
    journeys = [
        (clicks, await world.enrol(clicks, clicking)),
        (clicks, await world.enrol(clicks, submitting)),
        (again, await world.enrol(again, repeating)),
    ]
    for _, participant in journeys:
        await resting(world, participant, "gap")
    for person in (clicking, repeating):
        await world.clicks(person, "Offer")
    await world.submits(submitting, "contact-me")
    reasons = [await ended(world, flow, participant) for flow, participant in journeys]
    assert reasons == [Reason.COMPLETED, Reason.NO_ACTION, Reason.NO_ACTION]


async def test_STEP_14_an_open_counts_from_the_latest_sending_of_its_mail(world: World) -> None:
    await world.content("offer")
    opened = {"event": "email_opened", "content": "offer"}
    steps = mail("one", content="offer"), wait("gap", "1 day"), mail("two"), action("answer", opened, otherwise="exit")
    flow = await world.flow("opens", *steps)
    person = await world.person()
    participant = await world.enrol(flow, person)
    await resting(world, participant, "gap")
    await world.opens(person)
    assert await ended(world, flow, participant) is Reason.COMPLETED


async def test_STEP_14_on_time_out_on_or_out_with_a_hand_over(world: World) -> None:
    """What came after the deadline is too late, whenever it is heard of."""
    await world.selection("cold")
    norwegian = {"enrolment": {"filter": when("person.country", "NO")}}
    other = await world.flow("win-back", action(within="none"), **norwegian)
    on = await world.flow("on", action(), mail("below"))
    leave = {"add_to_flow": other, "add_to_selection": "cold"}
    out = await world.flow("out", action(within="2 days", otherwise="exit", exit=leave), mail("below"))
    norwegian_one, swede = await world.person(country="NO"), await world.person(country="SE")
    going, *leaving = await world.enrol(on), await world.enrol(out, norwegian_one), await world.enrol(out, swede)
    for participant in (going, *leaving):
        row = await resting(world, participant, "answer")
        assert row.until is not None
        assert row.until - row.since == (7 if participant == going else 2) * DAY
    await world.happens("order.placed", swede, at=now() + 3 * DAY)
    assert await ended(world, on, going) is Reason.COMPLETED
    assert [await ended(world, out, participant) for participant in leaving] == [Reason.NO_ACTION] * 2
    assert (await world.participant(leaving[0])).status is Status.DROPPED_OUT
    assert world.inbox.subjects == ["below"]
    assert await enrolled_people(world, other) == [norwegian_one]
    assert await is_member(world, norwegian_one, "cold")
    assert await is_member(world, swede, "cold")


async def test_STEP_14_without_limit_it_waits_for_ever(world: World) -> None:
    flow = await world.flow("patient", action(within="none"), mail("below"))
    person = await world.person()
    participant = await world.enrol(flow, person)
    assert (await resting(world, participant, "answer")).until is None
    await world.happens("order.placed", person, at=now() + 400 * DAY)
    assert await left(world, participant) is Reason.COMPLETED


async def test_STEP_14_the_person_comes_to_match_a_condition(world: World) -> None:
    """By a change, by joining a selection, or on arrival already."""
    await world.selection("vip")
    customer, member = {"condition": when("person.category", "customer")}, {"condition": {"member_of": "vip"}}
    answer = action("answer", ORDER, customer, member, branches=[branch(2, mail("customer")), branch(3, mail("vip"))])
    flow = await world.flow("state", answer)
    changed, joined, already = await world.person(), await world.person(), await world.person(category="customer")
    participants = [await world.enrol(flow, person) for person in (changed, joined, already)]
    for participant in participants[:2]:
        await resting(world, participant, "answer")
    await world.change(changed, category="prospect")
    await world.change(changed, category="customer")
    await world.join("selections/vip", joined)
    assert [await left(world, participant) for participant in participants] == [Reason.COMPLETED] * 3
    assert [await steps_passed(world, participant) for participant in participants] == [
        ["answer", "customer"],
        ["answer", "vip"],
        ["answer", "customer"],
    ]


async def test_STEP_14_a_backend_service_records_an_action_by_a_signal(world: World) -> None:
    """The same action signalled twice happens once."""
    flow = await world.flow("signal", action("first"), action("second"), action("third"))
    participant = await world.enrol(flow)
    await resting(world, participant, "first")
    journey, at = world.journey(flow, participant), now()
    for id in ("1", "1", "2"):
        await journey.signal("record_action", RecordAction(id=id, type="order.placed", time=at))
    await resting(world, participant, "third")
    await journey.signal("record_action", RecordAction(id="3", type="order.placed", time=at))
    assert await left(world, participant) is Reason.COMPLETED
    assert await world.stored.count(EventRow, EventRow.type == "order.placed") == 3
