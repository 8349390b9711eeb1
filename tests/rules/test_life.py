"""LIFE: a flow's life, seen by its participants and by whoever gives the commands."""

from datetime import timedelta

import pytest

from activities.enrolling.enrolment import Enrolled
from flows.outcome import Reason, Refusal, Status
from store.enrolments import EnrolmentJob
from store.flows import FlowStatus
from store.journeys import EffectStatus
from tests.support.waiting import eventually
from tests.support.world import Refused, World, mail, now, wait

DAY = timedelta(days=1)


async def test_LIFE_1_a_draft_enrols_nobody(world: World) -> None:
    flow = await world.save(
        world.definition("draft", mail("hello"), enrolment={"triggers": [{"event": "order.placed"}]})
    )
    person = await world.person()
    await world.happens("order.placed", person)
    assert await world.propose(flow, person) is Refusal.FLOW_NOT_OPEN
    assert await world.participants(flow) == []
    assert world.inbox.mails == []


async def test_LIFE_2_run_makes_triggers_active(world: World) -> None:
    flow = await world.flow("run", mail("hello"), enrolment={"triggers": [{"event": "order.placed"}]})
    await world.happens("order.placed", await world.person())
    (participant,) = await world.participants(flow)
    await world.until(participant.id, status=Status.FINISHED)
    assert world.inbox.subjects == ["hello"]


async def test_LIFE_2_run_is_refused_with_every_problem_and_its_remedy(world: World) -> None:
    """An e-mail step without sender, content that is not ready: the flow can be saved, not run."""
    await world.content("unready", state="draft")
    flow = await world.save(
        world.definition(
            "wrong",
            mail("a", content="unready"),
            mail("b", content="missing"),
            email={},
            enrolment={"exclude": "no-such-selection"},
        )
    )
    with pytest.raises(Refused) as refused:
        await world.command(flow, "run")
    assert refused.value.status == 422
    found = refused.value.problem["problems"]
    assert {problem["step"] for problem in found if "step" in problem} >= {"a", "b"}
    assert any("from" in problem["pointer"] for problem in found)
    assert any("exclude" in problem["pointer"] for problem in found)
    assert all(problem["what"] and problem["remedy"] and problem["line"] for problem in found)
    assert (await world.state(flow)).status is FlowStatus.DRAFT


async def test_LIFE_3_pause_keeps_everyone_at_its_step(world: World) -> None:
    """Paused at day 2 of a 3-day wait, resumed at day 9: nothing leaves in between, and everything after."""
    flow = await world.flow("pause", mail("first"), wait("rest", "3 days"), mail("second"))
    participant = await world.enrol(flow)
    await world.forward(flow, participant, 2 * DAY)
    await world.command(flow, "pause")
    await world.forward(flow, participant, 7 * DAY)
    row = await world.until(participant, holding=True)
    assert row.step == "rest"
    assert world.inbox.subjects == ["first"]
    await world.command(flow, "resume")
    await world.until(participant, status=Status.FINISHED)
    assert world.inbox.subjects == ["first", "second"]


async def test_LIFE_3_while_paused_triggers_stay_active_and_the_new_ones_queue(world: World) -> None:
    flow = await world.flow("queue", mail("hello"), enrolment={"triggers": [{"event": "order.placed"}]})
    await world.command(flow, "pause")
    people = [await world.person() for _ in range(5)]
    for person in people:
        await world.happens("order.placed", person)
    rows = await world.participants(flow)
    assert [row.status for row in rows] == [Status.QUEUED] * 5
    assert world.inbox.mails == []


async def test_LIFE_3_no_effect_begins_after_the_pause_was_answered(world: World) -> None:
    """Thirty journeys at full speed: what the pause's answer did not count as begun never leaves."""
    flow = await world.flow("busy", mail("one"), mail("two"), mail("three"))
    for person in [await world.person() for _ in range(30)]:
        await world.enrol(flow, person)
    answer = await world.command(flow, "pause")
    begun = await world.stored.effects(flow)
    known = {effect.key for effect in begun}
    assert answer.under_way >= sum(effect.status is EffectStatus.PLANNED for effect in begun)
    await eventually(
        lambda: world.participants(flow), lambda rows: all(row.holding or not row.status.inside for row in rows)
    )
    after = {effect.key for effect in await world.stored.effects(flow)}
    assert after == known
    assert len(world.inbox.mails) == len(known)


async def test_LIFE_4_the_queued_enter_in_the_order_in_which_they_came(world: World) -> None:
    flow = await world.flow("order", mail("hello"))
    await world.command(flow, "pause")
    people = [await world.person() for _ in range(12)]
    participants = [await world.enrol(flow, person) for person in people]
    await world.command(flow, "resume")
    for participant in participants:
        await world.until(participant, status=Status.FINISHED)
    admitted = [
        (line.number, participant)
        for participant in participants
        for line in await world.stored.lines(participant)
        if line.event == "admitted"
    ]
    assert [participant for _, participant in sorted(admitted)] == participants


