"""What follows a command in the background: cancelling, releasing, enrolling in bulk (LIFE_10, TRIG_11).

Page by page, each participant in a transaction of its own; killed half way it simply goes on, because what is done no
longer needs doing. A new command ends the work on the old one at the next page: there are no more pages then.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from itertools import product

from sqlalchemy import Select, select, update
from sqlmodel import Session, col

from activities.dispatcher import Asked, Dispatcher, StartJourney, WakeJourney
from activities.enrolling.jobs import EnrolmentJobs, Overtaken
from activities.enrolling.queue import anyone_queued
from activities.enrolling.recurrences import Recurrences
from activities.journeys.edited import to_wake
from activities.journeys.standing import Rules, Standing, UnknownParticipant
from activities.life.draining import INSIDE, anyone_inside
from activities.life.progress import inside_in_words
from activities.life.schedules import next_at
from activities.webhooks.telling import write_down
from flows.outcome import Status
from store.database import lock_flow
from store.flows import GOES_ON, FlowRow, FlowStatus
from store.journeys import ParticipantRow
from workflows.contract import FlowState

PAGE = 200
_PAGES_AHEAD = 1  # written while the journeys of an earlier one are being started
# Nothing is left to do for these once everyone is out; a later command starts the flow's workflow again.
OVER = (FlowStatus.ENDED, FlowStatus.STOPPED, FlowStatus.FINISHED)

Clock = Callable[[], datetime]
Query = Select[int | None, str, str]


@dataclass(frozen=True, slots=True)
class _Page:
    """Participants of one page: number, id, person."""

    rows: Sequence[tuple[int, str, str]]

    @property
    def last(self) -> int:
        return self.rows[-1][0]


@dataclass(frozen=True, slots=True)
class _Given:
    """A flow as its last command left it; `moves`: whether those inside may go on."""

    flow: str
    epoch: int
    generation: int
    moves: bool


class Background:
    """The background work of flows."""

    def __init__(
        self, dispatcher: Dispatcher, rules: Rules, jobs: EnrolmentJobs, recurrences: Recurrences, clock: Clock
    ) -> None:
        self._dispatcher = dispatcher
        self._rules = rules
        self._jobs = jobs
        self._recurrences = recurrences
        self._clock = clock

    async def settle(self, flow: str, progress: Callable[[str], None]) -> FlowState:
        """Do all that the flow's status asks for; `progress` hears of every page."""
        given = await self._dispatcher.write(lambda session: _given(session, flow))
        await self._cancel(given, progress)
        if given.moves:
            await self._release_edited(given, progress)
            await self._release_held(given, progress)
            await self._admit_queued(given, progress)
        await self._enrol(flow, given.epoch, progress)
        await self._recurrences.sync(flow)
        return await self._dispatcher.write(lambda session: self._applied(session, flow, given.epoch))

    def _applied(self, session: Session, flow: str, epoch: int) -> FlowState:
        # Before the row is locked, and only up to a limit: every gate of the flow waits for that lock.
        text = inside_in_words(session, session.get_one(FlowRow, flow))
        row = session.get_one(FlowRow, flow, with_for_update=True, populate_existing=True)
        row.applied_epoch = max(row.applied_epoch, epoch)
        if row.status is FlowStatus.CLOSED and row.epoch == epoch and not anyone_inside(session, row):
            write_down(session, flow, row.status, FlowStatus.FINISHED, self._clock(), "the last has left")
            row.status = FlowStatus.FINISHED  # the last has left (LIFE_7)
        settled = row.epoch == epoch
        return FlowState(
            status=row.status.value,
            text=text,
            settled=settled,
            over=settled and row.status in OVER,
            scheduled=next_at(session, flow),
        )

    async def _cancel(self, given: _Given, progress: Callable[[str], None]) -> None:
        # One generation and status after another: each page is a range of an index.
        for old, status in product(range(1, given.generation), INSIDE):
            query = _participants(given.flow).where(
                col(ParticipantRow.generation) == old, col(ParticipantRow.status) == status
            )
            async for page in self._pages(given, query):
                for _, participant, _ in page.rows:
                    await self._dispatcher.write(partial(self._stop, participant))
                await self._dispatcher.tell([WakeJourney(given.flow, id) for _, id, _ in page.rows])
                progress(f"cancelled up to {page.last}")

    def _stop(self, participant: str, session: Session) -> None:
        try:
            Standing.lock(session, participant, self._clock(), self._rules).stop()
        except UnknownParticipant:
            return

    async def _release_held(self, given: _Given, progress: Callable[[str], None]) -> None:
        query = _inside(given.flow).where(
            col(ParticipantRow.holding), col(ParticipantRow.generation) == given.generation
        )
        async for page in self._pages(given, query):
            await self._wake(given.flow, page)
            progress(f"released up to {page.last}")

    async def _release_edited(self, given: _Given, progress: Callable[[str], None]) -> None:
        """Wake those who rest in a step that has changed since their plan was made (LIFE_4)."""
        edited = await self._dispatcher.write(lambda session: to_wake(session, self._rules.definitions, given.flow))
        for version, steps in edited.items():
            query = _inside(given.flow).where(
                col(ParticipantRow.step).in_(steps),
                col(ParticipantRow.version) == version,
                col(ParticipantRow.generation) == given.generation,
            )
            async for page in self._pages(given, query):
                await self._wake(given.flow, page)
                progress(f"planned afresh up to {page.last}")

    async def _wake(self, flow: str, page: _Page) -> None:
        ids, now = [id for _, id, _ in page.rows], self._clock()
        await self._dispatcher.write(
            lambda session: session.execute(
                update(ParticipantRow).where(col(ParticipantRow.id).in_(ids)).values(wake=now)
            )
        )
        await self._dispatcher.tell([WakeJourney(flow, id) for id in ids])

    async def _admit_queued(self, given: _Given, progress: Callable[[str], None]) -> None:
        """Those who came during a pause, and since, enter the first step in the order in which they came (LIFE_4)."""
        query = (
            select(col(ParticipantRow.number), col(ParticipantRow.id), col(ParticipantRow.person))
            .where(col(ParticipantRow.flow) == given.flow, col(ParticipantRow.status) == Status.QUEUED)
            .where(col(ParticipantRow.generation) == given.generation)
        )
        while await self._dispatcher.write(partial(_to_admit, given)):
            async for page in self._pages(given, query):
                for _, id, _ in page.rows:
                    asked = await self._dispatcher.write(partial(self._admit, id))
                    await self._dispatcher.tell(asked, in_order=True)
                progress(f"admitted up to {page.last}")

    def _admit(self, participant: str, session: Session) -> list[Asked]:
        try:
            here = Standing.lock(session, participant, self._clock(), self._rules)
        except UnknownParticipant:
            return []
        row = here.row
        if row.status is not Status.QUEUED or here.flow.status not in GOES_ON or here.flow.paused:
            return []
        here.admit()
        return [StartJourney(row.flow, row.id, row.person, here.plan, here.flow.name)]

    async def _enrol(self, flow: str, epoch: int, progress: Callable[[str], None]) -> None:
        """Carry on what was proposed in bulk (TRIG_11); while a page's journeys are started the next is written."""
        starting: deque[asyncio.Task[list[Asked]]] = deque()
        try:
            while True:
                try:
                    left, asked = await self._dispatcher.commit(
                        lambda session: self._jobs.page(session, flow, epoch, self._clock())
                    )
                except Overtaken:
                    return  # whoever overtook carries on
                if left is None:
                    return
                progress(left)
                starting.append(asyncio.create_task(self._dispatcher.tell(asked)))
                if len(starting) > _PAGES_AHEAD:
                    await starting.popleft()
        finally:
            await asyncio.gather(*starting)

    async def _pages(self, given: _Given, query: Query) -> AsyncIterator[_Page]:
        after = 0
        while rows := await self._dispatcher.write(partial(_page, given, query, after)):
            page = _Page(rows)
            yield page
            after = page.last


def _page(given: _Given, query: Query, after: int, session: Session) -> list[tuple[int, str, str]]:
    if session.get_one(FlowRow, given.flow).epoch != given.epoch:
        return []
    place = col(ParticipantRow.number)
    ordered = query.where(place > after).order_by(place).limit(PAGE)
    return [(number or 0, id, person) for number, id, person in session.execute(ordered)]


def _to_admit(given: _Given, session: Session) -> bool:
    lock_flow(session, given.flow, exclusive=True)  # nobody is about to queue
    flow = session.get_one(FlowRow, given.flow)
    return flow.epoch == given.epoch and not flow.paused and anyone_queued(session, flow)


def _participants(flow: str) -> Query:
    columns = (col(ParticipantRow.number), col(ParticipantRow.id), col(ParticipantRow.person))
    return select(*columns).where(col(ParticipantRow.flow) == flow)


def _inside(flow: str) -> Query:
    return _participants(flow).where(col(ParticipantRow.status).in_(INSIDE))


def _given(session: Session, flow: str) -> _Given:
    row = session.get_one(FlowRow, flow)
    return _Given(flow, row.epoch, row.generation, row.status in GOES_ON and not row.paused)
