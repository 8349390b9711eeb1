"""Flow files are read and printed; what is wrong is told with place and remedy (SAFE_5)."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from flows.definition import Flow
from flows.loading import dump, read
from flows.problems import Problem
from tests.flows.strategies import flow_data, flows

CONTRACT = (Path(__file__).parent / "contract.yaml").read_text("utf-8")


def only(text: str) -> Problem:
    """The one problem of a file."""
    [problem] = read(text).problems
    return problem


def test_the_example_of_the_contract_is_a_flow() -> None:
    loaded = read(CONTRACT)

    assert loaded.problems == ()
    assert loaded.flow is not None
    assert [step.id for _, step in loaded.flow.walk()] == [
        "hello", "breathe", "reaction", "by-size", "call", "gift", "tag", "end",
    ]  # fmt: skip
    assert loaded.flow.settings.calendar == "NO"
    assert read(dump(loaded.flow)).flow == loaded.flow


@settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow])
@given(flows())
def test_a_printed_flow_reads_as_the_same_flow(flow: Flow) -> None:
    assert read(dump(flow)).flow == flow


@settings(max_examples=30, suppress_health_check=[HealthCheck.too_slow])
@given(flow_data())
def test_json_and_yaml_read_alike(data: dict[str, Any]) -> None:
    """Also indented with tabs, which YAML does not know, and with escapes."""
    flow = Flow.model_validate(data)

    assert read(json.dumps(data, indent="\t"), "flow.json").flow == flow
    assert read(json.dumps(data, ensure_ascii=False), media="json").flow == flow


@settings(max_examples=200)
@given(
    st.text()
    | st.binary()
    | st.text("{}[]:-,&*!|>'\"%@`# \n\tabi0.~<?\\")
    | st.text("{}[]:-,&*!|>'\"%@`# \n\tab0.~").map("id: x\nsteps:\n - ".__add__)
)
def test_SAFE_5_no_text_makes_reading_raise(text: str | bytes) -> None:
    loaded = read(text)

    assert (loaded.flow is None) == bool(loaded.problems)
    assert all(problem.what and problem.line and problem.column for problem in loaded.problems)


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


@settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow])
@given(flow_data(), st.data())
def test_SAFE_5_a_flow_with_anything_in_any_place_is_read_or_explained(
    data: dict[str, Any], drawn: st.DataObject
) -> None:
    here: Any = data
    while True:
        key = drawn.draw(st.sampled_from(list(here) if isinstance(here, dict) else range(len(here))))
        if not isinstance(here[key], dict | list) or not here[key] or drawn.draw(st.booleans()):
            break
        here = here[key]
    here[key] = drawn.draw(_JSON)

    loaded = read(json.dumps(data))

    assert (loaded.flow is None) == bool(loaded.problems)
    assert len({problem.where for problem in loaded.problems}) == len(loaded.problems)
    assert all(problem.what and problem.remedy and problem.line for problem in loaded.problems)


INCREASE = "/steps/0/increase"
SALE = "{id: b, kind: create_sale, "
UPDATE = "{id: b, kind: update_person, increase: "


@pytest.mark.parametrize(
    ("text", "line", "column", "where", "what", "remedy"),
    [
        ("id: a\nid: b", 2, 1, "/id", "given twice, first in line 1", "Keep one"),
        ("id: a\nnmae: b", 2, 1, "/nmae", "no setting “nmae”", "Did you mean “name”?"),
        ("name: a", 1, 1, "/id", "“id” is missing", "Add id"),
        ("id: a\nsteps:\n- {id: b, kind: wiat}", 3, 11, "/steps/0/kind", "no kind of step “wiat”", "mean “wait”?"),
        ("id: a\nsteps:\n- {id: b}", 3, 3, "/steps/0/kind", "no kind", "Possible kinds are"),
        ("id: a\nsteps:\n- hello", 3, 3, "/steps/0", "not “hello”", "Write id and kind"),
        ("id: a\nsteps:\n- {id: b, kind: wait, fro: 1 day}", 3, 23, "/steps/0/fro", "“fro” in wait", "mean “for”?"),
        ("id: a\nsteps:\n- {id: b, kind: wait, for: 1 dya}", 3, 23, "/steps/0/for", "not a duration", "3 days"),
        (f"id: a\nsteps:\n- {SALE}currency: nok}}", 3, 30, "/steps/0/currency", "cannot be “nok”", "three letters"),
        (f"id: a\nsteps:\n- {SALE}amount: much}}", 3, 30, "/steps/0/amount", "has to be a number", "bring"),
        (f"id: a\nsteps:\n- {UPDATE}{{person.custom.n: x}}}}", 3, 43, f"{INCREASE}/person.custom.n", "number", "Write"),
        ("id: a\nemail: {consent: requird}", 2, 9, "/email/consent", "“requird”", "mean “required”?"),
        ("id: a\nenrolment: {once: perhaps}", 2, 13, "/enrolment/once", "true or false", "took part"),
        ("id: a\nenrolment: {filter: {feld: x}}", 2, 13, "/enrolment/filter", "not a condition", "{field:"),
        ("id: 7", 1, 1, "/id", "text, not 7", "quotes"),
        ("id: a b", 1, 1, "/id", "“a b”", "hyphens"),
        ("id: a\ntime_zone: Europe/Olso", 2, 1, "/time_zone", "not a time zone", "Europe/Oslo"),
        ("id: a\nname: !!python/object:os.system ls", 2, 1, "/name", "tag", "Remove the tag"),
        ("id: a\nname: .nan", 2, 1, "/name", "not a number", "quotes"),
        ("id: a\n\tname: b", 2, 1, "", "not YAML", "blanks"),
        ("id: [a", 1, 7, "", "not YAML", "bracket"),
        ("a: 1\n---\nb: 2", 2, 1, "", "single document", "Mend"),
        ("", 1, 1, "", "empty", "id and steps"),
        ("- a", 1, 1, "", "not a flow", "group of settings"),
        ("? {a: b}\n: c\nid: x", 1, 3, "", "A key is a list or a group", "quotes"),
        ('id: a\nname: "\\ud800"', 2, 1, "/name", "cannot be stored", "Remove it"),
    ],
)
def test_SAFE_5_what_is_wrong_where_and_what_to_do(
    text: str, line: int, column: int, where: str, what: str, remedy: str
) -> None:
    problem = only(text)

    assert (problem.line, problem.column, problem.pointer) == (line, column, where)
    assert what in problem.what
    assert remedy in problem.remedy


def test_SAFE_5_every_cause_is_told_once_and_in_the_order_of_the_file() -> None:
    text = """
