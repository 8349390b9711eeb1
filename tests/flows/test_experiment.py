"""TRIG_12: the sides of a comparison, and the lift with its interval."""

import random
from collections import Counter

import pytest

from flows.experiment import Arm, Comparison, Side, arm_of
from flows.units import Share

PEOPLE = [f"per_{number}" for number in range(4_000)]


def share(percent: str) -> Share:
    return Share.parse(f"{percent} percent")


def test_TRIG_12_a_person_stays_on_its_side_and_the_shares_are_kept() -> None:
    sides = {person: arm_of(person, "welcome", share("10")) for person in PEOPLE}
    assert sides == {person: arm_of(person, "welcome", share("10")) for person in PEOPLE}
    assert Counter(sides.values())[Arm.CONTROL] == pytest.approx(400, abs=80)
    # A larger share keeps those who were in it; another flow draws anew.
    larger = {person for person in PEOPLE if arm_of(person, "welcome", share("20")) is Arm.CONTROL}
    control = {person for person, arm in sides.items() if arm is Arm.CONTROL}
    assert control < larger
    other = {person for person in PEOPLE if arm_of(person, "other", share("10")) is Arm.CONTROL}
    assert len(control & other) < 100
    assert arm_of("per_1", "welcome", None) is None


@pytest.mark.parametrize(
    ("treated", "control", "lift", "low", "high"),
    [
        # Newcombe, Interval estimation for the difference between independent proportions (1998), method 10.
        ((56, 70), (48, 80), 0.2, 0.0524, 0.3339),
        ((9, 10), (3, 10), 0.6, 0.1705, 0.8090),
        ((6, 7), (2, 7), 0.5714, 0.0582, 0.8062),
        ((5, 56), (0, 29), 0.0893, -0.0381, 0.1926),
        ((0, 10), (0, 20), 0.0, -0.1611, 0.2775),
        ((10, 10), (0, 10), 1.0, 0.6075, 1.0),
    ],
)
def test_TRIG_12_the_interval_is_that_of_the_literature(
    treated: tuple[int, int], control: tuple[int, int], lift: float, low: float, high: float
) -> None:
    found = Comparison(Side(treated[1], treated[0]), Side(control[1], control[0]))
    assert found.lift == pytest.approx(lift, abs=1e-4)
    assert found.interval == pytest.approx((low, high), abs=1e-4)


def test_TRIG_12_the_interval_holds_the_true_lift_as_often_as_it_says() -> None:
    dice, held = random.Random(3), 0
    for _ in range(600):
        treated = sum(dice.random() < 0.12 for _ in range(300))
        control = sum(dice.random() < 0.08 for _ in range(60))
        interval = Comparison(Side(300, treated), Side(60, control)).interval
        assert interval is not None
        held += interval[0] <= 0.04 <= interval[1]
    assert 0.92 <= held / 600 <= 0.99


def test_TRIG_12_nothing_is_said_while_a_side_is_empty() -> None:
    alone = Comparison(Side(3, 1), Side(0, 0))
    assert (alone.lift, alone.interval, alone.control.rate) == (None, None, None)
