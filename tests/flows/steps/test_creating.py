"""STEP_6-9: what is wrong with a step that makes something in the CRM is said before the flow runs (LIFE_2)."""

from json import dumps
from typing import Any

import pytest

from activities.crm.kinds import permits
from flows.catalog import GivenCatalog
from flows.checks import problems
from flows.loading import read
from flows.problems import Problem
from tests.flows.steps.arrival import flow_with

_VISIT = {"date": "meeting", "fields": ["agenda"]}
_COMPLAINT = {"statuses": [{"name": "New", "kind": "open"}], "priorities": ["A", "B"]}
CATALOG = GivenCatalog(
    ids={
        "associate": ["liv"],
        "group": ["sales"],
        "follow_up_type": ["visit"],
        "request_type": ["complaint"],
        "category": ["coffee"],
        "sale_type": ["machine"],
        "project": ["fair"],
    },
    files={"map.png": 10},
    permitted={
        ("follow_up_type", "visit", "date"): permits("follow_up_type", _VISIT, "date") or [],
        ("follow_up_type", "visit", "fields"): permits("follow_up_type", _VISIT, "fields") or [],
        ("request_type", "complaint", "status"): permits("request_type", _COMPLAINT, "status") or [],
        ("request_type", "complaint", "priority"): permits("request_type", _COMPLAINT, "priority") or [],
        ("sale_type", None, "stage"): permits("sale_type", None, "stage") or [],
    },
)
TODO = {"title": "Call", "owner": "liv", "due": "3 workdays"}
MEETING = {"title": "Call", "owner": "liv", "type": "visit", "meeting": "first_free"}
TICKET = {"title": "Ask", "owner": "nobody"}


def found(kind: str, settings: dict[str, Any]) -> list[Problem]:
    call = {"id": "call", "kind": "create_follow_up", **TODO}
    return problems(flow_with({"id": "s", "kind": kind, **settings}, call), CATALOG)


@pytest.mark.parametrize(
    ("kind", "settings", "where", "what"),
    [
        ("create_follow_up", {**TODO, "title": " "}, "/title", "no title"),
        ("create_follow_up", {**TODO, "title": "Call {{ person.nam }}"}, "/title", "person.nam"),
        ("create_follow_up", {**TODO, "agenda": "{{ x }}"}, "/agenda", "“x” is unknown"),
        ("create_follow_up", {**TODO, "owner": "live"}, "/owner", "no associate “live”"),
        ("create_follow_up", {**TODO, "owner": "our_contact", "fallback": "live"}, "/fallback", "no associate"),
        ("create_follow_up", {**TODO, "type": "visits"}, "/type", "no follow-up type"),
        ("create_follow_up", {**TODO, "project": "far"}, "/project", "no project"),
        ("create_follow_up", {**TODO, "files": ["map"]}, "/files/0", "no file"),
        ("create_follow_up", {**TODO, "links": ["fjord.example"]}, "/links/0", "not a web address"),
        ("create_follow_up", {"title": "Call", "owner": "liv"}, "", "neither due nor meeting"),
        ("create_follow_up", {**TODO, "meeting": "first_free"}, "", "both due and meeting"),
        ("create_follow_up", {**TODO, "type": "visit"}, "/due", "have no due"),
        ("create_follow_up", {**MEETING, "project": "fair"}, "/project", "have no project"),
        ("create_request", {**TICKET, "type": "complaints"}, "/type", "no request type"),
        ("create_request", {**TICKET, "type": "complaint", "status": "Old"}, "/status", "no status “Old” of complaint"),
        ("create_request", {**TICKET, "type": "complaint", "priority": "C"}, "/priority", "no priority “C”"),
        ("create_request", {**TICKET, "category": "tea"}, "/category", "no category"),
        ("create_request", {**TICKET, "message": "{{ person.nam }}"}, "/message", "person.nam"),
        ("create_request", {**TICKET, "owner": "live"}, "/owner", "no associate"),
        ("create_sale", {"title": "x", "owner": "liv", "type": "machines"}, "/type", "no sale type"),
        ("create_sale", {"title": "x", "owner": "liv", "stage": "talks"}, "/stage", "no stage “talks” without a type"),
        ("create_sale", {"title": "x", "owner": "liv", "project": "far"}, "/project", "no project"),
        ("distribute", {}, "", "neither associates nor a group"),
        ("distribute", {"associates": "liv", "group": "sales"}, "", "both associates and a group"),
        ("distribute", {"associates": ["liv", "jo"]}, "/associates/1", "no associate “jo”"),
        ("distribute", {"group": "sale"}, "/group", "no group “sale”"),
        ("distribute", {"group": "sales", "fallback": "jo"}, "/fallback", "no associate “jo”"),
    ],
)
def test_LIFE_2_a_wrong_setting_keeps_the_flow_from_running(
    kind: str, settings: dict[str, Any], where: str, what: str
) -> None:
    (problem,) = found(kind, settings)
    assert (problem.pointer, problem.step, problem.severity) == (f"/steps/0{where}", "s", "error")
    assert what in problem.what
    assert problem.remedy


@pytest.mark.parametrize(
    ("kind", "settings", "where", "what"),
    [
        ("create_follow_up", {**TODO, "owner": "our_contact"}, "/owner", "no owner here"),
        ("create_request", {"title": "Ask"}, "/owner", "Nobody gets the request"),
        ("create_sale", {"title": "x", "owner": "liv", "amount": 5}, "/currency", "no currency"),
        ("create_sale", {"title": "x", "fallback": "liv"}, "/owner", "No follow-up tells the owner"),
    ],
)
def test_STEP_8_and_others_what_may_surprise_is_a_warning(
    kind: str, settings: dict[str, Any], where: str, what: str
) -> None:
    warnings = {problem.pointer: problem for problem in found(kind, settings)}
    assert {problem.severity for problem in warnings.values()} == {"warning"}
    assert what in warnings[f"/steps/0{where}"].what


@pytest.mark.parametrize(
    ("kind", "settings"),
    [
        ("create_follow_up", {**TODO, "due": {"date": "2026-12-31"}, "files": ["map.png"]}),
        ("create_follow_up", {**TODO, "due": "2026-12-31"}),
        ("create_follow_up", {**MEETING, "agenda": "<b>x</b>", "meeting": {"first_free_after": "2 workdays"}}),
        ("create_request", {**TICKET, "type": "complaint", "status": "open", "priority": "B"}),
        ("create_request", {"title": "Ask", "category": "coffee"}),
        ("create_sale", {"title": "x", "owner": "liv", "stage": "sold", "date": "6 weeks"}),
        ("distribute", {"group": "sales", "only_if_unowned": True, "settle": "10 minutes"}),
    ],
)
def test_what_is_right_is_no_problem(kind: str, settings: dict[str, Any]) -> None:
    assert found(kind, settings) == []


@pytest.mark.parametrize("due", ["3 days late", "2026-13-01", "tomorrow", {}, {"after": "1 day", "date": "2026-12-31"}])
def test_SAFE_5_a_day_that_cannot_be_read_is_refused_at_its_place(due: Any) -> None:
    loaded = read(dumps({"id": "f", "steps": [{"id": "s", "kind": "create_follow_up", **TODO, "due": due}]}), "f.json")
    assert loaded.flow is None
    assert all(problem.pointer.startswith("/steps/0/due") for problem in loaded.problems)
