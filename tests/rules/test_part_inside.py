"""PART: what befalls somebody who is inside is noticed at once, also during a wait."""

import threading
from collections.abc import Awaitable, Callable
from datetime import timedelta

import pytest
from sqlmodel import Session
from temporalio.client import WorkflowFailureError

from activities.dispatcher import Dispatcher
from activities.journeys.standing import Standing
from flows.outcome import Reason
from store.journeys import ParticipantRow
from tests.rules.given import company, left, resting, when
from tests.support.running import Running, expect, problem
from tests.support.waiting import eventually
from tests.support.world import World, mail, now, taken, wait

Befall = Callable[[World, str], Awaitable[None]]


async def _left_the_company(world: World, person: str) -> None:
    await world.change(person, former_employee=True)


async def _excluded(world: World, person: str) -> None:
    await world.join("selections/out", person, fire_triggers=False)


async def _succeeded(world: World, person: str) -> None:
    await world.change(person, category="customer")


@pytest.mark.parametrize(
    ("befall", "reason"),
    [
        (_left_the_company, Reason.FORMER_EMPLOYEE),
        (_excluded, Reason.EXCLUDED),
        (_succeeded, Reason.SUCCESS),
    ],
)
async def test_PART_1_noticed_in_a_wait_and_while_paused_at_resume(
    world: World, befall: Befall, reason: Reason
) -> None:
    """PART_1, TRIG_5, STEP_18: no time passes; who is held leaves as soon as it may move."""
    await world.selection("out")
    settings = {
        "success": {"any": [when("person.category", "customer")]},
        "enrolment": {"exclude": "out"},
    }
    flow = await world.flow("inside", wait("rest", "90 days"), mail("hello"), **settings)
    held = await world.flow("held", wait("rest", "90 days"), mail("hello"), **settings)
    person = await world.person()
    waiting, paused = await world.enrol(flow, person), await world.enrol(held, person)
    for participant in (waiting, paused):
        await resting(world, participant, "rest")
    await world.command(held, "pause")
    await befall(world, person)
    assert await left(world, waiting) is reason
    assert (await world.participant(paused)).status.inside
    await world.command(held, "resume")
    assert await left(world, paused) is reason
    assert world.inbox.mails == []


async def test_PART_4_a_journey_terminated_in_a_wait_of_months_is_found(world: World) -> None:
    """PART_4: nothing is overdue; Temporal's own list tells. One that was started again is not lost once more."""
    flow = await world.flow("terminated", wait("rest", "90 days"), mail("hello"))
    lost, sound = await world.enrol(flow), await world.enrol(flow)
    for participant in (lost, sound):
        await resting(world, participant, "rest")
    await world.journey(flow, lost).terminate()

    async def swept() -> list[str]:
        await world.core.sweep.once()
        return (await world.participant(lost)).held

    await eventually(swept, lambda held: held == ["lost"])  # visibility is a little late
    assert (await world.participant(sound)).held == []


