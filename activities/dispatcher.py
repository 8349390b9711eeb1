"""After a transaction: telling Temporal what it asked for.

A transaction asks (`ask`) for journeys to be started or woken; once it is committed the dispatcher does so. What a
crash or an unreachable server keeps from being told stays marked in the store, and the sweep tells it later. So nothing
here may decide anything, and everything may happen twice.
"""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypeVar, get_args

import structlog
from sqlmodel import Session
from temporalio.client import Client
from temporalio.common import (
    SearchAttributePair,
    TypedSearchAttributes,
    WorkflowIDConflictPolicy,
    WorkflowIDReusePolicy,
)
from temporalio.exceptions import WorkflowAlreadyStartedError
from temporalio.service import RPCError, RPCStatusCode

from flows.outcome import Status
from store.database import Database
from store.journeys import ParticipantRow
from workflows.contract import (
    FERD_FLOW,
    FERD_PERSON,
    TASK_QUEUE,
    Command,
    FlowInput,
    JourneyInput,
    Plan,
    RepeatInput,
    flow_id,
    journey_id,
    repeat_id,
)

T = TypeVar("T")
log = structlog.get_logger(__name__)

# A caller waits for Temporal no longer than this; the sweep tells it what it missed.
PATIENCE = timedelta(seconds=2)
AT_ONCE = 20
COMMANDS = ", ".join(get_args(Command))


@dataclass(frozen=True, slots=True)
class StartJourney:
    """Start the workflow that carries a participant. `title` is the flow's name.

    `again`: also where an earlier one is closed, and it looks first; only a person asks for that (PART_4).
    """

    flow: str
    participant: str
    person: str
    plan: Plan
    title: str
    again: bool = False


@dataclass(frozen=True, slots=True)
class WakeJourney:
    """Have a journey look in the store what comes next."""

    flow: str
    participant: str


@dataclass(frozen=True, slots=True)
class FlowChanged:
    """Have a flow's workflow do its background work."""

    flow: str
    title: str


@dataclass(frozen=True, slots=True)
class StartRepeat:
    """Start the workflow that has an effect done again (SAFE_2)."""

    flow: str
    effect: str


Asked = StartJourney | WakeJourney | FlowChanged | StartRepeat


def ask(session: Session, asked: Asked) -> None:
    """Ask for something to be told to Temporal once this transaction is committed."""
    session.info.setdefault("asked", []).append(asked)


def wake(session: Session, participant: ParticipantRow, now: datetime) -> None:
    """Have a journey look what comes next; marked, so that a lost signal is sent again. A queued one has none yet."""
    if participant.status is not Status.QUEUED:
        participant.wake = now
        ask(session, WakeJourney(participant.flow, participant.id))


class Dispatcher:
    """Runs transactions and tells Temporal what they asked for."""

    def __init__(self, db: Database, client: Client, task_queue: str = TASK_QUEUE) -> None:
        self._db = db
        self._client = client
        self._task_queue = task_queue

    async def write(self, work: Callable[[Session], T]) -> T:
        """Run `work` as one transaction, then tell Temporal; a Temporal that cannot be reached is no failure."""
        answer, asked = await self.commit(work)
        if asked:
            await self.tell(asked)
        return answer

    async def commit(self, work: Callable[[Session], T]) -> tuple[T, list[Asked]]:
        """Run `work` as one transaction; answers also what Temporal still has to be told."""

        def run(session: Session) -> tuple[T, list[Asked]]:
            return work(session), session.info.get("asked", [])

        return await self._db.write(run)

    def scrub(self) -> None:
        """Have the store leave nothing of what was erased."""
        self._db.scrub()

    async def tell(self, asked: Sequence[Asked], *, in_order: bool = False) -> list[Asked]:
        """Tell Temporal all of it, `in_order` one after another; answers what Temporal has heard."""
        places = asyncio.Semaphore(1 if in_order else AT_ONCE)
        heard: list[Asked] = []

        async def one(what: Asked) -> None:
            async with places:
                try:
                    async with asyncio.timeout(PATIENCE.total_seconds()):
                        await self._tell(what)
                    heard.append(what)
                except (RPCError, TimeoutError) as error:
                    reason = str(error) or f"no answer in {PATIENCE.total_seconds():.0f} s"
                    log.warning("temporal_not_told", asked=type(what).__name__, flow=what.flow, error=reason)

        await asyncio.gather(*(one(what) for what in asked))
        return heard

    async def _tell(self, what: Asked) -> None:
        if isinstance(what, WakeJourney):
            try:
                await self._client.get_workflow_handle(journey_id(what.flow, what.participant)).signal("replan")
            except RPCError as error:
                if error.status is not RPCStatusCode.NOT_FOUND:  # it ended, or was not started yet: nothing to wake
                    raise
        elif isinstance(what, StartJourney):
            await self._start(what)
        elif isinstance(what, StartRepeat):
            await self._repeat(what)
        else:
            await self._client.start_workflow(
                "Flow",
                FlowInput(flow=what.flow),
                id=flow_id(what.flow),
                task_queue=self._task_queue,
                id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
                start_signal="changed",
                search_attributes=TypedSearchAttributes([SearchAttributePair(FERD_FLOW, what.flow)]),
                static_summary=what.title,
                static_details=f"The flow `{what.flow}`. Its commands are signals: {COMMANDS}.",
            )

    async def _repeat(self, what: StartRepeat) -> None:
        with suppress(WorkflowAlreadyStartedError):
            await self._client.start_workflow(
                "Repeat",
                RepeatInput(effect=what.effect),
                id=repeat_id(what.effect),
                task_queue=self._task_queue,
                search_attributes=TypedSearchAttributes([SearchAttributePair(FERD_FLOW, what.flow)]),
                static_summary=f"send again: {what.effect}",
            )

    async def _start(self, what: StartJourney) -> None:
        with suppress(WorkflowAlreadyStartedError):
            await self._client.start_workflow(
                "Journey",
                JourneyInput(flow=what.flow, participant=what.participant, plan=what.plan, look=what.again),
                id=journey_id(what.flow, what.participant),
                task_queue=self._task_queue,
                # Started once is started: a journey that was terminated never comes back by itself (PART_4).
                id_reuse_policy=(
                    WorkflowIDReusePolicy.ALLOW_DUPLICATE if what.again else WorkflowIDReusePolicy.REJECT_DUPLICATE
                ),
                search_attributes=TypedSearchAttributes(
                    [SearchAttributePair(FERD_FLOW, what.flow), SearchAttributePair(FERD_PERSON, what.person)]
                ),
                static_summary=what.title,
                static_details=f"Participant `{what.participant}` (person `{what.person}`) in the flow `{what.flow}`.",
            )
