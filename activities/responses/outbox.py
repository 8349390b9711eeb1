"""Mails that no journey sends: taken out of the store and sent beside every worker; several share the work.

Each is taken in one transaction, sent, and settled in another, so that whoever finds it taken knows that somebody may
have sent it and was not heard of again.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Protocol

from sqlmodel import Session

from activities.rounds import rounds
from flows.ports import Done, Email, Mail, NotDone, Silence
from store.database import Database

EVERY = timedelta(seconds=1)
AT_ONCE = 10
LATER, GIVE_UP = timedelta(minutes=5), timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A mail that was taken out: its key, since when it is to be sent, and what is sent."""

    key: str
    made_at: datetime
    email: Email


class Waiting(Protocol):
    """One kind of mails that wait in the store. Each call is a transaction, or a part of one."""

    def due(self, session: Session, now: datetime) -> Sequence[str]:
        """Keys of the next to be sent, at most AT_ONCE."""

    def take(self, session: Session, key: str, now: datetime) -> Outgoing | None:
        """What to send, marked as taken; None: somebody else does it, or it may not be sent now."""

    def settle(self, session: Session, sent: Outgoing, outcome: Done | NotDone | Silence, now: datetime) -> None:
        """Write down how it went."""


class Outbox:
    """Sends the mails of one kind."""

    def __init__(self, db: Database, mail: Mail, clock: Callable[[], datetime], waiting: Waiting) -> None:
        self._db = db
        self._mail = mail
        self._clock = clock
        self._waiting = waiting

    async def run(self) -> None:
        """Send again and again until cancelled."""
        await rounds(self.once, EVERY, "outbox_failed")

    async def once(self) -> bool:
        """Send what is to be sent now; True: there may be more."""
        now = self._clock()
        due = await self._db.read(lambda session: self._waiting.due(session, now))
        found = [await self._db.write(partial(self._waiting.take, key=key, now=now)) for key in due]
        taken = [each for each in found if each is not None]
        await asyncio.gather(*(self._send(each) for each in taken))
        return bool(taken)

    async def _send(self, taken: Outgoing) -> None:
        outcome: Done | NotDone | Silence
        try:
            outcome = await self._mail.send(taken.email, taken.key)
        except (NotDone, Silence) as error:
            outcome = error
        except asyncio.CancelledError:  # else it would be Silence
            outcome = NotDone("the worker was ended before the mail left", retryable=True)
        await self._db.write(lambda session: self._waiting.settle(session, taken, outcome, self._clock()))


def worth_another_try(sent: Outgoing, outcome: Done | NotDone | Silence, now: datetime) -> bool:
    """Whether the mail did not leave, may leave later, and a day has not gone by over it."""
    return isinstance(outcome, NotDone) and outcome.retryable and now + LATER - sent.made_at < GIVE_UP
