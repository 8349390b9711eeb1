"""STEP_14: the first action by time decides."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from flows.facts import Facts
from flows.outcome import HandOver, Reason
from flows.steps.base import GoOn, Into, Leave, Move, Stay
from tests.flows.steps.arrival import MONDAY, PERSON, event, flow_with, standing

CLICK = {"event": "link_clicked", "link": "offer"}
FORM = {"event": "form_submitted", "form": "contact-me"}
CUSTOMER = {"condition": {"field": "person.category", "op": "is", "value": "customer"}}


def after(hours: float = 0, days: float = 0) -> datetime:
    return MONDAY + timedelta(days=days, hours=hours)


def entered(facts: Facts, *actions: Any, **step: Any) -> Move:
    flow = flow_with({"id": "w", "kind": "wait_for_action", "actions": actions or (CLICK, FORM), **step})
    return flow.steps[0].enter(flow, facts)


def clicked(at: datetime, link: str = "offer") -> Any:
    return event("link_clicked", at, link=link)


def submitted(at: datetime) -> Any:
    return event("form_submitted", at, form="contact-me")


def test_STEP_14_waits_for_seven_days_by_default() -> None:
    move = entered(standing())

    assert isinstance(move, Stay)
    assert move.until == after(days=7)
    assert move.events == ("form_submitted", "link_clicked")


def test_STEP_14_may_wait_for_ever() -> None:
    move = entered(standing(now=after(days=4000)), within="none")

    assert isinstance(move, Stay)
    assert move.until is None


def test_STEP_14_the_first_by_time_decides_whatever_order_they_are_heard_of() -> None:
    click, form = clicked(after(5)), submitted(after(3))

    for happened in ([click, form], [form, click]):
        move = entered(standing(after(6), happened=happened))
        assert isinstance(move, GoOn)
        assert move.used == form


def test_STEP_14_other_links_and_forms_do_not_count() -> None:
    assert isinstance(entered(standing(after(6), happened=[clicked(after(3), "home")])), Stay)


def test_STEP_14_on_time_out_goes_on_or_exits_with_the_reason() -> None:
    late = standing(after(days=7))
    left = entered(late, otherwise="exit", exit={"add_to_flow": "win-back"})

    assert isinstance(entered(late), GoOn)
    assert isinstance(left, Leave)
    assert left.reason is Reason.NO_ACTION
    assert left.hand_over == HandOver(add_to_flow="win-back")


def test_STEP_14_an_action_in_time_counts_however_late_it_is_looked_at() -> None:
    """LIFE_12: what happens during a pause is acted on at resume."""
    at_the_deadline, too_late = clicked(after(days=7)), clicked(after(days=7, hours=1))

    assert isinstance(entered(standing(after(days=20), happened=[at_the_deadline]), otherwise="exit"), GoOn)
    assert isinstance(entered(standing(after(days=20), happened=[too_late]), otherwise="exit"), Leave)


def test_STEP_14_a_click_counts_from_the_latest_mail_that_carries_the_link() -> None:
    between = clicked(after(-2))
    sent = {"offer": after(-3)}

    assert isinstance(entered(standing(happened=[between], sent=sent)), GoOn)
    assert isinstance(entered(standing(happened=[between], sent={"offer": after(-1)})), Stay)


def test_STEP_14_other_actions_count_from_the_step_before_that_did_something() -> None:
    between = submitted(after(-2))

    assert isinstance(entered(standing(happened=[between], acted=after(-3))), GoOn)
    assert isinstance(entered(standing(happened=[between], acted=after(-1), sent={None: after(-9)})), Stay)


def test_STEP_14_a_click_without_a_mail_before_counts_from_the_step_before() -> None:
    between = clicked(after(-2))

    assert isinstance(entered(standing(happened=[between], acted=after(-3))), GoOn)
    assert isinstance(entered(standing(happened=[between], acted=after(-1))), Stay)


def test_STEP_14_branches_by_the_action_that_came() -> None:
    branches = [{"name": "Wrote", "action": 2, "steps": []}]
    click, form = clicked(after(3)), submitted(after(3))
    wrote = entered(standing(after(6), happened=[form]), branches=branches)

    assert isinstance(wrote, Into)
    assert (wrote.branch, wrote.used) == (0, form)
    assert wrote.text.startswith("Wrote: ")
    assert isinstance(entered(standing(after(6), happened=[click]), branches=branches), GoOn)


def test_STEP_14_the_person_may_come_to_match_a_condition() -> None:
    customer = {**PERSON, "category": "customer"}
    waiting = entered(standing(), CUSTOMER)

    assert isinstance(waiting, Stay)
    assert "person_updated" in waiting.events
    assert isinstance(entered(standing(after(1), person=customer), CUSTOMER), GoOn)


@pytest.mark.parametrize(("changed", "move"), [(after(days=3), GoOn), (after(days=8), Leave)])
def test_STEP_14_a_condition_met_during_a_pause_counts_if_it_was_in_time(changed: datetime, move: type) -> None:
    customer = {**PERSON, "category": "customer"}
    facts = standing(after(days=9), person=customer, happened=[event("person_updated", changed)])

    assert isinstance(entered(facts, CUSTOMER, otherwise="exit"), move)


def test_STEP_14_a_condition_and_an_event_the_first_decides() -> None:
    customer = {**PERSON, "category": "customer"}
    changed, click = event("person_updated", after(2)), clicked(after(3))
    branches = [{"name": "Click", "action": 1}, {"name": "Customer", "action": 2}]
    move = entered(standing(after(9), person=customer, happened=[click, changed]), CLICK, CUSTOMER, branches=branches)

    assert isinstance(move, Into)
    assert (move.branch, move.used) == (1, None)


def test_STEP_14_an_event_may_carry_a_condition_on_its_data() -> None:
    large = {"event": "order.placed", "when": {"field": "event.total", "op": ">=", "value": 99.5}}
    small, big = event("order.placed", after(1), total=99.4), event("order.placed", after(2), total="99.50")

    assert isinstance(entered(standing(after(3), happened=[small]), large), Stay)
    move = entered(standing(after(3), happened=[small, big]), large)
    assert isinstance(move, GoOn)
    assert move.used == big


def test_EDIT_4_a_longer_wait_takes_the_rest() -> None:
    move = entered(standing(after(days=3)), within="14 days")

    assert isinstance(move, Stay)
    assert move.until == after(days=14)
