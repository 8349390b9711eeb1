"""The JSON Schema of the flow file: complete, true, and equal to the committed file."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from jsonschema import Draft202012Validator

from flows.loading import read
from flows.schema import dumps, schema
from flows.source import read_source
from tests.flows.strategies import flow_data

HERE = Path(__file__).parent
VALIDATOR = Draft202012Validator(schema())


def example() -> Any:
    """The example of the contract, with the kinds that this version has."""
    data: Any = read_source((HERE / "contract.yaml").read_text("utf-8"))[0].data
    for branch in data["steps"][3]["branches"]:
        branch["steps"] = []
    return data


def test_the_committed_file_is_the_schema() -> None:
    assert (HERE.parents[1] / "docs/flow.schema.json").read_text("utf-8") == dumps(), (
        "the models have changed: write docs/flow.schema.json anew with python -m flows.schema"
    )


def test_it_is_a_schema() -> None:
    Draft202012Validator.check_schema(schema())
    assert schema()["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert schema()["$id"]


def properties(node: Any, place: str = "#") -> Iterator[tuple[str, Any]]:
    """Every property of every object of the schema."""
    if isinstance(node, dict):
        for name, field in node.get("properties", {}).items() if isinstance(node.get("properties"), dict) else ():
            yield f"{place}/{name}", field
        for key, inner in node.items():
            yield from properties(inner, f"{place}/{key}")
    elif isinstance(node, list):
        for index, inner in enumerate(node):
            yield from properties(inner, f"{place}/{index}")


def test_every_setting_has_a_title_and_a_description() -> None:
    found = dict(properties(schema()))

    assert len(found) > 100
    assert [place for place, field in found.items() if not (field.get("title") and field.get("description"))] == []


def test_the_examples_in_it_are_right() -> None:
    for place, field in properties(schema()):
        for shown in field.get("examples", ()):
            errors = list(Draft202012Validator({**field, "$defs": schema()["$defs"]}).iter_errors(shown))
            assert not errors, (place, shown)


def test_the_example_of_the_contract_is_valid() -> None:
    assert [error.message for error in VALIDATOR.iter_errors(example())] == []


@settings(max_examples=40, suppress_health_check=[HealthCheck.too_slow])
@given(flow_data())
def test_what_reads_is_valid(data: dict[str, Any]) -> None:
    assert VALIDATOR.is_valid(data)


@pytest.mark.parametrize(
    "wrong",
    [
        {"steps": [{"id": "a", "kind": "wiat"}]},
        {"steps": [{"id": "a", "kind": "wait", "fro": "1 day"}]},
        {"steps": [{"id": "a", "kind": "wait", "for": "1 dya"}]},
        {"steps": [{"kind": "exit"}]},
        {"nmae": "a"},
        {"email": {"consent": "perhaps"}},
        {"enrolment": {"filter": {"feld": "person.name"}}},
        {"settings": {"control_group": "150%"}},
    ],
)
def test_what_does_not_read_is_not_valid(wrong: dict[str, Any]) -> None:
    data = {"id": "a", **wrong}

    assert not VALIDATOR.is_valid(data)
    assert read(str(data)).flow is None


def test_every_kind_is_offered() -> None:
    offered = {field.get("const") for place, field in properties(schema()) if place.endswith("/kind")}

    kinds = {
        "send_email", "send_sms", "update_person", "add_to", "remove_from", "create_follow_up", "create_request",
        "create_sale", "distribute", "notify_email", "notify_sms", "run_script", "call_webhook", "wait",
        "wait_for_action", "split", "exit", "finish",
    }  # fmt: skip
    assert offered == kinds
