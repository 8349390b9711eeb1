"""The two sides of the comparison: the same people, the same effects, each with a database of its own."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from datetime import UTC, datetime
from typing import Any, Protocol, TypeVar

from sqlalchemy import insert
from sqlmodel import Session
from temporalio.client import Client, WorkflowHandle
from temporalio.service import RPCError, RPCStatusCode

from activities.core import Core
from activities.editing import versions
from activities.enrolling.enrolment import Enrolled, Proposal
from activities.life.commands import Commanded, command
from bench.by_hand_contract import TASK_QUEUE, Welcome
from bench.by_hand_workflow import WelcomeWorkflow
from bench.processes import Process
from bench.reference import CONTENT, HTML, TEXT, flow
from flows.definition import Flow
from store.library import ContentRow
from store.people import Person
from workflows.contract import Command, journey_id

# Calls that are under way at once: what a busy API has.
AT_ONCE = 20

Handle = WorkflowHandle[Any, Any]
T = TypeVar("T")
R = TypeVar("R")


class Side(Protocol):
    """One way to carry people through the reference journey."""

    @property
    def worker(self) -> Process:
        """The process that does the work."""

    async def start(self, person: str) -> Handle:
        """Start one person's journey; answers its workflow."""


class Ferd:
    """The journey as a ferd flow."""

    def __init__(self, core: Core, client: Client, worker: Process, flow: str) -> None:
        self.core, self.client, self.worker, self.flow = core, client, worker, flow

    async def set_up(self) -> None:
        """Put in the content and run the flow."""
        content = ContentRow(
            id=CONTENT, name="Welcome", state="ready", subject="Welcome", html=HTML, text=TEXT,
            created_at=now(), updated_at=now(),
        )  # fmt: skip
        await self.core.db.write(lambda session: session.add(content))
        await self.run(flow(self.flow))

    async def run(self, flow: Flow) -> None:
        """Save a flow and start it."""
        await self.core.dispatcher.write(lambda session: versions.create(session, flow, "", now()) and None)
        await self.command(flow.id, "run")

    async def command(self, flow: str, given: Command) -> Commanded:
        """Give a flow a command, as POST /v1/flows/{id}/{command} does."""
        core = self.core
        return await core.dispatcher.write(
            lambda session: command(session, core.definitions, core.crm.catalog(session), flow, given, now())
        )

    async def start(self, person: str) -> Handle:
        """Enrol one person, as POST /v1/flows/{id}/participants does."""
        proposal = Proposal(self.flow, person, "api")
        answer = await self.core.dispatcher.write(lambda session: self.core.enrolment.propose(session, proposal, now()))
        if not isinstance(answer, Enrolled):
            raise RuntimeError(f"{person} was not enrolled: {answer}")
        return self.client.get_workflow_handle(journey_id(self.flow, answer.participant))


class ByHand:
    """The journey as a hand-written workflow."""

    def __init__(self, client: Client, worker: Process) -> None:
        self.client, self.worker = client, worker

    async def start(self, person: str) -> Handle:
        """Start a workflow for one person."""
        return await self.client.start_workflow(
            WelcomeWorkflow.run, Welcome(person=person), id=f"welcome/{person}", task_queue=TASK_QUEUE
        )


async def carry(side: Side, people: Sequence[str], at_once: int) -> list[Handle]:
    """Take everyone through the journey to its end, so many at a time; answers the workflows."""

    calls = asyncio.Semaphore(AT_ONCE)

    async def one(person: str) -> Handle:
        async with calls:
            journey = await side.start(person)
        await _end(journey)
        return journey

    return await gather(one, people, at_once)


async def _end(journey: Handle) -> None:
    """Until the journey has ended. Where Temporal was too busy to be told of it, the sweep starts it later."""
    while True:
        try:
            await journey.result()
        except RPCError as error:
            if error.status is not RPCStatusCode.NOT_FOUND:
                raise
            await asyncio.sleep(0.5)
        else:
            return


def add_people(session: Session, people: Iterable[str]) -> None:
    """Everyone has a first name and an address of their own."""
    at = now()
    rows = [
        {"id": id, "first_name": f"Kari {id}", "email": f"{id}@x.example", "email_key": f"{id}@x.example"}
        for id in people
    ]
    others = Person(id="", created_at=at, updated_at=at).model_dump()
    session.execute(insert(Person), [{**others, **row} for row in rows])


async def gather(work: Callable[[T], Awaitable[R]], items: Iterable[T], at_once: int = AT_ONCE) -> list[R]:
    """Do it for every item, so many at a time; answers in order."""
    places = asyncio.Semaphore(at_once)

    async def one(item: T) -> R:
        async with places:
            return await work(item)

    return await asyncio.gather(*(one(item) for item in items))


def now() -> datetime:
    """The time of this machine."""
    return datetime.now(UTC)
