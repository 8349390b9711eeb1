"""What no journey hands over: taken out of the store and handed over beside every worker; several share the work.

Each is taken in one transaction, handed over, and settled in another, so that whoever finds it taken knows that
somebody may have done it and was not heard of again.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Protocol

from sqlmodel import Session

from activities.ports import Ports, hand_over
from activities.rounds import rounds
from flows.ports import Done, NotDone, Request, Silence
from store.database import Database

EVERY = timedelta(seconds=1)
AT_ONCE = 10
# Pauses between tries grow from the first to the second; then it is given up.
LATER, LONGEST_PAUSE, GIVE_UP = timedelta(minutes=5), timedelta(hours=1), timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Outgoing:
    """What was taken out: its key, since when it is tried, and what is asked for."""

    key: str
    since: datetime
    request: Request


class Waiting(Protocol):
    """One kind of requests that wait in the store. Each call is a transaction, or a part of one."""

    def due(self, session: Session, now: datetime) -> Sequence[str]:
        """Keys of the next to be handed over, at most AT_ONCE."""

    def take(self, session: Session, key: str, now: datetime) -> Outgoing | None:
        """What to hand over, marked as taken; None: somebody else does it, or it may not be done now."""

    def settle(self, session: Session, sent: Outgoing, outcome: Done | NotDone | Silence, now: datetime) -> None:
        """Write down how it went."""


class Outbox:
    """Hands over what waits of one kind."""

    def __init__(self, db: Database, ports: Ports, clock: Callable[[], datetime], waiting: Waiting) -> None:
        self._db = db
        self._ports = ports
        self._clock = clock
        self._waiting = waiting

    async def run(self) -> None:
        """Hand over again and again until cancelled."""
        await rounds(self.once, EVERY, "outbox_failed")

    async def once(self) -> bool:
        """Hand over what is due now; True: there may be more."""
        now = self._clock()
        due = await self._db.read(lambda session: self._waiting.due(session, now))
        found = [await self._db.write(partial(self._waiting.take, key=key, now=now)) for key in due]
        taken = [each for each in found if each is not None]
        await asyncio.gather(*(self._hand_over(each) for each in taken))
        return bool(taken)

    async def _hand_over(self, taken: Outgoing) -> None:
        outcome = await hand_over(self._ports, taken.request, taken.key)
        await self._db.write(lambda session: self._waiting.settle(session, taken, outcome, self._clock()))


def next_try(since: datetime, outcome: NotDone | Silence, now: datetime) -> datetime | None:
    """When to try again: after as long as it was tried. None: it will never be done, or a day has gone by over it."""
    asked = outcome.retry_after if isinstance(outcome, NotDone) else None
    at = now + max(LATER, asked or LATER, min(now - since, LONGEST_PAUSE))
    final = isinstance(outcome, NotDone) and not outcome.retryable
    return None if final or at - since >= GIVE_UP else at
