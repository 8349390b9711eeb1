"""The reference journey on both sides, in turns, so that whatever else the machine does hits both alike."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from statistics import median
from typing import Literal

from bench.sides import Side, carry
from bench.stand import Pair, Stand

WARM_UP = 20
# How long a turn of one side should take: long against the second that each journey waits.
TURN = 6.0
SMALLEST, LARGEST = 30, 300
TURNS = 6
# Journeys under way at once: enough to keep the machine busy while each waits its second, and not so many that their
# tasks queue for longer than that second. ferd counts it from the mail, so that a journey that queued would not wait.
BACKLOG = 2.5
FEWEST_AT_ONCE = 20


Name = Literal["ferd", "by_hand"]


@dataclass(frozen=True, slots=True)
class Turn:
    """One side's turn. Processor time in seconds for each journey."""

    journeys: int
    seconds: float
    worker_cpu: float
    server_cpu: float

    @property
    def rate(self) -> float:
        """Journeys a second, from the first call to the last end."""
        return self.journeys / self.seconds


@dataclass(frozen=True, slots=True)
class History:
    """A finished journey's history."""

    events: int
    bytes: int


@dataclass
class Journeys:
    """All turns on one kind of database."""

    database: str
    ferd: list[Turn] = field(default_factory=list)
    by_hand: list[Turn] = field(default_factory=list)
    ferd_history: History = History(0, 0)
    by_hand_history: History = History(0, 0)
    mails_expected: int = 0
    mails_taken: int = 0

    def of(self, name: Name) -> list[Turn]:
        """One side's turns."""
        return self.ferd if name == "ferd" else self.by_hand

    @property
    def ratio(self) -> float:
        """ferd's rate over the hand-written one's: the median over neighbouring turns."""
        return median(self.ratios)

    @property
    def cpu_ratio(self) -> float:
        """Processor time of worker and server by hand over ferd's: much the same whatever else the machine does."""
        theirs, ours = (
            median(turn.worker_cpu + turn.server_cpu for turn in turns) for turns in (self.by_hand, self.ferd)
        )
        return theirs / ours

    @property
    def ratios(self) -> Sequence[float]:
        """The ratio of each pair of neighbouring turns."""
        return [ours.rate / theirs.rate for ours, theirs in zip(self.ferd, self.by_hand, strict=True)]


async def measure(on: Stand, pair: Pair, database: str, seconds: float) -> Journeys:
    """Turn and turn about for about so many seconds, at least one turn each."""
    end = time.monotonic() + seconds
    found, before = Journeys(database), await on.mails()
    sides: dict[Name, Side] = {"ferd": pair.ferd, "by_hand": pair.by_hand}
    # The first journeys pay for imports, connections and caches; the next show how many fit into a turn.
    for side in sides.values():
        await carry(side, pair.people(WARM_UP), WARM_UP)
    rate = max([(await _turn(on, side, pair.people(WARM_UP), WARM_UP)).rate for side in sides.values()])
    size = min(LARGEST, max(SMALLEST, int(rate * TURN)))
    at_once = max(FEWEST_AT_ONCE, int(rate * BACKLOG))
    started = 4 * WARM_UP
    longest = 0.0
    while not found.ferd or (len(found.ferd) < TURNS and time.monotonic() + longest <= end):
        begun = time.monotonic()
        order: list[Name] = ["ferd", "by_hand"]
        for name in order if len(found.ferd) % 2 == 0 else reversed(order):
            turn = await _turn(on, sides[name], pair.people(size), at_once)
            found.of(name).append(turn)
            started += size
            print(f"  {name.replace('_', ' ')}: {size} journeys, {turn.rate:.1f} a second", flush=True)
        longest = max(longest, time.monotonic() - begun)
    # One journey alone has the history that every journey has on a machine with time to spare.
    found.ferd_history, found.by_hand_history = [await _history(side, pair) for side in sides.values()]
    found.mails_expected, found.mails_taken = 2 * (started + len(sides)), await on.mails() - before
    return found


async def _turn(on: Stand, side: Side, people: Sequence[str], at_once: int) -> Turn:
    worker, server, begun = side.worker.cpu(), on.temporal.cpu(), time.monotonic()
    await carry(side, people, at_once)
    seconds, number = time.monotonic() - begun, len(people)
    return Turn(number, seconds, (side.worker.cpu() - worker) / number, (on.temporal.cpu() - server) / number)


async def _history(side: Side, pair: Pair) -> History:
    [journey] = await carry(side, pair.people(1), 1)
    described = await journey.describe()
    return History(described.history_length, described.raw_description.workflow_execution_info.history_size_bytes)
