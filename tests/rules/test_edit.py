"""EDIT: changing a flow that has people in it, seen by its participants."""

import threading
from datetime import timedelta
from typing import Any

import pytest
from temporalio.api.enums.v1 import EventType
from temporalio.client import WorkflowHandle

from flows.outcome import Reason, Status
from store.flows import FlowStatus
from tests.rules.given import closed_now, ended, left, resting, steps_passed
from tests.support.running import Running
from tests.support.waiting import eventually
from tests.support.world import Refused, World, mail, now, taken, wait

DAY = timedelta(days=1)
OPEN = {"edit_while_running": True, "guard_occupied_steps": False}


async def running(world: World, name: str, *steps: dict[str, Any], **settings: Any) -> str:
    """A flow that runs, may be edited while it does, and guards nothing."""
    return await world.flow(name, *steps, settings={**OPEN, **settings.pop("settings", {})}, **settings)


async def edit(world: World, name: str, *steps: dict[str, Any], **settings: Any) -> None:
    """Edit such a flow; returns when whoever is concerned has been told."""
    flow = world.definition(name, *steps, settings={**OPEN, **settings.pop("settings", {})}, **settings)
    await world.edit(flow)
    await world.settled(flow.id)


async def signals(handle: WorkflowHandle[Any, Any]) -> int:
    """How many signals a journey has got."""
    signal = EventType.EVENT_TYPE_WORKFLOW_EXECUTION_SIGNALED
    return sum([event.event_type == signal async for event in handle.fetch_history_events()])


async def test_EDIT_2_the_current_version_decides_whether_a_running_flow_is_edited(world: World) -> None:
    flow = await world.flow("strict", mail("hello"))
    with pytest.raises(Refused) as refused:
        await world.edit(world.definition("strict", mail("hello"), settings={"edit_while_running": True}))
    assert (refused.value.status, refused.value.problem["flow_status"]) == (409, "running")
    assert (await world.state(flow)).version == 1
    await world.command(flow, "pause")
    await world.edit(world.definition("strict", mail("hello"), settings={"edit_while_running": True}))
    await world.command(flow, "run")
    await world.edit(world.definition("strict", mail("hello"), mail("second")))
    row = await world.state(flow)
    assert (row.version, row.status) == (3, FlowStatus.RUNNING)
    with pytest.raises(Refused):
        await world.edit(world.definition("strict", mail("hello")))


async def test_EDIT_3_inserted_before_is_not_done_and_inserted_after_is(world: World) -> None:
    flow = await running(world, "insert", mail("a"), wait("rest", "3 days"), mail("b"))
    participant = await world.enrol(flow)
    await resting(world, participant, "rest")
    inserted = [mail("new-1"), mail("a"), mail("new-2"), wait("rest", "3 days"), mail("new-3"), mail("b")]
    await edit(world, "insert", *inserted)
    assert await ended(world, flow, participant) is Reason.COMPLETED
    assert await steps_passed(world, participant) == ["a", "rest", "new-3", "b"]


async def test_EDIT_3_a_done_step_that_is_moved_ahead_is_never_done_again(world: World) -> None:
    """And whoever stands in a moved step goes on from its new place."""
    flow = await running(world, "moved", mail("a"), wait("rest", "3 days"), mail("b"), mail("c"))
    participant = await world.enrol(flow)
    await resting(world, participant, "rest")
    await edit(world, "moved", mail("b"), wait("rest", "3 days"), mail("c"), mail("a"))
    assert await ended(world, flow, participant) is Reason.COMPLETED
    assert await steps_passed(world, participant) == ["a", "rest", "c"]


async def test_EDIT_3_out_of_a_branch_and_off_a_removed_branch(world: World) -> None:
    def split(*steps: dict[str, Any]) -> dict[str, Any]:
        everyone = {"name": "all", "share": "100 percent", "steps": list(steps)}
        return {"id": "split", "kind": "split", "branches": [everyone]}

    flow = await running(world, "branch", split(wait("rest", "3 days"), mail("b")), mail("c"))
    out, off = await world.enrol(flow), await world.enrol(flow)
    await resting(world, out, "rest")
    await resting(world, off, "rest")
    await edit(world, "branch", split(mail("b")), mail("c"), wait("rest", "3 days"), mail("d"))
    assert (await world.participant(out)).step == "rest"
    assert await ended(world, flow, out) is Reason.COMPLETED
    assert await steps_passed(world, out) == ["split", "rest", "d"]
    await edit(world, "branch", mail("d"))
    await left(world, off)
    assert await steps_passed(world, off) == ["split", "d"]


