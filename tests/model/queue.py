"""The queue of messages that may leave at so many an hour, counted out by hand (STEP_20)."""

from dataclasses import dataclass, field
from datetime import UTC, datetime

SLOT, SLOTS = 60, 60
"""An hour is looked at in minutes."""
LATE = 60
"""Seconds after which a place is lost."""

Stamp = tuple[int, int]


@dataclass(frozen=True)
class Ticket:
    """A place in the queue, as long as its stamp is the queue's: a command makes it void."""

    stamp: Stamp
    place: datetime


@dataclass
class Queue:
    """The minutes of the places given so far."""

    stamp: Stamp | None = None
    given: list[int] = field(default_factory=list)

    def turn(self, held: Ticket | None, stamp: Stamp, sent: int, now: datetime) -> Ticket:
        """When someone who stands here may send; `sent` is how many have just left."""
        if held is not None and held.stamp == stamp and (now - held.place).total_seconds() <= LATE:
            return held
        minute, most = int(now.timestamp()) // SLOT, stamp[1]
        if self.stamp != stamp:
            self.stamp, self.given = stamp, [minute] * min(sent, most)
        at = max([minute, *self.given])
        while sum(at - SLOTS <= other <= at for other in self.given) >= most:
            at += 1
        self.given.append(at)
        return Ticket(stamp, now if at == minute else datetime.fromtimestamp(at * SLOT, UTC))
