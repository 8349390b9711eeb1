"""STEP_15: the first branch that takes the participant, else everyone else."""

from collections import Counter
from datetime import timedelta
from typing import Any

import pytest

from flows.facts import Facts
from flows.outcome import HandOver, Reason
from flows.steps.base import Into, Leave, Move
from tests.flows.steps.arrival import MONDAY, PERSON, event, flow_with, standing

LARGE = {"name": "Large", "when": {"field": "company.employees", "op": ">", "value": 200}}
NORWAY = {"name": "Norway", "when": {"field": "person.country", "op": "is", "value": "NO"}}


def entered(facts: Facts, *branches: Any, everyone_else: Any = None, id: str = "s") -> Move:
    flow = flow_with({"id": id, "kind": "split", "branches": branches, "everyone_else": everyone_else or {}})
    return flow.steps[0].enter(flow, facts)


def taken(facts: Facts, *branches: Any, **more: Any) -> int:
    move = entered(facts, *branches, **more)
    assert isinstance(move, Into)
    return move.branch


def test_STEP_15_the_first_branch_that_matches_with_the_reason() -> None:
    move = entered(standing(company={"employees": 500}), LARGE, NORWAY)

    assert isinstance(move, Into)
    assert move.branch == 0
    assert "Large" in move.text
    assert "company.employees" in move.text
    assert taken(standing(company={"employees": 5}), LARGE, NORWAY) == 1


def test_STEP_15_everyone_else_is_the_last_branch_or_exits() -> None:
    nobody = standing(person={**PERSON, "country": "SE"})
    left = entered(nobody, LARGE, everyone_else={"exit": {"add_to_selection": "rest"}})

    assert taken(nobody, LARGE, NORWAY) == 2
    assert isinstance(left, Leave)
    assert left.reason is Reason.EVERYONE_ELSE
    assert left.hand_over == HandOver(add_to_selection="rest")


def test_STEP_15_an_exit_for_everyone_else_may_lead_nowhere() -> None:
    assert isinstance(entered(standing(), LARGE, everyone_else={"exit": {}}), Leave)


@pytest.mark.parametrize(
    ("wanted", "happened"),
    [
        ({"event": "link_clicked"}, event("link_clicked", MONDAY, link="home")),
        ({"event": "link_clicked", "link": "offer"}, event("link_clicked", MONDAY, link="offer")),
        ({"event": "form_submitted", "form": "a"}, event("form_submitted", MONDAY, form="a")),
    ],
)
def test_STEP_15_what_the_person_did_since_the_enrolment(wanted: Any, happened: Any) -> None:
    did = {"name": "Did", "when": wanted}
    before = event(happened.type, MONDAY - timedelta(days=1), **happened.data)

    assert taken(standing(happened=[happened]), did) == 0
    assert taken(standing(happened=[before]), did) == 1
    assert taken(standing(), did) == 1


def test_STEP_15_a_flow_that_was_saved_with_the_former_name_of_an_event_is_read() -> None:
    did = {"name": "Did", "happened": {"event": "link_clicked"}}

    assert taken(standing(happened=[event("link_clicked", MONDAY)]), did) == 0
    assert taken(standing(), did) == 1


def test_STEP_15_each_branch_may_have_its_link() -> None:
    a = {"name": "A", "when": {"event": "link_clicked", "link": "a"}}
    b = {"name": "B", "when": {"event": "link_clicked", "link": "b"}}

    assert taken(standing(happened=[event("link_clicked", MONDAY, link="b")]), a, b) == 1


def test_STEP_15_form_data_and_membership() -> None:
    rich = {"name": "Rich", "when": {"field": "person.custom.budget", "op": ">=", "value": 0.5}}
    member = {"name": "Member", "when": {"member_of": "customers"}}

    assert taken(standing(person={**PERSON, "custom": {"budget": "0.75"}}), rich, member) == 0
    assert taken(standing(groups=["customers"]), rich, member) == 1


def share(percent: str, name: str = "S") -> dict[str, str]:
    return {"name": name, "share": f"{percent} percent"}


def people(count: int = 2000) -> list[Facts]:
    return [standing(person={"id": f"person-{number}"}) for number in range(count)]


def test_STEP_15_shares_are_slices_of_one_draw() -> None:
    drawn = Counter(taken(facts, share("10", "A"), share("60", "B")) for facts in people())

    assert drawn[0] == pytest.approx(200, abs=60)
    assert drawn[1] == pytest.approx(1200, abs=110)
    assert drawn[2] == pytest.approx(600, abs=100)


def test_STEP_15_a_share_is_stable_for_a_person_across_edits_and_differs_between_splits() -> None:
    crowd = people(400)
    before = [taken(facts, share("30", "A")) for facts in crowd]
    renamed_and_more = [taken(facts, share("30", "Z"), share("20", "B")) for facts in crowd]
    other = [taken(facts, share("30", "A"), id="another") for facts in crowd]

    assert [way == 0 for way in before] == [way == 0 for way in renamed_and_more]
    assert before != other
    assert before == [taken(facts, share("30", "A")) for facts in crowd]


def test_STEP_15_a_larger_share_keeps_those_it_had() -> None:
    for facts in people(400):
        if taken(facts, share("30")) == 0:
            assert taken(facts, share("40")) == 0


def test_STEP_15_shares_divide_those_whom_no_branch_before_took() -> None:
    crowd = [
        standing(person={"id": f"person-{number}", "country": "NO" if number % 2 else "SE"}) for number in range(2000)
    ]
    drawn = Counter(taken(facts, NORWAY, share("50")) for facts in crowd)

    assert drawn[0] == 1000
    assert drawn[1] == pytest.approx(500, abs=80)


def test_STEP_15_a_hundred_percent_take_everyone() -> None:
    assert {taken(facts, share("33.333333", "A"), share("66.666667", "B")) for facts in people(300)} == {0, 1}
