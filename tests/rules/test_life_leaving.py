"""LIFE_6 to LIFE_9: off, close, stop, delete, seen by those inside."""

from typing import Any

import pytest
from sqlmodel import col, select

from flows.outcome import Reason, Refusal, Status
from store.flows import FlowStatus
from store.journeys import ParticipantRow
from tests.rules.given import DAY, is_member, resting, when
from tests.support.running import problem, running
from tests.support.waiting import eventually
from tests.support.world import Refused, World, mail, taken, wait


def becoming(status: FlowStatus) -> Any:
    """For `eventually`: the flow's row says so."""
    return lambda row: row.status is status


# --- off ---------------------------------------------------------------------------------------------------------


async def test_LIFE_9_off_skips_every_action_and_goes_on_through_the_rest(world: World) -> None:
    """Mail, update and membership are skipped and journalled; waits, splits and the finish are passed."""
    await world.selection("seen")
    flow = await world.flow(
        "off",
        mail("first"),
        wait("rest", "3 days"),
        mail("second"),
        {"id": "tag", "kind": "update_person", "set": {"person.category": "customer"}},
        {"id": "list", "kind": "add_to", "selection": "seen"},
        {
            "id": "fork",
            "kind": "split",
            "branches": [{"name": "Norway", "when": when("person.country", "NO"), "steps": [mail("third")]}],
            "everyone_else": {"steps": []},
        },
    )
    person = await world.person(country="NO")
    participant = await world.enrol(flow, person)
    await resting(world, participant, "rest")
    await world.command(flow, "off")
    assert await world.propose(flow, await world.person()) is Refusal.FLOW_NOT_OPEN
    await world.forward(flow, participant)
    assert (await world.until(participant, status=Status.FINISHED)).reason is Reason.COMPLETED
    assert world.inbox.subjects == ["first"]
    assert not await is_member(world, person, "seen")
    skipped = [step for step, event in await world.journal(participant) if event == "skipped"]
    assert skipped == ["second", "tag", "list", "third"]
    assert ("fork", "branch") in await world.journal(participant)


async def test_LIFE_9_off_skips_the_hand_overs_of_exit_and_finish(world: World) -> None:
    await world.selection("left")
    await world.selection("done")
    other = await world.flow("other", wait("rest", "1 day"))
    to = {"add_to_flow": other}
    steps = [
        wait("rest", "3 days"),
        {
            "id": "fork",
            "kind": "split",
            "branches": [{"name": "Norway", "when": when("person.country", "NO"), "steps": []}],
            "everyone_else": {"exit": {"add_to_selection": "left", **to}},
        },
        {"id": "end", "kind": "finish", "no_success": {"add_to_selection": "done", **to}},
    ]
    flow = await world.flow("off", *steps)
    people = [await world.person(country=country) for country in ("NO", "DK")]
    participants = [await world.enrol(flow, person) for person in people]
    for participant in participants:
        await resting(world, participant, "rest")
    await world.command(flow, "off")
    for participant, person in zip(participants, people, strict=True):
        await world.forward(flow, participant)
        await eventually(lambda: world.participant(participant), lambda row: not row.status.inside)  # noqa: B023
        assert not await is_member(world, person, "left")
        assert not await is_member(world, person, "done")
        assert "handed over to nobody: the flow is off" in [line.text for line in await world.lines(participant)]
    assert await world.participants(other) == []


async def test_LIFE_9_run_switches_it_on_again_for_those_still_inside(world: World) -> None:
    flow = await world.flow("on", mail("first"), wait("rest", "3 days"), mail("second"))
    participant = await world.enrol(flow)
    await resting(world, participant, "rest")
    await world.command(flow, "off")
    await world.command(flow, "run")
    await world.forward(flow, participant)
    assert world.inbox.subjects == ["first", "second"]


# --- close -------------------------------------------------------------------------------------------------------


async def test_LIFE_7_closed_lets_those_inside_go_on_and_is_finished_when_the_last_has_left(world: World) -> None:
    flow = await world.flow(
        "close", mail("first"), wait("rest", "3 days"), mail("second"), enrolment={"triggers": [{"event": "a.b"}]}
    )
    early, late = await world.enrol(flow), await world.enrol(flow)
    for participant in (early, late):
        await resting(world, participant, "rest")
    assert (await world.command(flow, "close")).status is FlowStatus.CLOSED
    stranger = await world.person()
    await world.happens("a.b", stranger)
    assert await world.propose(flow, stranger) is Refusal.FLOW_NOT_OPEN
    assert len(await world.participants(flow)) == 2
    await world.forward(flow, early)
    await world.settled(flow)
    assert (await world.state(flow)).status is FlowStatus.CLOSED
    await world.forward(flow, late)
    await eventually(lambda: world.state(flow), becoming(FlowStatus.FINISHED))
    assert world.inbox.subjects == ["first", "first", "second", "second"]
    assert (await world.life(flow).result())["status"] == "finished"
    with pytest.raises(Refused, match="409"):
        await world.command(flow, "run")
    with pytest.raises(Refused, match="409"):
        taken(await world.api.delete(f"/v1/flows/{flow}"))


async def test_LIFE_7_closed_with_nobody_inside_is_finished_at_once(world: World) -> None:
    flow = await world.flow("empty", mail("first"))
    await world.command(flow, "close")
    await eventually(lambda: world.state(flow), becoming(FlowStatus.FINISHED))


