"""A flow as values: its settings and defaults, its steps and their places."""

import pytest
from hypothesis import HealthCheck, given, settings
from pydantic import ValidationError

from flows.checks import problems
from flows.definition import Flow
from flows.senders import FixedSender, OwnerSender
from tests.flows.steps.arrival import flow_with
from tests.flows.strategies import CATALOG, flows

NESTED = flow_with(
    {"id": "a", "kind": "wait", "for": "1 day"},
    {
        "id": "b",
        "kind": "split",
        "branches": [
            {"name": "One", "when": {"member_of": "x"}, "steps": [{"id": "c", "kind": "exit"}]},
            {"name": "Two", "share": "5 percent", "steps": []},
        ],
        "everyone_else": {"steps": [{"id": "d", "kind": "finish"}]},
    },
    {
        "id": "e",
        "kind": "wait_for_action",
        "actions": [{"event": "email_opened"}],
        "branches": [{"name": "Opened", "action": 1, "steps": [{"id": "f", "kind": "finish"}]}],
    },
)


def test_what_is_not_said_is_as_the_contract_says() -> None:
    """CONTRACT.md names the defaults."""
    flow = Flow(id="a")

    assert flow.time_zone == "UTC"
    assert flow.settings.waits_during_pause == "keep"
    assert not flow.settings.edit_while_running
    assert flow.settings.guard_occupied_steps
    assert flow.email.consent == "not_withdrawn"
    assert flow.enrolment.once
    assert not flow.enrolment.stay_while_filter_holds
    assert flow.success is None
    assert flow.steps == []


def test_every_step_is_walked_with_its_place() -> None:
    assert {step.id: place for place, step in NESTED.walk()} == {
        "a": ("steps", 0),
        "b": ("steps", 1),
        "c": ("steps", 1, "branches", 0, "steps", 0),
        "d": ("steps", 1, "everyone_else", "steps", 0),
        "e": ("steps", 2),
        "f": ("steps", 2, "branches", 0, "steps", 0),
    }


def test_a_step_is_found_by_its_id() -> None:
    found = NESTED.step("d")

    assert found is not None
    assert found.kind == "finish"
    assert NESTED.step("nowhere") is None


def test_a_flow_never_changes() -> None:
    with pytest.raises(ValidationError):
        NESTED.__setattr__("name", "other")


def test_STEP_1_a_sender_may_be_written_in_three_ways() -> None:
    bare = flow_with(email={"from": "a@b.example", "reply_to": "same_as_from"}).email
    fixed = flow_with(email={"from": {"name": "A", "address": "a@b.example"}}).email
    owner = flow_with(
        email={"from": {"owner": "our_contact", "fallback": "a@b.example"}, "reply_to": "c@d.example"}
    ).email

    assert bare.from_ == FixedSender(address="a@b.example")
    assert bare.reply_to == "same_as_from"
    assert fixed.from_ == FixedSender(address="a@b.example", name="A")
    assert owner.from_ == OwnerSender(owner="our_contact", fallback=FixedSender(address="a@b.example"))
    assert owner.reply_to == FixedSender(address="c@d.example")


@settings(max_examples=30, suppress_health_check=[HealthCheck.too_slow])
@given(flows())
def test_random_flows_are_valid_and_tell_what_they_do(flow: Flow) -> None:
    """The strategy that other property tests rely on makes flows without errors."""
    assert [problem for problem in problems(flow, CATALOG) if problem.severity == "error"] == []
    for _, step in flow.walk():
        assert step.summary().strip()
        assert len(step.inner()) == len(step.inner_places())
