"""PART_3, PART_8, PART_9, LIFE_7: who leaves while nothing moves leaves at once, and as what it was."""

from activities.desk.participants import Participants
from activities.dispatcher import FlowChanged
from flows.outcome import Reason, Status
from tests.support.running import Running, expect
from tests.support.world import World, now, wait


async def test_PART_3_deleted_during_a_pause_and_restored_before_its_end(still_ferd: Running) -> None:
    """It has left the flow all the same, and does not come back."""
    world = still_ferd.world
    flow = await world.flow("paused", wait("rest", "3 days"))
    person = await world.person()
    await world.command(flow, "pause")
    participant = await world.enrol(flow, person)
    expect(204, await still_ferd.api.delete(f"/v1/people/{person}"))
    expect(201, await still_ferd.api.put(f"/v1/people/{person}", json={"first_name": "Kari"}))
    seen = await still_ferd.get(f"/participants/{participant}")
    assert (seen["status"], seen["reason"]) == (Status.DROPPED_OUT, Reason.PERSON_DELETED)


async def test_PART_8_who_was_cancelled_with_its_flow_stays_cancelled_when_erased(still_ferd: Running) -> None:
    """LIFE_5, LIFE_15: also before a worker has seen to it."""
    world = still_ferd.world
    flow = await world.flow("ended", wait("rest", "3 days"))
    person = await world.person()
    participant = await world.enrol(flow, person)
    await world.command(flow, "end")
    expect(204, await still_ferd.api.post(f"/v1/people/{person}/erase"))
    seen = await still_ferd.get(f"/participants/{participant}")
    assert (seen["status"], seen["reason"]) == (Status.CANCELLED, Reason.FLOW_ENDED)


async def test_PART_9_two_who_were_cancelled_with_their_flow_are_merged(still_ferd: Running) -> None:
    """LIFE_15: also before a worker has seen to it."""
    world = still_ferd.world
    flow = await world.flow("ended", wait("rest", "3 days"))
    one, other = await world.person(), await world.person()
    participants = [await world.enrol(flow, person) for person in (one, other)]
    await world.command(flow, "end")
    await still_ferd.post(f"/people/{one}/merge", {"into": other})
    for participant in participants:
        seen = await still_ferd.get(f"/participants/{participant}")
        assert (seen["person"], seen["status"], seen["reason"]) == (other, Status.CANCELLED, Reason.FLOW_ENDED)


async def test_LIFE_7_a_closed_flow_is_finished_as_soon_as_its_last_participant_is_removed(still_world: World) -> None:
    """PART_4: the flow's workflow is told so at once, and not first by the sweep."""
    world = still_world
    flow = await world.flow("closed", wait("rest", "30 days"))
    participant = await world.enrol(flow)
    await world.command(flow, "close")
    participants = Participants(world.core.rules)
    _, asked = await world.core.dispatcher.commit(lambda session: participants.remove(session, participant, now()))
    assert FlowChanged(flow, "closed") in asked
    assert (await world.core.background.settle(flow, lambda _: None)).status == "finished"
