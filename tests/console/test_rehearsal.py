"""Demo copies: short, without windows and triggers, and with nothing that touches the real flows."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from console.rehearsal import MARK, rehearsal, written
from flows.definition import Flow
from flows.loading import read
from flows.steps.wait import Wait
from flows.steps.wait_for_action import WaitForAction

EXAMPLES = sorted((Path(__file__).parent.parent.parent / "examples/flows").glob("*.yaml"))
NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)


def copy(path: Path, day: float = 1.0) -> Flow:
    flow = read(path.read_bytes()).flow
    assert flow is not None
    return rehearsal(flow, day, NOW)


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_no_wait_of_a_copy_is_longer_than_half_a_minute(path: Path) -> None:
    made = copy(path)
    for _, step in made.walk():
        if isinstance(step, Wait):
            assert step.until_weekday is None
            assert step.for_ is None or (step.for_.unit, step.for_.amount <= 30) == ("seconds", True)
            assert step.until is None or NOW < step.until < NOW + timedelta(seconds=60)
        if isinstance(step, WaitForAction):
            assert not isinstance(step.within, str)
            assert (step.within.unit, step.within.amount <= 30) == ("seconds", True)
    assert made.email.window is None


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_a_copy_names_only_selections_and_flows_of_the_demo(path: Path) -> None:
    made = copy(path)
    assert made.id == f"demo-{path.stem}"
    assert (made.enrolment.triggers, made.enrolment.once) == ([], False)
    text = written(made, path.name).decode()
    for line in text.splitlines():
        key, _, value = line.strip().removeprefix("- ").partition(": ")
        if value and key in ("selection", "member_of", "exclude", "add_to_selection", "add_to_flow"):
            assert value.startswith("demo-"), line
    assert MARK in text
    assert read(text).flow == made


def test_fixed_dates_keep_their_order_and_come_after_the_waits_before_them() -> None:
    made = copy(next(path for path in EXAMPLES if path.stem == "webinar"))
    dates = [step.until for _, step in made.walk() if isinstance(step, Wait) and step.until is not None]
    assert dates == sorted(set(dates))
    assert dates[0] >= NOW + timedelta(seconds=14)


def test_a_longer_day_makes_longer_waits() -> None:
    first = next(step.for_ for _, step in copy(EXAMPLES[1], 10.0).walk() if isinstance(step, Wait))
    assert str(first) == "30 seconds"
