"""JourneyWorkflow: every way through its loop; each history is kept for replay."""

import json
from datetime import timedelta
from itertools import pairwise
from typing import Any
from uuid import uuid4

import pytest
from sqlmodel import col
from temporalio.client import WorkflowFailureError, WorkflowHandle

from activities.journey import JourneyActivities
from activities.journeys.steps import Steps
from flows.outcome import Reason, Status
from store.flows import FlowStatus
from store.journeys import EventRow
from store.people import Person
from tests.support.histories import keep
from tests.support.waiting import eventually
from tests.support.world import World, mail, wait
from workflows.contract import RecordAction

DAY = timedelta(days=1)


async def test_a_welcome_of_thirty_days(world: World) -> None:
    """Thirty days in seconds: mails in order, nothing before its day."""
    flow = await world.flow(
        "welcome",
        mail("hello"),
        wait("three", "3 days"),
        mail("tips"),
        {"id": "reaction", "kind": "wait_for_action", "actions": [{"event": "order.placed"}], "within": "7 days"},
        {
            "id": "size",
            "kind": "split",
            "branches": [
                {
                    "name": "Norway",
                    "when": {"field": "person.country", "op": "is", "value": "NO"},
                    "steps": [mail("norsk")],
                }
            ],
            "everyone_else": {"steps": []},
        },
        wait("twenty", "20 days"),
        mail("bye"),
        {"id": "tag", "kind": "update_person", "set": {"person.category": "welcomed"}},
    )
    participant = await world.enrol(flow, await world.person(country="NO"))
    await world.until(participant, step="three")
    assert world.inbox.subjects == ["hello"]
    await world.forward(flow, participant, 4 * DAY)
    assert world.inbox.subjects == ["hello", "tips"]
    await world.forward(flow, participant, 7 * DAY)
    assert world.inbox.subjects == ["hello", "tips", "norsk"]
    await world.forward(flow, participant, 18 * DAY)
    assert world.inbox.subjects == ["hello", "tips", "norsk"]
    await world.forward(flow, participant)
    assert world.inbox.subjects == ["hello", "tips", "norsk", "bye"]
    assert (await world.participant(participant)).status is Status.FINISHED
    await keep(world.journey(flow, participant), "welcome")


async def test_the_reference_journey_takes_fewer_events_than_a_hand_written_one(world: World) -> None:
    """Three actions and a wait: three activities and a timer take 28 events; what is done in our store is local."""
    tag = {"id": "tag", "kind": "update_person", "set": {"person.category": "x"}}
    flow = await world.flow("reference", mail("one"), wait("second", "1 second"), mail("two"), tag)
    participant = await world.enrol(flow)
    await world.journey(flow, participant).result()
    history = await keep(world.journey(flow, participant), "local")
    hand_written = 28
    assert len(history.events) < hand_written
    description = (await world.journey(flow, participant).describe()).raw_description
    assert description.workflow_execution_info.history_size_bytes < 16_384


