"""STEP_22: what the step asks for, and what is found wrong before a flow runs."""

from typing import Any

import pytest

from flows.catalog import GivenCatalog
from flows.ports import CallWebhook
from flows.steps.base import Do, Fail
from tests.flows.steps.arrival import MONDAY, flow_with, standing

CATALOG = GivenCatalog(ids={"endpoint": ["erp"]})


def problems(**step: Any) -> list[tuple[Any, ...]]:
    flow = flow_with({"id": "c", "kind": "call_webhook", **step})
    return [problem.where for problem in flow.steps[0].problems(flow, CATALOG)]


def test_STEP_22_the_request_holds_what_the_step_names() -> None:
    step = {"endpoint": "erp", "data": {"name": "{{ person.first_name }} in {{ flow.id }}", "n": 1}, "keep": ["score"]}
    flow = flow_with({"id": "c", "kind": "call_webhook", **step})
    assert flow.steps[0].summary() == "Call webhook erp"
    move = flow.steps[0].enter(flow, standing())
    assert isinstance(move, Do)
    assert move.text == "Called erp"
    assert move.request == CallWebhook(
        "erp", "f", "c", "participant-1", "p1", MONDAY, {"name": "Åse in f", "n": 1}, {"score": "score"}
    )


def test_a_merge_tag_that_cannot_be_filled_fails_the_step() -> None:
    flow = flow_with({"id": "c", "kind": "call_webhook", "endpoint": "erp", "data": {"x": "{{ 1 | divided_by: 0 }}"}})
    assert isinstance(flow.steps[0].enter(flow, standing()), Fail)


def test_STEP_22_problems_before_the_flow_runs() -> None:
    assert problems(endpoint="erp", data={"a": "{{ person.email }}"}, keep={"a_1": "b.c"}) == []
    assert problems() == [("endpoint",)]
    assert problems(endpoint="erq") == [("endpoint",)]
    assert problems(endpoint="erp", data={"a": "{{ person.frist_name }}"}) == [("data", "a")]
    assert problems(endpoint="erp", keep={"id": "x", "a-b": "x", "c": "x..y"}) == [
        ("keep", "id"), ("keep", "a-b"), ("keep", "c"),
    ]  # fmt: skip


@pytest.mark.parametrize("keep", ["score", {"score": 1}, [1]])
def test_keep_is_a_list_or_names_with_paths(keep: Any) -> None:
    with pytest.raises(ValueError, match="keep"):
        flow_with({"id": "c", "kind": "call_webhook", "endpoint": "erp", "keep": keep})