id: a
steps:
  - {id: b, kind: wait_for_action, within: soon, actions: [{event: 5}]}
  - {id: c, kind: update_person, set: {person.category: {x: y}}}
email: {from: {adress: a@b.example}}
"""
    assert [problem.pointer for problem in read(text).problems] == [
        "/steps/0/within",
        "/steps/0/actions/0/event",
        "/steps/1/set/person.category",
        "/email/from/adress",
    ]


def test_json_that_is_broken_is_told_as_json() -> None:
    [problem] = read('{\n "id": "a",\n}', "flow.json").problems

    assert (problem.line, problem.column) == (2, 12) or problem.line == 3
    assert "JSON" in problem.what


def test_SAFE_5_a_file_that_is_not_utf_8_is_told_with_its_line() -> None:
    [problem] = read("id: a\nname: blåbær".encode("latin-1")).problems

    assert problem.line == 2
    assert "UTF-8" in problem.what


def test_yaml_is_1_2_so_that_no_is_norway() -> None:
    """DESIGN.md: YAML 1.1 reads `NO` as false, and 08:00 as minutes."""
    flow = read("id: a\nsettings: {calendar: NO}\nemail: {window: {days: workdays, from: 08:00, to: 20:00}}").flow

    assert flow is not None
    assert flow.settings.calendar == "NO"
    assert flow.email.window is not None
    assert str(flow.email.window.start) == "08:00"


def _bomb() -> str:
    lines = ["a: &a [x, x, x, x, x, x, x, x, x]"]
    lines += [
        f"{name}: &{name} [{', '.join(f'*{before}' for _ in range(9))}]"
        for before, name in zip("abcdefg", "bcdefgh", strict=True)
    ]
    return "\n".join(lines)


@pytest.mark.parametrize(
    "text", [_bomb(), "a: &a [*a]", "[" * 100_000, "{a: " * 100_000, "- " * 100_000, "x: y\n" * 200_000, "#" * 2**21],
    ids=["bomb", "itself", "lists", "groups", "items", "long", "large"],
)  # fmt: skip
def test_SAFE_5_hostile_files_are_refused(text: str) -> None:
    loaded = read(text)

    assert loaded.flow is None
    assert len(loaded.problems) == 1


def test_an_alias_can_be_used() -> None:
    flow = read("id: a\nenrolment: {filter: &f {member_of: x}}\nsuccess: {any: [*f]}").flow

    assert flow is not None
    assert flow.success is not None
    assert flow.success.any == [flow.enrolment.filter]
