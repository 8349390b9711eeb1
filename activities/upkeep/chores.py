"""Chores: what concerns so many that one transaction would make others wait, carried on page by page.

The first page is done at once by whoever asks; the sweep does the rest. A page that a crash breaks off is done again,
which does no harm: what is done no longer needs doing.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial

import structlog
from sqlalchemy import select
from sqlmodel import Session, col

from activities.crm.telling import Telling
from activities.desk.attention import Attention, Entry, UnknownEffect, entries
from activities.desk.erasing import Erasing
from activities.desk.participants import OperationRefused
from activities.dispatcher import Dispatcher
from activities.journeys.standing import UnknownParticipant
from store.chores import WHAT, Attend, ChoreRow, CleanUp, What
from store.columns import new_id

log = structlog.get_logger(__name__)

PAGE = 100
# After a page that failed.
LATER = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class Attended:
    """What came of one page: `more` says that the rest is done in the background."""

    done: int = 0
    refused: int = 0
    more: bool = False


class Chores:
    """Begins chores and carries them on."""

    def __init__(
        self,
        dispatcher: Dispatcher,
        attention: Attention,
        telling: Telling,
        erasing: Erasing,
        clock: Callable[[], datetime],
    ) -> None:
        self._dispatcher = dispatcher
        self._attention = attention
        self._telling = telling
        self._erasing = erasing
        self._clock = clock

    async def attend(self, what: Attend) -> Attended:
        """Do it about the first page of the attention list's entries, and see to the rest."""
        attended, after = await self._attend(what, "")
        if after is not None:
            row = ChoreRow(id=new_id("cho"), what=what.model_dump(), after=after, at=self._clock())
            await self._dispatcher.write(lambda session: session.add(row))
        return replace(attended, more=after is not None)

    async def once(self) -> int:
        """Carry on with every chore to its end; answers how many pages that took."""
        pages = 0
        while (chore := await self._dispatcher.write(partial(_oldest, self._clock()))) is not None:
            pages += 1
            try:
                after = await self._page(WHAT.validate_python(chore.what), chore)
            except Exception as error:  # the others do not stand behind it
                log.warning("chore_failed", chore=chore.id, error=type(error).__name__)
                await self._dispatcher.write(partial(_put_off, chore.id, self._clock() + LATER))
            else:
                await self._dispatcher.write(partial(_carry_on, chore.id, after))
        return pages

    async def _page(self, what: What, chore: ChoreRow) -> str | None:
        if isinstance(what, Attend):
            _, after = await self._attend(what, chore.after)
            return after
        if isinstance(what, CleanUp):
            await self._dispatcher.write(lambda session: self._erasing.clean_up(session, what.person))
            await asyncio.to_thread(self._dispatcher.scrub)
            return None
        return await self._dispatcher.write(
            lambda session: self._telling.page(session, what, chore.after, self._clock())
        )

    async def _attend(self, what: Attend, after: str) -> tuple[Attended, str | None]:
        found = await self._dispatcher.write(
            lambda session: entries(session, after, PAGE + 1, what.flow, what.step, of=what.operation)
        )
        outcomes = [await self._act(what, entry) for entry in found[:PAGE]]
        done = sum(outcomes)
        last = found[PAGE - 1].place if len(found) > PAGE else None
        return Attended(done, len(outcomes) - done), last

    async def _act(self, what: Attend, entry: Entry) -> bool:
        try:
            await self._dispatcher.write(
                lambda session: self._attention.act(session, entry, what.operation, self._clock())
            )
        except (OperationRefused, UnknownParticipant, UnknownEffect):  # somebody was faster, or it may not be
            return False
        return True


def _oldest(now: datetime, session: Session) -> ChoreRow | None:
    due = select(ChoreRow).where(col(ChoreRow.at) <= now)
    return session.scalar(due.order_by(col(ChoreRow.at), col(ChoreRow.id)).limit(1))


def _carry_on(id: str, after: str | None, session: Session) -> None:
    chore = session.get(ChoreRow, id, with_for_update=True)
    if chore is None:
        return
    if after is None:
        session.delete(chore)
    else:
        chore.after = after


def _put_off(id: str, until: datetime, session: Session) -> None:
    chore = session.get(ChoreRow, id, with_for_update=True)
    if chore is not None:
        chore.at = until