async def test_a_local_step_that_fails_is_done_as_a_common_one(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """SAFE_1: once, whatever became of the local try. Here it did the step and its answer was lost."""
    enter = Steps.enter

    def lost(*given: Any, **more: Any) -> Any:
        answer = enter(*given, **more)
        if more["in_store"]:
            given[1].commit()
            raise OSError("the store is away")
        return answer

    monkeypatch.setattr(Steps, "enter", lost)
    score = {"id": "score", "kind": "update_person", "increase": {"person.custom.score": 1}}
    flow = await world.flow("fallback", score)
    person = await world.person()
    participant = await world.enrol(flow, person)
    await world.journey(flow, participant).result()
    assert (await world.db.read(lambda session: session.get_one(Person, person))).custom == {"score": 1}
    assert [event for _, event in await world.journal(participant)] == ["enrolled", "done", "left"]
    await keep(world.journey(flow, participant), "local-lost")


async def test_pause_and_resume_of_one_participant_by_signal(world: World) -> None:
    """PART_4: as an operator does in the Temporal UI."""
    flow = await world.flow("one", mail("first"), wait("rest", "2 days"), mail("second"))
    participant = await world.enrol(flow)
    await world.until(participant, step="rest")
    handle = world.journey(flow, participant)
    await handle.signal("pause")
    await world.until(participant, holding=True)
    await world.forward(flow, participant, 5 * DAY)
    assert world.inbox.subjects == ["first"]
    await handle.signal("resume")
    await world.until(participant, status=Status.FINISHED)
    assert world.inbox.subjects == ["first", "second"]
    await keep(handle, "paused-by-signal")


async def test_cancel_by_signal(world: World) -> None:
    flow = await world.flow("signal", wait("rest", "2 days"), mail("never"))
    participant = await world.enrol(flow)
    handle = world.journey(flow, participant)
    await handle.signal("cancel")
    assert (await handle.result())["reason"] == Reason.BY_HAND
    assert (await world.participant(participant)).status is Status.CANCELLED
    await keep(handle, "cancelled-by-signal")


async def test_cancelling_the_workflow_is_cancelling_the_participation(world: World) -> None:
    flow = await world.flow("cancel", mail("first"), wait("rest", "2 days"), mail("never"))
    participant = await world.enrol(flow)
    await world.until(participant, step="rest")
    handle = world.journey(flow, participant)
    await handle.cancel()
    with pytest.raises(WorkflowFailureError):
        await handle.result()
    row = await world.participant(participant)
    assert (row.status, row.reason) == (Status.CANCELLED, Reason.BY_HAND)
    assert world.inbox.subjects == ["first"]
    await keep(handle, "cancelled-in-temporal")


async def test_PART_4_a_cancel_while_the_store_is_asked_is_a_cancel(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The store is away when a signal comes, and then somebody cancels in the Temporal UI: it hears of both."""
    hear, away = JourneyActivities._hear, True
    asked: list[Any] = []

    def answer(*given: Any) -> Any:
        asked.append(given)
        if away:
            raise OSError("the store is away")
        return hear(*given)

    async def heard() -> bool:
        return bool(asked)

    monkeypatch.setattr(JourneyActivities, "_hear", answer)
    flow = await world.flow("cancel", wait("rest", "2 days"), mail("never"))
    participant = await world.enrol(flow)
    await world.until(participant, step="rest")
    handle = world.journey(flow, participant)
    await handle.signal("pause")
    await eventually(heard)
    await handle.cancel()
    away = False
    row = await world.stored.until(participant, status=Status.CANCELLED)
    assert (row.reason, row.held) == (Reason.BY_HAND, ["paused"])
    with pytest.raises(WorkflowFailureError):
        await handle.result()


async def test_an_action_that_a_backend_signals_ends_the_wait(world: World) -> None:
    """The same action signalled twice counts once."""
    flow = await world.flow(
        "action",
        mail("first"),
        {"id": "reaction", "kind": "wait_for_action", "actions": [{"event": "order.placed"}], "otherwise": "exit"},
        mail("thanks"),
    )
    participant = await world.enrol(flow)
    await world.until(participant, step="reaction")
    handle = world.journey(flow, participant)
    for _ in range(2):
        await handle.signal("record_action", RecordAction(id="a1", type="order.placed"))
    await handle.result()
    assert world.inbox.subjects == ["first", "thanks"]
    await keep(handle, "action-signalled")


async def test_what_is_signalled_wrongly_by_hand_stops_nobody(world: World) -> None:
    """Too much, or too little: a signal that asks for nothing is heard, an action that says nothing is passed over."""
    flow = await world.flow("hand", wait("rest", "2 days"), mail("thanks"))
    participant = await world.enrol(flow)
    await world.until(participant, step="rest")
    journey, life = world.journey(flow, participant), world.life(flow)
    for handle, name, given in (
        (journey, "record_action", []),
        (journey, "record_action", [None]),
        (journey, "record_action", ["order.placed"]),
        (journey, "record_action", [RecordAction(id="a1", type="order.placed"), "twice"]),
        (journey, "record_action", [{"id": "a2", "type": "order.placed", "time": "2026-03-01T10:00:00"}]),
        (journey, "record_action", [{"id": "a\0", "type": "no such thing"}]),
        (journey, "record_action", [{"id": "a" * 5000, "type": "", "time": "9999-12-31T23:59:59Z"}]),
        (journey, "replan", [{}]),
        (life, "changed", [None]),
        (life, "pause", [{"why": "a mistake"}]),
    ):
        await handle.signal(name, args=given)
    await eventually(lambda: world.state(flow), lambda row: row.status is FlowStatus.PAUSED)
    await life.signal("resume", None)
    await eventually(lambda: world.state(flow), lambda row: row.status is FlowStatus.RUNNING)
    assert await world.stored.count(EventRow, col(EventRow.type) == "no such thing") == 0
    await journey.signal("pause", {})
    await world.until(participant, holding=True)
    await journey.signal("resume", "please")
    await world.until(participant, holding=False)
    await journey.signal("cancel", True)
    await eventually(lambda: world.participant(participant), lambda row: row.reason is Reason.BY_HAND)


async def test_a_signal_before_the_first_task_is_heard(world: World) -> None:
    """The start and the signal reach the server before any worker does."""
    flow = await world.flow("early", mail("first"))
    participant = await world.enrol(flow)
    await world.journey(flow, participant).signal("replan")
    await world.journey(flow, participant).result()
    await keep(world.journey(flow, participant), "early-signal")


async def test_a_flow_paused_and_resumed(world: World) -> None:
    flow = await world.flow("flow", mail("first"), wait("rest", "2 days"), mail("second"))
    participant = await world.enrol(flow)
    await world.until(participant, step="rest")
    await world.command(flow, "pause")
    await world.forward(flow, participant, 3 * DAY)
    await world.until(participant, holding=True)
    await world.command(flow, "resume")
    await world.until(participant, status=Status.FINISHED)
    await keep(world.journey(flow, participant), "flow-paused")
    await world.command(flow, "end")
    await world.life(flow).result()
    await keep(world.life(flow), "flow-life")


async def test_a_mail_server_that_refuses_for_a_while_is_tried_again(world: World) -> None:
    """STEP_1, SAFE_2: nothing was handed over, so it is tried again until it is."""
    flow = await world.flow("retry", mail("first"))
    world.inbox.answer = "451 come back later"
    participant = await world.enrol(flow)

    async def failed() -> bool:
        return any(effect.tries >= 1 and effect.error for effect in await world.effects(participant))

    await eventually(failed)
    world.inbox.answer = "250 OK"
    await world.forward(flow, participant)
    assert world.inbox.subjects == ["first"]
    await keep(world.journey(flow, participant), "retried")


async def test_a_mail_server_that_is_away_for_hours_costs_waits_not_attempts(world: World) -> None:
    """After Temporal's own tries the journey waits, longer each time, and goes on when the server is back (SAFE_2)."""
    flow = await world.flow("away", mail("first"))
    world.inbox.answer = "451 come back later"
    participant = await world.enrol(flow)
    await world.forward(flow, participant, timedelta(hours=5))
    assert (await world.participant(participant)).status is Status.ACTIVE
    assert len((await world.journey(flow, participant).fetch_history()).events) < 200
    waits = [line.at for line in await world.lines(participant) if line.event == "waiting"]
    wanted = [timedelta(minutes=minutes) for minutes in (1, 2, 4, 8, 16, 32, *[60] * (len(waits) - 7))]
    pauses = [later - at for at, later in pairwise(waits)]
    assert len(pauses) > 6
    assert all(wait <= pause < wait + timedelta(minutes=1) for wait, pause in zip(wanted, pauses, strict=True))
    world.inbox.answer = "250 OK"
    await world.forward(flow, participant)
    assert world.inbox.subjects == ["first"]
    await keep(world.journey(flow, participant), "away-for-hours")


async def test_after_a_day_a_person_has_to_look(world: World) -> None:
    """SAFE_3: held alone, in the attention list, with the reason."""
    flow = await world.flow("hold", mail("first"))
    world.inbox.answer = "451 come back later"
    participant = await world.enrol(flow)
    await world.forward(flow, participant, timedelta(hours=30))
    row = await world.until(participant, holding=True)
    assert row.held == ["failing"]
    await world.journey(flow, participant).terminate()
    await keep(world.journey(flow, participant), "failing")


async def test_a_long_history_goes_on_as_a_new_one(world: World) -> None:
    """Hundreds of signals during one wait: continued as new, and none of them lost."""
    flow = await world.flow("long", wait("rest", "2 days"), mail("after"))
    participant = await world.enrol(flow)
    handle = world.journey(flow, participant)
    first = (await handle.describe()).run_id
    await world.stored.until(participant, step="rest", started=True)

    async def continued() -> bool:
        await handle.signal("replan")
        return (await handle.describe()).run_id != first

    await eventually(continued, seconds=60)
    run: WorkflowHandle[object, object] = world.client.get_workflow_handle(handle.id, run_id=first)
    await keep(run, "continued-as-new")
    await world.forward(flow, participant)
    assert world.inbox.subjects == ["after"]


async def test_histories_hold_ids_only(world: World) -> None:
    """SAFE_4: no name, address or text of a person or mail, in payloads or failures."""
    marker = uuid4().hex
    await world.content("mail", subject=marker, html=f"<p>{marker} {{{{ person.first_name }}}}</p>", text=marker)
    flow = await world.flow(
        "ids",
        mail("first", subject=f"{marker} {{{{ person.last_name }}}}"),
        {"id": "reaction", "kind": "wait_for_action", "actions": [{"event": "order.placed"}]},
        mail("second"),
    )
    person = await world.person(
        first_name=marker, last_name=marker, email=f"{marker}@x.example", custom={"secret": marker}
    )
    world.inbox.answer = f"451 not now, {marker}"
    participant = await world.enrol(flow, person, event={"note": marker})

    async def failed() -> bool:
        return any(marker in effect.error for effect in await world.effects(participant))

    await eventually(failed)
    world.inbox.answer = "250 OK"
    await world.forward(flow, participant, 2 * DAY)
    at = await world.env.get_current_time(world.journey(flow, participant))
    await world.happens("order.placed", person, at, note=marker)
    await world.until(participant, status=Status.FINISHED)
    description = await world.journey(flow, participant).describe()
    history = (await world.journey(flow, participant).fetch_history()).to_json()
    assert marker not in history
    assert marker not in json.dumps([str(description.raw_description), description.id])
