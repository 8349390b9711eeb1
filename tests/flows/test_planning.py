"""From where a participant stands to what comes next."""

from datetime import datetime, timedelta
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from flows.definition import Flow
from flows.outcome import HandOver, Reason
from flows.planning import Course, Due, Outline, Rest, Stuck, course
from flows.steps.base import Leave
from tests.flows.steps.arrival import MONDAY, event, flow_with, standing
from tests.flows.strategies import flows

DAY = timedelta(days=1)


def mail(id: str) -> dict[str, Any]:
    return {"id": id, "kind": "send_email", "content": "welcome-mail"}


def split(id: str, *steps: dict[str, Any], country: str = "NO") -> dict[str, Any]:
    branch = {"name": country, "when": {"field": "person.country", "op": "is", "value": country}, "steps": list(steps)}
    return {"id": id, "kind": "split", "branches": [branch], "everyone_else": {"steps": [mail(f"{id}-else")]}}


def test_what_follows_a_step_is_the_next_or_what_is_below_the_split() -> None:
    outline = Outline(flow_with(mail("a"), split("s", mail("b"), mail("c")), mail("d")))
    assert outline.first == "a"
    assert [outline.after(step) for step in ("a", "b", "c", "s-else", "s", "d")] == ["s", "c", "d", "d", "d", None]
    assert outline.into("s", 0) == "b"


def test_an_empty_branch_leads_below_the_split() -> None:
    outline = Outline(flow_with(split("s"), mail("d")))
    assert outline.into("s", 0) == "d"


def test_STEP_15_a_course_goes_down_the_first_branch_that_matches_and_on_below() -> None:
    outline = Outline(flow_with(split("s", mail("b")), mail("d")))
    stop = course(outline, "s", standing).stop
    assert isinstance(stop, Due)
    assert stop.step.id == "b"
    other = course(outline, "s", lambda: standing(person={"id": "p", "country": "SE"})).stop
    assert isinstance(other, Due)
    assert other.step.id == "s-else"


def test_EDIT_3_a_step_that_was_done_is_never_done_again() -> None:
    outline = Outline(flow_with(mail("a"), mail("b")))
    stop = course(outline, "a", standing, passed={"a"}).stop
    assert isinstance(stop, Due)
    assert stop.step.id == "b"


def test_STEP_13_a_rest_ends_at_its_moment_and_the_course_goes_on() -> None:
    outline = Outline(flow_with({"id": "w", "kind": "wait", "for": "3 days"}, mail("b")))
    resting = course(outline, "w", standing)
    assert isinstance(resting.stop, Rest)
    assert resting.stop.until == MONDAY + 3 * DAY
    later = course(outline, "w", lambda: standing(now=MONDAY + 3 * DAY), arriving=False)
    assert isinstance(later.stop, Due)
    assert later.passed == ("w",)


def test_STEP_14_an_event_that_decided_is_used_up_and_its_data_known_below() -> None:
    """One event satisfies one wait; conditions after it see what came with it."""
    wait = {"id": "w", "kind": "wait_for_action", "actions": [{"event": "order.placed"}]}
    condition = {"field": "event.total", "op": ">", "value": 100}
    branch = {"name": "Large", "when": condition, "steps": [mail("large")]}
    outline = Outline(flow_with(wait, {"id": "s", "kind": "split", "branches": [branch]}, mail("end")))
    placed = event("order.placed", MONDAY + DAY, total=200)
    found = course(outline, "w", lambda: standing(now=MONDAY + 2 * DAY, happened=[placed]), arriving=False)
    assert found.used == (("w", placed),)
    assert isinstance(found.stop, Due)
    assert found.stop.step.id == "large"


def test_STEP_16_and_17_exit_and_finish_lead_out_with_their_hand_overs() -> None:
    out = course(Outline(flow_with({"id": "x", "kind": "exit", "add_to_flow": "other"})), "x", standing).stop
    assert isinstance(out, Leave)
    assert (out.reason, out.hand_over) == (Reason.EXIT, HandOver(add_to_flow="other"))
    end = course(Outline(flow_with(mail("a"))), None, standing).stop
    assert isinstance(end, Leave)
    assert end.reason is Reason.COMPLETED


@settings(max_examples=60)
@given(flow=flows(), country=st.sampled_from(["NO", "SE"]))
def test_any_valid_flow_ends(flow: Flow, country: str) -> None:
    """Whatever people do or leave: each stop is past the one before, and the way out comes within as many as there are
    steps. Who waits without limit is given what the wait asks for."""
    outline = Outline(flow)
    at, now, since, passed = outline.first, MONDAY, MONDAY, set[str]()
    arriving = True
    for _ in range(len(outline.step) + 1):
        found = _walk(outline, at, now, since, passed, country, arriving)
        passed |= set(found.passed)
        if isinstance(found.stop, Leave):
            return
        stop = found.stop.step.id
        if isinstance(found.stop, Rest) and found.stop.until is not None:
            since, now = found.stop.since, max(found.stop.until, now)
            at, arriving = stop, False
            found = _walk(outline, at, now, since, passed, country, arriving)
            assert not isinstance(found.stop, Rest) or found.stop.step.id != stop, "a rest that does not end"
            arriving = False
        else:
            assert isinstance(found.stop, Due | Rest | Stuck)
            passed.add(stop)
            at, since, arriving = outline.after(stop), now, True
    raise AssertionError("no way out")


def _walk(
    outline: Outline, at: str | None, now: datetime, since: datetime, passed: set[str], country: str, arriving: bool
) -> Course:
    return course(
        outline,
        at,
        lambda: standing(now, since, person={"id": "p", "country": country}),
        passed,
        arriving=arriving,
    )
