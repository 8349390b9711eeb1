"""RepeatWorkflow and RecurrenceWorkflow: every way through them; each history is kept for replay."""

from typing import Any
from uuid import uuid4

import pytest
from temporalio.client import WorkflowHandle

from activities.desk.repeats import Repeats
from activities.enrolling.recurrences import scheduled
from store.journeys import EffectRow, EffectStatus
from tests.support.histories import keep
from tests.support.world import World, mail, now, wait
from workflows.contract import RecurrenceAnswer, RecurrenceInput, Repeated, repeat_id


async def asked_again(world: World, name: str) -> tuple[str, WorkflowHandle[Any, Repeated]]:
    """A mail of which nobody knows whether it was sent, and that a person wants sent again: who got it, and how."""
    flow = await world.flow(name, mail("first"), wait("rest", "1 day"))
    participant = await world.enrol(flow)
    await world.until(participant, step="rest")
    first, second = f"{participant}/first/1", f"{participant}/first/2"

    def doubt(session: Any) -> None:
        session.get_one(EffectRow, first).status = EffectStatus.UNKNOWN

    await world.db.write(doubt)
    await world.core.dispatcher.write(
        lambda session: world.core.attention.settle(session, first, "again", now()) and None
    )
    return participant, world.client.get_workflow_handle(repeat_id(second), result_type=Repeated)


async def statuses(world: World, participant: str) -> list[EffectStatus]:
    return [effect.status for effect in await world.effects(participant)]


async def test_SAFE_2_what_is_asked_for_again_is_sent_again(world: World) -> None:
    participant, repeat = await asked_again(world, "again")
    assert (await repeat.result()).status == "done"
    assert world.inbox.subjects == ["first", "first"]
    assert await statuses(world, participant) == [EffectStatus.REPEATED, EffectStatus.DONE]
    await keep(repeat, "repeated")


async def test_SAFE_2_a_repetition_that_no_worker_comes_to_is_not_done(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of the mail before nobody knows still: it is in the attention list again."""

    def dies(*_: object, **__: object) -> None:
        raise RuntimeError("out of memory")

    monkeypatch.setattr(Repeats, "enter", dies)
    participant, repeat = await asked_again(world, "not-done")
    await world.env.fast_forward(repeat)
    assert (await repeat.result()).status == "failed"
    assert await statuses(world, participant) == [EffectStatus.UNKNOWN, EffectStatus.FAILED]
    await keep(repeat, "repeat-unanswered")


async def test_TRIG_1_a_moment_of_a_schedule_has_the_selection_enrolled(world: World) -> None:
    person = await world.person()
    await world.selection("newcomers", person)
    monday = {"schedule": "0 9 * * MON", "selection": "newcomers"}
    enrolment = {"triggers": [monday]}
    flow = await world.flow("mondays", wait("rest", "1 day"), enrolment=enrolment)
    (trigger,) = scheduled(world.definition("mondays", wait("rest", "1 day"), enrolment=enrolment))
    moment = await world.client.start_workflow(
        "Recurrence",
        RecurrenceInput(flow=flow, trigger=trigger),
        id=f"recurrence/{uuid4()}",
        task_queue=world.queue,
        result_type=RecurrenceAnswer,
    )
    assert (await moment.result()).text == "the selection is being enrolled"
    await keep(moment, "recurrence")
    await world.command(flow, "stop")