async def test_EDIT_3_the_queued_begin_with_the_flow_as_it_is_when_they_enter(world: World) -> None:
    """They queue before the first step, so what is put before it is done by them."""
    flow = await running(world, "queued", mail("a"))
    await world.command(flow, "pause")
    participant = await world.enrol(flow)
    await world.edit(world.definition("queued", mail("new"), mail("a")))
    await world.command(flow, "run")
    assert await left(world, participant) is Reason.COMPLETED
    assert await steps_passed(world, participant) == ["new", "a"]


async def test_EDIT_4_longer_and_shorter_waits_count_from_when_they_began(world: World) -> None:
    flow = await running(world, "length", mail("a"), wait("rest", "10 days"), mail("b"))
    first, second = await world.enrol(flow), await world.enrol(flow)
    began = (await resting(world, first, "rest")).since
    await resting(world, second, "rest")
    await world.forward(flow, second, 6 * DAY)
    await edit(world, "length", mail("a"), wait("rest", "5 days"), mail("b"))
    assert await left(world, second) is Reason.COMPLETED
    row = await world.stored.until(first, until=began + 5 * DAY)
    assert (row.status, row.since) == (Status.ACTIVE, began)
    await edit(world, "length", mail("a"), wait("rest", "12 days"), mail("b"))
    await world.stored.until(first, until=began + 12 * DAY)
    await world.forward(flow, first, 11 * DAY)
    assert (await world.participant(first)).step == "rest"
    assert await ended(world, flow, first) is Reason.COMPLETED


async def test_EDIT_5_a_removed_wait_ends_at_once_and_the_journal_says_so(world: World) -> None:
    flow = await running(world, "removed", mail("a"), wait("rest", "30 days"), mail("b"))
    participant = await world.enrol(flow)
    await resting(world, participant, "rest")
    await edit(world, "removed", mail("a"), mail("b"))
    assert await left(world, participant) is Reason.COMPLETED
    assert ("rest", "edited") in await world.journal(participant)
    assert await steps_passed(world, participant) == ["a", "b"]


async def test_EDIT_5_another_kind_under_the_same_id_is_removed_and_added(world: World) -> None:
    """The new wait begins when they come to it, not when they came to the old one."""
    flow = await running(world, "kind", mail("a"), wait("rest", "30 days"), mail("b"))
    participant = await world.enrol(flow)
    await resting(world, participant, "rest")
    await world.forward(flow, participant, 8 * DAY)
    action = {"id": "rest", "kind": "wait_for_action", "actions": [{"event": "order.placed"}], "within": "7 days"}
    await edit(world, "kind", mail("a"), action, mail("b"))
    row = await world.until(participant, awaits=["order.placed"])
    assert row.until is not None
    assert row.until - row.since == 7 * DAY
    assert ("rest", "edited") in await world.journal(participant)
    await edit(world, "kind", mail("a"), mail("rest"), mail("b"))
    assert await left(world, participant) is Reason.COMPLETED
    assert await steps_passed(world, participant) == ["a", "rest", "b"]
    assert world.inbox.subjects == ["a", "rest", "b"]


async def test_EDIT_5_a_removed_action_with_a_planned_time_lets_go_only_then(world: World) -> None:
    window = {"from": "hello@fjord.example", "reply_to": "same_as_from", "window": closed_now()}
    await world.selection("s")
    flow = await running(world, "planned", mail("a"), {"id": "b", "kind": "add_to", "selection": "s"}, email=window)
    participant = await world.enrol(flow)
    planned = (await resting(world, participant, "a")).until
    await edit(world, "planned", {"id": "b", "kind": "add_to", "selection": "s"}, email=window)
    row = await eventually(lambda: world.participant(participant), lambda row: row.version == 2)
    assert (row.step, row.until, row.status) == ("a", planned, Status.ACTIVE)
    await edit(world, "planned", {"id": "b", "kind": "add_to", "selection": "s"}, mail("c"), email=window)
    assert (await world.participant(participant)).step == "a"
    await world.forward(flow, participant, timedelta(hours=5))
    row = await eventually(lambda: world.participant(participant), lambda row: row.step != "a")
    assert world.inbox.mails == [] or world.inbox.subjects == ["c"]
    assert row.passed[:1] == ["b"]


