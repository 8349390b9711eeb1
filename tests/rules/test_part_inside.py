"""PART: what befalls somebody who is inside is noticed at once, also during a wait."""

from collections.abc import Awaitable, Callable
from datetime import timedelta

import pytest
from sqlmodel import Session

from activities.crm.models import CompanyIn
from activities.dispatcher import Dispatcher
from activities.journeys.standing import Standing
from flows.outcome import Reason
from store.journeys import ParticipantRow
from tests.rules.given import add_members, left, resting, when
from tests.support.waiting import eventually
from tests.support.world import World, mail, now, wait

Befall = Callable[[World, str], Awaitable[None]]


async def _deleted(world: World, person: str) -> None:
    people = world.core.crm.people
    await world.core.dispatcher.write(lambda session: people.delete(session, person, now()))


async def _left_the_company(world: World, person: str) -> None:
    people = world.core.crm.people
    change = {"former_employee": True}
    await world.core.dispatcher.write(lambda session: people.patch(session, person, change, now()) and None)


async def _excluded(world: World, person: str) -> None:
    await add_members(world, "out", person, triggers=False)


async def _succeeded(world: World, person: str) -> None:
    people = world.core.crm.people
    change = {"category": "customer"}
    await world.core.dispatcher.write(lambda session: people.patch(session, person, change, now()) and None)


@pytest.mark.parametrize(
    ("befall", "reason"),
    [
        (_deleted, Reason.PERSON_DELETED),
        (_left_the_company, Reason.FORMER_EMPLOYEE),
        (_excluded, Reason.EXCLUDED),
        (_succeeded, Reason.SUCCESS),
    ],
)
async def test_PART_1_noticed_in_a_wait_and_while_paused_at_resume(
    world: World, befall: Befall, reason: Reason
) -> None:
    """PART_1, PART_3, TRIG_5, STEP_18: no time passes; who is held leaves as soon as it may move."""
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
    number = (await world.participant(participant)).number

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
    companies = world.core.crm.companies
    row = await world.core.dispatcher.write(lambda session: companies.create(session, CompanyIn(name="Fjord"), now()))
    grown = {"condition": when("company.employees", 100, ">")}
    step = {"id": "grow", "kind": "wait_for_action", "actions": [grown], "within": "none"}
    flow = await world.flow("growing", step, mail("hello"))
    participant = await world.enrol(flow, await world.person(company=row.id))
    await resting(world, participant, "grow")
    await world.core.dispatcher.write(
        lambda session: companies.patch(session, row.id, {"employees": 200}, now()) and None
    )
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
