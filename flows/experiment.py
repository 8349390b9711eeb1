"""The control group: who is in it, and how much a flow achieves beside it (TRIG_12)."""

from dataclasses import dataclass
from enum import StrEnum
from math import sqrt

from flows.steps.split import draw
from flows.units import Share

CONFIDENCE = 0.95
_Z = 1.959963984540054  # of the normal distribution, two-sided


class Arm(StrEnum):
    """To which side of the comparison a participant belongs."""

    TREATED = "treated"
    CONTROL = "control"


def arm_of(person: str, flow: str, share: Share | None) -> Arm | None:
    """The person's side in a flow: the same for ever, and still the same when the share grows. None: no comparison."""
    if share is None:
        return None
    return Arm.CONTROL if draw(person, f"control\n{flow}") < share.fraction else Arm.TREATED


@dataclass(frozen=True, slots=True)
class Side:
    """How many were enrolled, and how many of them met the success criterion since, inside the flow or after it."""

    enrolled: int
    successes: int

    @property
    def rate(self) -> float | None:
        """The share that met it; None while nobody is enrolled."""
        return self.successes / self.enrolled if self.enrolled else None

    def interval(self) -> tuple[float, float]:
        """Wilson's score interval of the rate."""
        n, rate = self.enrolled, self.successes / self.enrolled
        middle = rate + _Z**2 / (2 * n)
        spread = _Z * sqrt(rate * (1 - rate) / n + _Z**2 / (4 * n**2))
        return (middle - spread) / (1 + _Z**2 / n), (middle + spread) / (1 + _Z**2 / n)


@dataclass(frozen=True, slots=True)
class Comparison:
    """Both sides, and the lift: the difference of their rates, with Newcombe's hybrid score interval."""

    treated: Side
    control: Side

    @property
    def lift(self) -> float | None:
        """By how much more of the treated met the criterion, -1 to 1; None while a side is empty."""
        treated, control = self.treated.rate, self.control.rate
        return None if treated is None or control is None else treated - control

    @property
    def interval(self) -> tuple[float, float] | None:
        """In which the lift lies with CONFIDENCE; None while a side is empty."""
        treated, control, lift = self.treated.rate, self.control.rate, self.lift
        if treated is None or control is None or lift is None:
            return None
        (low, high), (low_control, high_control) = self.treated.interval(), self.control.interval()
        return (
            lift - sqrt((treated - low) ** 2 + (high_control - control) ** 2),
            lift + sqrt((high - treated) ** 2 + (control - low_control) ** 2),
        )
