"""Places in a queue that lets at most so many through in any period (STEP_20).

The period is cut into slots, and the queue knows how many places it gave in each of the latest. A place is the first
moment at which the last period would hold one less than the rate: so many leave at once, then the next when those are
a period old, in the order in which they came. Pure.
"""

from dataclasses import dataclass
from datetime import UTC, datetime

from flows.units import Rate

_SLOTS = 60


@dataclass(frozen=True, slots=True)
class Queue:
    """`counts` are the places given in the slots up to `slot`, the last of them in `slot` itself."""

    slot: int = 0
    counts: tuple[int, ...] = ()

    def place(self, rate: Rate, now: datetime) -> tuple[datetime, "Queue"]:
        """The next place, and the queue after it."""
        length = rate.per.total_seconds() / _SLOTS
        present = int(now.timestamp() // length)
        slot = max(present, self.slot)
        counts = self._up_to(slot)
        while sum(counts) >= rate.count:
            slot, counts = slot + 1, [*counts[1:], 0]
        counts[-1] += 1
        at = now if slot == present else datetime.fromtimestamp(slot * length, UTC)
        return at, Queue(slot, tuple(counts))

    def without(self, rate: Rate, place: datetime) -> "Queue":
        """The queue when this place, which was given, is free again; it is lost if that is longer ago than a period."""
        slot = int(place.timestamp() // (rate.per.total_seconds() / _SLOTS))
        counts, at = [*self.counts], slot - self.slot - 1
        if -len(counts) <= at < 0:
            counts[at] -= 1
        return Queue(self.slot, tuple(counts))

    def _up_to(self, slot: int) -> list[int]:
        """The counts of the slots that a period which ends in this slot touches."""
        passed = min(slot - self.slot, _SLOTS + 1)
        counts = [*self.counts, *[0] * passed][-_SLOTS - 1 :]
        return [*[0] * (_SLOTS + 1 - len(counts)), *counts]


def after(sent: int, rate: Rate, now: datetime) -> Queue:
    """A queue in which so many have just left."""
    return Queue(int(now.timestamp() // (rate.per.total_seconds() / _SLOTS)), (sent,))
