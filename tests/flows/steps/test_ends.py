"""STEP_16, STEP_17: the ways out; and the kinds that this version does not have."""

from flows.outcome import HandOver, Reason, Status
from flows.steps.base import Fail, Leave
from tests.flows.steps.arrival import flow_with, standing


def test_STEP_16_exit_drops_out_and_may_hand_over() -> None:
    flow = flow_with(
        {"id": "x", "kind": "exit", "add_to_flow": "win-back", "add_to_selection": "cold", "reason": "Not interested"}
    )
    move = flow.steps[0].enter(flow, standing())

    assert isinstance(move, Leave)
    assert move.reason is Reason.EXIT
    assert move.reason.status is Status.DROPPED_OUT
    assert move.text == "Not interested"
    assert move.hand_over == HandOver(add_to_flow="win-back", add_to_selection="cold")


def test_STEP_17_finish_has_a_hand_over_for_each_of_the_two() -> None:
    flow = flow_with(
        {"id": "x", "kind": "finish", "success": {"add_to_flow": "loyalty"}, "no_success": {"add_to_flow": "win-back"}}
    )
    move = flow.steps[0].enter(flow, standing())

    assert isinstance(move, Leave)
    assert move.reason is Reason.COMPLETED
    assert move.on_success == HandOver(add_to_flow="loyalty")
    assert move.hand_over == HandOver(add_to_flow="win-back")


def test_a_kind_that_is_not_available_is_kept_whole_and_fails() -> None:
    step = {"id": "x", "kind": "create_follow_up", "title": "Call", "meeting": {"first_free_after": "2 workdays"}}
    flow = flow_with(step)

    assert flow.model_dump(mode="json", exclude_defaults=True)["steps"] == [step]
    assert isinstance(flow.steps[0].enter(flow, standing()), Fail)
