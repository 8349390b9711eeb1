"""A person's way through a flow, played through: the same moves, at the same times, as a journey makes."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from flows.facts import Happening
from flows.simulation import Simulation
from tests.flows.steps.arrival import MONDAY, PERSON, event, flow_with

DAY = timedelta(days=1)
MAIL = {"id": "hello", "kind": "send_email", "content": "welcome-mail"}
ORDERED = {"event": "order.placed"}


def played(
    *steps: Mapping[str, Any],
    person: Mapping[str, Any] = PERSON,
    events: list[Happening] | None = None,
    **settings: Any,
) -> list[tuple[timedelta, str, str]]:
    """When after Monday noon, at which step, what."""
    flow = flow_with(*steps, **settings)
    found = Simulation(flow, {"person": person}, events or [], MONDAY).play()
    return [(each.at - MONDAY, each.line.step, each.line.event) for each in found]


def test_steps_follow_each_other_in_time() -> None:
    now = timedelta()
    assert played(MAIL, {"id": "w", "kind": "wait", "for": "3 days"}, {**MAIL, "id": "again"}) == [
        (now, "", "enrolled"),
        (now, "hello", "done"),
        (now, "w", "waiting"),
        (3 * DAY, "w", "passed"),
        (3 * DAY, "again", "done"),
        (3 * DAY, "", "left"),
    ]


def test_STEP_14_what_the_person_does_ends_a_wait_once() -> None:
    waits = [{"id": id, "kind": "wait_for_action", "actions": [ORDERED], "within": "5 days"} for id in ("a", "b")]
    found = played(MAIL, *waits, events=[event("order.placed", MONDAY + DAY)])
    assert [(at, step) for at, step, what in found if what == "passed"] == [(DAY, "a"), (6 * DAY, "b")]


def test_STEP_3_later_steps_see_what_earlier_ones_changed() -> None:
    tag = {"id": "tag", "kind": "update_person", "set": {"person.category": "customer"}}
    score = {"id": "up", "kind": "update_person", "increase": {"person.custom.score": 10}}
    join = {"id": "join", "kind": "add_to", "selection": "vip"}
    conditions = [
        {"field": "person.category", "op": "is", "value": "customer"},
        {"field": "person.custom.score", "op": ">", "value": 9},
        {"member_of": "vip"},
    ]
    branch = {"name": "Yes", "when": {"all": conditions}, "steps": [{**MAIL, "id": "yes"}]}
    split = {"id": "s", "kind": "split", "branches": [branch], "everyone_else": {"steps": [{**MAIL, "id": "no"}]}}
    steps = [step for _, step, what in played(tag, score, join, split) if what == "done"]
    assert steps == ["tag", "up", "join", "yes"]


def test_STEP_18_success_is_noticed_in_a_wait() -> None:
    wait = {"id": "w", "kind": "wait", "for": "9 days"}
    placed = [event("order.placed", MONDAY + 2 * DAY)]
    found = played(wait, MAIL, events=placed, success={"any": [ORDERED]})
    assert found[-1] == (2 * DAY, "", "left")
    counted = played(wait, MAIL, events=placed, success={"any": [ORDERED], "then": "continue"})
    assert (2 * DAY, "", "success") in counted
    assert counted[-1] == (9 * DAY, "", "left")


def test_STEP_19_a_message_waits_for_its_window() -> None:
    window = {"days": "workdays", "from": "08:00", "to": "10:00"}
    found = played(MAIL, email={"window": window})
    assert [(at, what) for at, step, what in found if step == "hello"] == [
        (timedelta(), "waiting"),
        (timedelta(hours=18), "done"),
    ]
    skipped = played(MAIL, email={"window": {**window, "outside": "skip"}})
    assert (timedelta(), "hello", "skipped") in skipped


def test_PART_2_who_has_no_address_leaves() -> None:
    assert played(MAIL, person={"id": "p"})[-1] == (timedelta(), "hello", "left")


def test_TRIG_3_who_the_filter_does_not_let_in_is_refused() -> None:
    entry = {"filter": {"field": "person.country", "op": "is", "value": "SE"}}
    assert played(MAIL, enrolment=entry) == [(timedelta(), "", "refused")]


def test_who_waits_without_an_end_is_told() -> None:
    found = played({"id": "w", "kind": "wait_for_action", "actions": [ORDERED], "within": "none"})
    assert found[-1] == (timedelta(), "w", "waiting")