async def test_PART_4_a_journey_that_could_not_be_started_yet_is_not_lost(
    still_world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """PART_4: Temporal was away when somebody came in, and hangs when told again; meanwhile an event concerns them."""
    world, start, before = still_world, Dispatcher._start, now() - timedelta(minutes=5)

    async def hanging(*given: object) -> None:
        raise TimeoutError

    monkeypatch.setattr(Dispatcher, "_start", hanging)
    flow = await world.flow("away", wait("rest", "1 day"))
    participant = await world.enrol(flow)
    number = (await world.stored.participant(participant)).number

    def event(session: Session) -> None:
        row = session.get_one(ParticipantRow, number)
        row.enrolled_at = row.wake = before

    await world.db.write(event)
    await world.core.sweep.once()
    assert (await world.participant(participant)).held == []
    monkeypatch.setattr(Dispatcher, "_start", start)
    await world.core.sweep.once()
    async with world.worker():
        await resting(world, participant, "rest")


async def test_STEP_14_a_change_of_a_company_wakes_its_people(world: World) -> None:
    """STEP_14: those whose condition came to hold go on."""
    firm = await company(world)
    grown = {"condition": when("company.employees", 100, ">")}
    step = {"id": "grow", "kind": "wait_for_action", "actions": [grown], "within": "none"}
    flow = await world.flow("growing", step, mail("hello"))
    participant = await world.enrol(flow, await world.person(company=firm))
    await resting(world, participant, "grow")
    taken(await world.api.patch(f"/v1/companies/{firm}", json={"employees": 200}))
    assert await left(world, participant) is Reason.COMPLETED


async def test_STEP_18_nobody_leaves_before_the_success_that_led_out(still_world: World) -> None:
    """STEP_18: the clock of a journey is a little behind that of whoever told of the success."""
    world = still_world
    flow = await world.flow("early", wait("rest", "3 days"), success={"any": [{"event": "order.placed"}]})
    person = await world.person()
    participant = await world.enrol(flow, person)
    before = now()
    await world.happens("order.placed", person)

    def look(session: Session) -> None:
        Standing.lock(session, participant, before, world.core.rules).stop()

    await world.core.dispatcher.write(look)
    row = await world.participant(participant)
    assert row.reason is Reason.SUCCESS
    assert row.success_at is not None
    assert row.ended_at is not None
    assert before < row.success_at <= row.ended_at


@pytest.mark.parametrize("what", ["cancel", "cancel in Temporal", "remove", "erase", "delete"])
async def test_PART_4_8_in_the_middle_of_an_effect(ferd: Running, what: str) -> None:
    """PART_3, PART_4, PART_8, SAFE_1: the server has the mail: it leaves once, is recorded, and nothing follows it."""
    world, answered = ferd.world, threading.Event()
    flow = await world.flow("busy", mail("hello"), mail("never"))
    person = await world.person(email="busy@x.example")
    world.inbox.slow["busy@x.example"] = answered
    participant = await world.enrol(flow, person)

    async def acts() -> bool:
        return bool(world.inbox.mails)

    await eventually(acts)
    match what:
        case "cancel":
            await ferd.post(f"/participants/{participant}/cancel")
        case "cancel in Temporal":
            await world.journey(flow, participant).cancel()
        case "remove":
            expect(204, await ferd.api.delete(f"/v1/participants/{participant}"))
        case "erase":
            await ferd.api.post(f"/v1/people/{person}/erase")
        case _:
            expect(204, await ferd.api.delete(f"/v1/people/{person}"))
    answered.set()
    try:
        ended = (await world.journey(flow, participant).result())["status"]
    except WorkflowFailureError:  # in Temporal's list it is Canceled
        ended = "cancelled" if what == "cancel in Temporal" else "failed"
    statistics = (await ferd.get(f"/flows/{flow}"))["statistics"]
    assert world.inbox.subjects == ["hello"]
    assert (statistics["active"], sum(step["waiting"] for step in statistics["steps"])) == (0, 0)
    if what == "remove":
        problem(404, await ferd.api.get(f"/v1/participants/{participant}"))
        assert (ended, statistics["enrolled"], statistics["cancelled"]) == ("cancelled", 0, 0)
        assert await world.stored.effects(flow) == []
        again = await ferd.post(f"/flows/{flow}/participants", {"person": person}, 202)
        assert again["items"][0]["outcome"] == "enrolled"
        return
    reason = "cancelled_by_hand" if what.startswith("cancel") else "person_deleted"
    read = await ferd.get(f"/participants/{participant}")
    assert (read["reason"], ended) == (reason, read["status"])
    assert [(effect["step"], effect["status"]) for effect in read["effects"]] == [("hello", "done")]
    assert statistics["enrolled"] == 1
    assert ("hello", "done") in [(line["step"], line["event"]) for line in read["journal"]]
