"""STEP_20: a flow's queue, plainly: every place that was given is remembered, and none is let by before its time."""

from datetime import UTC, datetime, timedelta

PERIOD, SLOTS = timedelta(hours=1), 60
SLOT = PERIOD / SLOTS
LATE = timedelta(minutes=1)
"""Who comes later than this to its place takes another."""


class Queue:
    """The places of one generation of a flow; it begins behind those who have left within the last hour."""

    def __init__(self, generation: int, left: int, now: datetime) -> None:
        self.generation = generation
        self._places = [_slot(now)] * left
        self._last = _slot(now) if left else 0

    def take(self, rate: int, now: datetime) -> datetime:
        """The first place, not before any that was given, at which an hour holds fewer than the rate."""
        slot = max(_slot(now), self._last)
        while sum(slot - SLOTS <= place <= slot for place in self._places) >= rate:
            slot += 1
        self._places.append(slot)
        self._last = slot
        return now if slot == _slot(now) else datetime.fromtimestamp(slot * SLOT.total_seconds(), UTC)

    def give_back(self, place: datetime) -> None:
        """Nobody takes it."""
        self._places.remove(_slot(place))


def _slot(at: datetime) -> int:
    return int(at.timestamp() // SLOT.total_seconds())