async def test_EDIT_5_a_planned_time_is_waited_for_also_where_another_kind_has_the_id(world: World) -> None:
    """Whatever wakes them meanwhile."""
    window = {"from": "hello@fjord.example", "reply_to": "same_as_from", "window": closed_now()}
    flow = await running(world, "changed", mail("a"), mail("b"), email=window)
    participant = await world.enrol(flow)
    planned = (await resting(world, participant, "a")).until
    await edit(world, "changed", wait("a", "1 second"), mail("b"), email=window)
    await eventually(lambda: world.stored.participant(participant), lambda row: row.plan["version"] == 2)
    for given in ("pause", "resume"):
        taken(await world.api.post(f"/v1/participants/{participant}/{given}"))
    await eventually(lambda: world.stored.participant(participant), lambda row: not row.holding and row.wake is None)
    row = await world.participant(participant)
    assert (row.step, row.until, row.status) == ("a", planned, Status.ACTIVE)
    await world.forward(flow, participant, timedelta(hours=5))
    await eventually(lambda: world.participant(participant), lambda row: row.passed[:1] == ["a"])


async def test_EDIT_5_a_removed_action_of_certain_weekdays_lets_go_only_on_them(world: World) -> None:
    tomorrow = f"{now() + DAY:%a}".lower()
    flow = await running(world, "weekday", mail("a", only_on=[tomorrow]), mail("b"))
    await world.command(flow, "pause")
    participant = await world.enrol(flow)
    await world.command(flow, "run")
    planned = (await resting(world, participant, "a")).until
    await edit(world, "weekday", mail("b"))
    row = await eventually(lambda: world.participant(participant), lambda row: row.version == 2)
    assert (row.step, row.until) == ("a", planned)
    assert await ended(world, flow, participant) is Reason.COMPLETED
    assert world.inbox.subjects == ["b"]


async def test_EDIT_5_another_window_plans_those_afresh_who_wait_for_it(world: World) -> None:
    window = {"from": "hello@fjord.example", "reply_to": "same_as_from", "window": closed_now()}
    flow = await running(world, "window", mail("a"), email=window)
    participant = await world.enrol(flow)
    await resting(world, participant, "a")
    await edit(world, "window", mail("a"))
    assert await left(world, participant) is Reason.COMPLETED
    assert world.inbox.subjects == ["a"]


async def test_EDIT_only_who_stands_in_a_touched_step_is_signalled(world: World) -> None:
    """EDIT_5: one waits in the edited step, one behind it; what follows an untouched wait concerns nobody there."""
    flow = await running(world, "touched", wait("one", "10 days"), wait("two", "10 days"), mail("a"))
    ahead, behind = await world.enrol(flow), await world.enrol(flow)
    await resting(world, ahead, "one")
    await world.forward(flow, ahead, 11 * DAY)
    await resting(world, ahead, "two")
    await resting(world, behind, "one")
    await edit(world, "touched", wait("one", "20 days"), wait("two", "10 days"), mail("new"), mail("a"))
    await eventually(lambda: world.participant(behind), lambda row: row.version == 2)
    assert await signals(world.journey(flow, behind)) == 1
    assert await signals(world.journey(flow, ahead)) == 0
    assert await ended(world, flow, ahead) is Reason.COMPLETED
    assert await steps_passed(world, ahead) == ["one", "two", "new", "a"]


@pytest.mark.parametrize("instead", ["another", "moved", "nothing"])
async def test_EDIT_5_a_step_that_is_removed_while_it_acts(ferd: Running, instead: str) -> None:
    """EDIT_3, EDIT_5, PART_6: what had begun is recorded and counted; on to what is there now, or below its place."""
    world, answered = ferd.world, threading.Event()
    steps = {
        "another": [mail("new"), mail("bye")],
        "moved": [mail("bye"), mail("hello")],
        "nothing": [],
    }
    flow = await running(world, "acting", mail("hello"), mail("bye"))
    person = await world.person(email="busy@x.example")
    world.inbox.slow["busy@x.example"] = answered
    participant = await world.enrol(flow, person)

    async def acts() -> bool:
        return bool(world.inbox.mails)

    await eventually(acts)
    await edit(world, "acting", *steps[instead] or [wait("rest", "1 minute")])
    answered.set()
    await ended(world, flow, participant)
    read = await ferd.get(f"/participants/{participant}")
    assert (read["status"], read["reason"]) == ("finished", "completed")
    assert ("hello", "done") in [(line["step"], line["event"]) for line in read["journal"]]
    sent = {"another": ["hello", "new", "bye"], "moved": ["hello"], "nothing": ["hello"]}
    assert world.inbox.subjects == sent[instead]
    passed = (await world.participant(participant)).passed
    assert sorted(passed) == sorted({*sent[instead], *(() if steps[instead] else ("rest",))})
    assert (await ferd.post(f"/flows/{flow}/recount"))["mended"] == []
