"""What lies between two versions of a flow."""

from typing import Any

import pytest

from flows.edits import Edit
from flows.planning import Outline
from tests.flows.steps.arrival import flow_with

Step = dict[str, Any]


def mail(id: str, **settings: Any) -> Step:
    return {"id": id, "kind": "send_email", "content": "welcome-mail", **settings}


def wait(id: str, time: str = "3 days") -> Step:
    return {"id": id, "kind": "wait", "for": time}


def split(id: str, *branches: list[Step], others: list[Step] | None = None) -> Step:
    share = f"{100 // (len(branches) + 1)} percent"
    return {
        "id": id,
        "kind": "split",
        "branches": [{"name": f"{id}-{number}", "share": share, "steps": each} for number, each in enumerate(branches)],
        "everyone_else": {"steps": others or []},
    }


def edit(before: list[Step], after: list[Step], **settings: Any) -> Edit:
    return Edit(Outline(flow_with(*before)), Outline(flow_with(*after, **settings)))


A, B, C, W, NEW = mail("a"), mail("b"), mail("c"), wait("w"), mail("new")


@pytest.mark.parametrize(
    ("before", "after", "place"),
    [
        pytest.param([A, W, B], [A, B], "b", id="the next"),
        pytest.param([A, W], [A], None, id="the end"),
        pytest.param([A, W, B], [A, NEW, B], "new", id="what is put in its stead"),
        pytest.param([A, W, B], [NEW, A, B], "b", id="what is new further up is behind it"),
        pytest.param([A, W, B, C], [A, NEW, C], "new", id="the next is removed too"),
        pytest.param([A, W], [A, NEW], "new", id="the last one replaced"),
        pytest.param([W, B], [NEW, B], "new", id="the first one replaced"),
        pytest.param([W], [NEW], "new", id="the only one replaced"),
        pytest.param([A, W], [NEW], None, id="nothing stays: what came before is not done under new names"),
        pytest.param([A, W, B], [A, mail("w"), B], "w", id="another kind under the same id"),
        pytest.param([W, B], [B, mail("w")], "b", id="another kind under the same id, further down"),
        pytest.param([split("s", [W, B]), C], [split("s", [B]), C], "b", id="the next on the branch"),
        pytest.param([split("s", [A, W]), C], [split("s", [A]), C], "c", id="the branch's end"),
        pytest.param([split("s", [W]), C], [split("s", [NEW]), C], "new", id="the branch's only one replaced"),
        pytest.param([split("s", [A], [W]), C], [split("s", [A]), NEW, C], "new", id="a branch removed"),
        pytest.param([split("s", [W]), C], [C], "c", id="the split removed"),
        pytest.param([split("s", [W]), C], [NEW, C], "new", id="the split replaced"),
        pytest.param([split("s", [W, B]), C], [split("s", []), B, C], "b", id="the next moved out of the branch"),
        pytest.param([A, W, B], [A, split("s", [B])], "s", id="the next moved into a new split"),
        pytest.param([split("s", [split("t", [W])]), C], [split("s", [])], None, id="both splits' rest removed"),
    ],
)  # fmt: skip
def test_EDIT_3_where_who_stands_at_a_removed_step_goes_on(
    before: list[Step], after: list[Step], place: str | None
) -> None:
    assert edit(before, after).place("w") == place


def test_EDIT_3_a_step_that_stays_is_where_one_goes_on_wherever_it_is() -> None:
    assert edit([split("s", [A, W]), B], [B, W, split("s", [A])]).place("w") == "w"


def test_EDIT_3_a_step_passed_before_is_not_what_follows_a_removed_one() -> None:
    """It was moved behind, and then further behind: what was not done yet is not jumped."""
    assert edit([W, A, B], [B, A]).place("w", passed=["a"]) == "b"


def test_EDIT_3_a_branch_with_another_name_is_the_same_if_it_holds_the_same_steps() -> None:
    before, after = split("s", [W, B]), split("s", [B])
    after["branches"][0]["name"] = "renamed"
    assert edit([before, C], [after, C]).place("w") == "b"


@pytest.mark.parametrize(
    ("before", "after", "moved"),
    [
        pytest.param([A, W, B], [A, NEW, W, B], set(), id="one inserted"),
        pytest.param([A, W, B], [W, B], set(), id="one removed"),
        pytest.param([A, W, B], [B, A, W], {"b"}, id="to the front"),
        pytest.param([A, W], [W, A], {"w"}, id="two exchanged: the one where people rest"),
        pytest.param([split("s", [A, W]), B], [split("s", [A]), W, B], {"w"}, id="out of its branch"),
        pytest.param([A, B], [A, split("s", [B])], {"b"}, id="into a branch"),
        pytest.param([split("s", [A]), B], [B, split("s", [A])], {"s"}, id="a split with all that is in it"),
        pytest.param([split("s", [A], [B])], [split("s", [B], [A])], {"a", "b"}, id="to the other branch"),
    ],
)
def test_EDIT_6_which_steps_have_moved(before: list[Step], after: list[Step], moved: set[str]) -> None:
    assert edit(before, after).moved == moved


@pytest.mark.parametrize(
    ("before", "after", "settings", "replans"),
    [
        (A, A, {}, False),
        (A, mail("a", content="reminder"), {}, False),
        (A, mail("a", only_on=["mon"]), {}, True),
        (A, A, {"email": {"window": {"days": "every_day", "from": "08:00", "to": "20:00"}}}, True),
        (A, A, {"settings": {"throttle": {"email": "10 per minute"}}}, True),
        (A, A, {"settings": {"pause_dates": {"dates": ["2026-12-24"]}}}, True),
        (A, wait("a"), {}, True),
        (W, wait("w", "5 days"), {}, True),
        (W, W, {"time_zone": "Asia/Tokyo"}, True),
        (W, W, {"name": "Other", "enrolment": {"once": False}}, False),
    ],
)
def test_EDIT_5_who_is_planned_afresh(before: Step, after: Step, settings: dict[str, Any], *, replans: bool) -> None:
    assert edit([before, B], [after, B], **settings).replans(before["id"]) is replans


def test_EDIT_5_what_comes_after_a_step_does_not_concern_who_stands_at_it() -> None:
    assert not edit([W, A, B], [W, NEW, B]).replans("w")