async def test_LIFE_4_edits_made_during_the_pause_hold_for_who_has_not_passed_the_step(world: World) -> None:
    steps = [mail("first"), wait("rest", "3 days"), mail("second")]
    flow = await world.flow("edited", *steps)
    early, late = await world.enrol(flow), await world.enrol(flow)
    await world.forward(flow, early)
    await world.forward(flow, late, DAY)
    await world.command(flow, "pause")
    await world.edit(
        world.definition("edited", mail("first"), wait("rest", "3 days"), mail("second", subject="new"), mail("third"))
    )
    await world.command(flow, "resume")
    await world.settled(flow)
    await world.forward(flow, late)
    assert sorted(world.inbox.subjects) == sorted(["first", "second", "first", "new", "third"])
    assert (await world.participant(early)).status is Status.FINISHED


async def test_LIFE_4_a_wait_made_shorter_during_the_pause_ends_at_its_new_end(world: World) -> None:
    flow = await world.flow("shorter", mail("first"), wait("rest", "30 days"), mail("second"))
    participant = await world.enrol(flow)
    await world.forward(flow, participant, 4 * DAY)
    await world.command(flow, "pause")
    await world.edit(world.definition("shorter", mail("first"), wait("rest", "3 days"), mail("second")))
    await world.command(flow, "resume")
    await world.until(participant, status=Status.FINISHED)
    assert world.inbox.subjects == ["first", "second"]


async def test_LIFE_5_end_cancels_active_and_queued_and_they_stay_cancelled(world: World) -> None:
    flow = await world.flow("end", mail("first"), wait("rest", "3 days"), mail("second"))
    person = await world.person()
    active = await world.enrol(flow, person)
    await world.until(active, step="rest")
    await world.command(flow, "pause")
    queued = await world.enrol(flow)
    await world.command(flow, "end")
    await world.settled(flow)
    for participant in (active, queued):
        row = await world.until(participant, status=Status.CANCELLED)
        assert row.reason is Reason.FLOW_ENDED
    assert (await world.journey(flow, active).result())["status"] == "cancelled"
    await world.command(flow, "run")
    assert await world.propose(flow, person) is Refusal.ONCE
    newcomer = await world.enrol(flow)
    await world.until(newcomer, step="rest")
    assert (await world.participant(active)).status is Status.CANCELLED
    assert world.inbox.subjects == ["first", "first"]


async def test_LIFE_5_people_proposed_in_bulk_before_the_end_do_not_come_in_when_it_runs_again(
    still_world: World,
) -> None:
    world = still_world
    flow = await world.flow("bulk", mail("first"))
    await world.selection("newcomers", await world.person())
    job = EnrolmentJob(id=world.id("job"), flow=flow, selection="newcomers", at=now())
    await world.db.write(lambda session: session.add(job))
    await world.command(flow, "end")
    await world.command(flow, "run")
    async with world.worker():
        await world.settled(flow)
    assert await world.participants(flow) == []


async def test_LIFE_10_pause_and_end_work_with_no_worker_up(still_world: World) -> None:
    world = still_world
    flow = await world.flow("still", mail("first"))
    participant = await world.enrol(flow)
    assert (await world.command(flow, "pause")).status is FlowStatus.PAUSED
    async with world.worker():
        await world.until(participant, holding=True)
    assert world.inbox.mails == []
    assert (await world.command(flow, "end")).status is FlowStatus.ENDED
    async with world.worker():
        await world.stored.until(participant, status=Status.CANCELLED)
    assert world.inbox.mails == []


async def test_LIFE_11_a_repeated_command_is_answered_and_changes_nothing(world: World) -> None:
    flow = await world.flow("twice", mail("hello"))
    await world.settled(flow)
    before = (await world.stored.flow(flow)).model_dump()
    assert (await world.command(flow, "run")).status is FlowStatus.RUNNING
    assert (await world.stored.flow(flow)).model_dump() == before


async def test_LIFE_15_who_belongs_to_an_older_generation_has_no_effect_even_before_its_journey_is_closed(
    still_world: World,
) -> None:
    """End and run again while no worker could close anybody: the old one's task comes up and does nothing."""
    world = still_world
    flow = await world.flow("again", mail("first"), enrolment={"once": False})
    person = await world.person()
    old = await world.enrol(flow, person)
    await world.command(flow, "end")
    await world.command(flow, "run")
    new = await world.propose(flow, person)
    assert isinstance(new, Enrolled)
    async with world.worker():
        await world.until(new.participant, status=Status.FINISHED)
        await world.stored.until(old, status=Status.CANCELLED)
    assert len(world.inbox.to(f"{person}@x.example")) == 1


@pytest.mark.parametrize("given", ["pause", "end"])
async def test_LIFE_3_and_5_commands_are_signals_of_the_flow_in_temporal(world: World, given: str) -> None:
    flow = await world.flow("signals", mail("first"), wait("rest", "3 days"), mail("second"))
    participant = await world.enrol(flow)
    await world.until(participant, step="rest")
    await world.life(flow).signal(given)
    wanted = {"pause": FlowStatus.PAUSED, "end": FlowStatus.ENDED}[given]
    await eventually(lambda: world.state(flow), lambda row: row.status is wanted)
    if given == "pause":
        await world.life(flow).signal("resume")
        await world.forward(flow, participant)
        assert world.inbox.subjects == ["first", "second"]
    else:
        await world.stored.until(participant, status=Status.CANCELLED)