async def test_LIFE_7_closed_from_paused_releases_the_held_and_the_queued(world: World) -> None:
    flow = await world.flow("release", mail("first"), wait("rest", "1 day"), mail("second"))
    held = await world.enrol(flow)
    await resting(world, held, "rest")
    await world.command(flow, "pause")
    await world.forward(flow, held, 2 * DAY)
    await world.until(held, holding=True)
    queued = await world.enrol(flow)
    await world.command(flow, "close")
    await world.until(held, status=Status.FINISHED)
    await resting(world, queued, "rest")
    await world.forward(flow, queued)
    await eventually(lambda: world.state(flow), becoming(FlowStatus.FINISHED))


async def test_LIFE_7_the_sweep_finds_a_closed_flow_that_the_last_two_left_at_once(world: World) -> None:
    """Two who leave in the same moment each see the other inside: nobody says that it was the last."""
    flow = await world.flow("both", wait("rest", "3 days"))
    participant = await world.enrol(flow)
    await resting(world, participant, "rest")
    await world.command(flow, "close")
    await world.settled(flow)

    def leave(row: ParticipantRow) -> None:
        row.status = Status.FINISHED

    await world.db.write(
        lambda session: leave(
            session.scalars(select(ParticipantRow).where(col(ParticipantRow.id) == participant)).one()
        )
    )
    await world.core.sweep.once()
    await eventually(lambda: world.state(flow), becoming(FlowStatus.FINISHED))


# --- stop and delete ---------------------------------------------------------------------------------------------


async def test_LIFE_8_stop_cancels_everyone_where_they_are_for_good(world: World) -> None:
    flow = await world.flow("stop", mail("first"), wait("rest", "3 days"), mail("second"))
    waiting = await world.enrol(flow)
    await resting(world, waiting, "rest")
    await world.command(flow, "pause")
    queued = await world.enrol(flow)
    await world.command(flow, "stop")
    for participant in (waiting, queued):
        row = await world.stored.until(participant, status=Status.CANCELLED)
        assert row.reason is Reason.FLOW_STOPPED
    assert (await world.journey(flow, waiting).result())["reason"] == "flow_stopped"
    assert world.inbox.subjects == ["first"]
    with pytest.raises(Refused, match="409") as refused:
        await world.command(flow, "run")
    assert refused.value.problem["allowed"] == []


async def test_LIFE_6_delete_cancels_those_inside_and_keeps_what_was_sent(world: World) -> None:
    flow = await world.flow("delete", mail("first"), wait("rest", "3 days"), enrolment={"triggers": [{"event": "a.b"}]})
    person = await world.person()
    participant = await world.enrol(flow, person)
    await resting(world, participant, "rest")
    async with running(world) as ferd:
        await ferd.post(f"/flows/{flow}/pause")
        assert (await ferd.api.delete(f"/v1/flows/{flow}")).status_code == 204
        for call in (ferd.api.get, ferd.api.delete):
            problem(404, await call(f"/v1/flows/{flow}"))
        for command in ("run", "resume", "stop"):
            problem(404, await ferd.api.post(f"/v1/flows/{flow}/{command}"))
        problem(404, await ferd.api.post(f"/v1/flows/{flow}/participants", json={"person": person}))
        assert flow not in [each["id"] for each in (await ferd.get("/flows"))["items"]]
        [message] = (await ferd.get("/messages", person=person))["items"]
        assert (message["flow"], message["subject"]) == (flow, "first")
        row = await world.stored.until(participant, status=Status.CANCELLED)
        assert row.reason is Reason.FLOW_DELETED
        assert (await ferd.get(f"/participants/{participant}"))["reason"] == "flow_deleted"
    await world.happens("a.b", await world.person())
    assert await world.propose_by("hand_over", flow, await world.person()) is Refusal.FLOW_NOT_OPEN
    assert len(await world.all("participants", flow=flow)) == 1
    assert len(await world.messages(flow=flow)) == 1
    with pytest.raises(Refused, match="409"):
        await world.save(world.definition("delete", mail("first")))


async def test_LIFE_15_each_generation_keeps_the_reason_of_its_own_end(still_world: World) -> None:
    """Ended, run again, stopped: whoever was there before the end was ended, not stopped, and reads so at once."""
    world = still_world
    flow = await world.flow("ends", mail("first"))
    first = await world.enrol(flow)
    await world.command(flow, "end")
    await world.command(flow, "run")
    second = await world.enrol(flow)
    await world.command(flow, "stop")
    wanted = {first: "flow_ended", second: "flow_stopped"}
    async with running(world) as ferd:
        for participant, reason in wanted.items():
            shown = await ferd.get(f"/participants/{participant}")
            assert (shown["status"], shown["reason"]) == ("cancelled", reason)
    async with world.worker():
        for participant, reason in wanted.items():
            row = await world.stored.until(participant, status=Status.CANCELLED)
            assert row.reason is Reason(reason)
    assert world.inbox.mails == []


async def test_LIFE_9_members_added_while_off_do_not_come_in(world: World) -> None:
    """TRIG_2: an event that comes while the flow is off enrols nobody, also not later."""
    await world.selection("newcomers")
    triggers = [{"event": "added_to_selection", "selection": "newcomers"}]
    flow = await world.flow("triggers", mail("first"), enrolment={"triggers": triggers})
    await world.command(flow, "off")
    await world.join("selections/newcomers", await world.person())
    await world.command(flow, "run")
    await world.settled(flow)
    assert await world.participants(flow) == []
