"""STEP_12: what the step asks for, and what is found wrong before a flow runs."""

from flows.catalog import GivenCatalog
from flows.ports import StartScript
from flows.steps.base import Do
from tests.flows.steps.arrival import flow_with, standing

CATALOG = GivenCatalog(ids={"script": ["score"]})


def test_STEP_12_the_request_holds_ids_and_what_the_step_names() -> None:
    step = {"id": "s", "kind": "run_script", "script": "score", "data": {"country": "{{ person.country }}"}}
    flow = flow_with(step)
    move = flow.steps[0].enter(flow, standing())
    assert isinstance(move, Do)
    assert move.request == StartScript("score", "f", "s", "participant-1", "p1", {"country": "NO"})
    assert (move.text, flow.steps[0].summary()) == ("Started script score", "Run script score")


def test_STEP_12_problems_before_the_flow_runs() -> None:
    for step, where in (
        ({"script": "score"}, []),
        ({}, [("script",)]),
        ({"script": "scoer"}, [("script",)]),
        ({"script": "score", "data": {"a": "{{ persona.x }}"}}, [("data", "a")]),
    ):
        flow = flow_with({"id": "s", "kind": "run_script", **step})
        assert [problem.where for problem in flow.steps[0].problems(flow, CATALOG)] == where
