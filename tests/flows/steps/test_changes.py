"""STEP_3, STEP_4, STEP_5: what the steps that change the CRM ask for."""

from typing import Any

import pytest

from flows.ports import ChangeMembership, ChangePerson, FieldChange, Request
from flows.steps.base import Do
from tests.flows.steps.arrival import flow_with, standing


def asked(kind: str, **settings: Any) -> Request:
    flow = flow_with({"id": "s", "kind": kind, **settings})
    move = flow.steps[0].enter(flow, standing())
    assert isinstance(move, Do)
    assert move.text
    return move.request


def test_STEP_3_all_changes_are_one_request() -> None:
    request = asked(
        "update_person",
        set={"person.category": "customer", "person.custom.tags": ["a", "b"]},
        clear=["person.country"],
        add={"person.subscriptions": "news"},
        remove={"person.custom.list": "x"},
        increase={"company.custom.score": 10},
        decrease={"company.custom.debt": 0.5},
        copy={"person.last_name": "owner.name"},
    )

    assert request == ChangePerson(
        "p1",
        (
            FieldChange("person.category", "set", "customer"),
            FieldChange("person.custom.tags", "set", ("a", "b")),
            FieldChange("person.country", "clear"),
            FieldChange("person.subscriptions", "add", "news"),
            FieldChange("person.custom.list", "remove", "x"),
            FieldChange("company.custom.score", "increase", 10),
            FieldChange("company.custom.debt", "decrease", 0.5),
            FieldChange("person.last_name", "copy", "owner.name"),
        ),
    )


@pytest.mark.parametrize("number", [10, 0.5, -3])
def test_STEP_3_numbers_keep_their_kind(number: float) -> None:
    request = asked("update_person", increase={"company.custom.score": number})

    assert isinstance(request, ChangePerson)
    assert type(request.changes[0].value) is type(number)


@pytest.mark.parametrize(("kind", "change"), [("add_to", "add"), ("remove_from", "remove")])
def test_STEP_4_and_STEP_5_one_or_several_selections_and_projects(kind: str, change: Any) -> None:
    one = asked(kind, selection="customers")
    several = asked(kind, selection=["a", "b"], project="fair")

    assert one == ChangeMembership("p1", change, ("customers",))
    assert several == ChangeMembership("p1", change, ("a", "b"), ("fair",))


def test_STEP_4_a_selection_may_be_made() -> None:
    request = asked("add_to", selection="brand-new", create=True)

    assert isinstance(request, ChangeMembership)
    assert request.create


def test_the_texts_hold_no_values() -> None:
    """SAFE_4: a summary goes to Temporal."""
    step = flow_with({"id": "s", "kind": "update_person", "set": {"person.category": "secret"}}).steps[0]

    assert step.summary() == "Update person.category"
