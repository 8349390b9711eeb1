"""Drives the product's own transactions as the API and the workers do, with a clock of the walk's own.

Everything is real but Temporal: journeys follow their plans here, one after the other. A worker may be away, what is
told to Temporal may be lost until the sweep tells it again, answers may be lost and asked for again, and transactions
may be killed just before they are kept.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from functools import partial
from types import SimpleNamespace
from typing import Any, Literal, TypeVar, cast

from sqlalchemy import event
from sqlmodel import Session, SQLModel
from temporalio.client import Client, WorkflowExecutionStatus

from activities.core import Core
from activities.dispatcher import Asked, FlowChanged, StartJourney, WakeJourney
from activities.enrolling.enrolment import Enrolled, Proposal
from activities.enrolling.events import Event
from activities.journeys.standing import UnknownParticipant
from activities.journeys.steps import Begun
from activities.life.schedules import carry_out, next_at
from flows.outcome import Refusal
from flows.ports import Done as Sent
from flows.ports import NotDone, Silence, Sms
from store.database import Database
from store.enrolments import JobSource
from store.flows import FlowRow
from store.people import Person, Selection
from tests.model.design import CHOSEN, OUT
from workflows.contract import STEP_ATTEMPTS, Done, Hold, Perform, Plan, Wait

T = TypeVar("T")
Lost = Literal["before", "after"]
Provider = Literal["works", "refuses", "is silent", "is busy"]
START = datetime(2026, 3, 1, 8, tzinfo=UTC)


class _Stopped(Exception):
    """The worker dies between two pages of its work."""


class _Killed(Exception):
    """The process dies before the transaction is kept."""


class WalkDatabase(Database):
    """Runs transactions in the thread at hand; `killed` undoes each of them once before it is done."""

    killed = False

    def __init__(self, url: str) -> None:
        super().__init__(url)
        if self.sqlite:  # what a power cut would lose is no matter here
            event.listen(self._writer, "connect", lambda connection, _: connection.execute("PRAGMA synchronous=OFF"))

    async def write(self, work: Callable[[Session], T]) -> T:
        if self.killed:
            with suppress(_Killed):
                self.transact(lambda session: _kill(session, work))
        return self.transact(work)

    async def read(self, work: Callable[[Session], T]) -> T:
        return self.look(work)

    def empty(self) -> None:
        """Forget everything."""

        def work(session: Session) -> None:
            for table in reversed(SQLModel.metadata.sorted_tables):
                session.execute(table.delete())

        self.transact(work)


def _kill(session: Session, work: Callable[[Session], object]) -> None:
    work(session)
    session.flush()
    raise _Killed


class Driver:
    """One walk's product: a store that is empty at first, and the journeys."""

    def __init__(self, db: WalkDatabase, loop: asyncio.AbstractEventLoop) -> None:
        self.db = db
        self.loop = loop
        self.now = START
        self.working = True
        self.hearing = True
        self.lost: Lost | None = None
        self.pages: int | None = None
        self.provider: Provider = "works"
        self.sent: list[str] = []
        self.began: list[str] = []
        self.flows: list[str] = []
        self._plans: dict[str, Plan] = {}
        self._woken: set[str] = set()
        self._changed: set[str] = set()
        self._terminated: set[str] = set()
        db.killed = False
        db.empty()
        self.core = Core.build(db, cast(Client, _Temporal(self._terminated)), clock=lambda: self.now)
        self.core.dispatcher._tell = self._hear  # type: ignore[method-assign]

    def write(self, work: Callable[[Session], T]) -> T:
        """One transaction, and what it asks of Temporal."""
        return self.loop.run_until_complete(self.core.dispatcher.write(work))

    def look(self, work: Callable[[Session], T]) -> T:
        """What a transaction reads."""
        return self.db.look(work)

    def people(self, languages: Mapping[str, str | None]) -> None:
        """People with a mobile number and perhaps a language each, and the selections."""

        def work(session: Session) -> None:
            for id in (OUT, CHOSEN):
                session.add(Selection(id=id, name=id, created_at=self.now, updated_at=self.now))
            for number, (name, language) in enumerate(languages.items()):
                session.add(
                    Person(
                        id=name,
                        mobile=f"+479123456{number}",
                        language=language,
                        created_at=self.now,
                        updated_at=self.now,
                    )
                )

        self.write(work)

    def propose(self, flow: str, person: str, *, again: bool) -> Enrolled | Refusal:
        """By the API."""
        proposal = Proposal(flow, person, "api", again=again)
        return self.write(lambda session: self.core.enrolment.propose(session, proposal, self.now))

    def enrol(self, flow: str, *, again: bool) -> None:
        """The selection, by a job."""

        def work(session: Session) -> None:
            row = session.get_one(FlowRow, flow)
            self.core.jobs.begin(session, row, JobSource.SELECTION, self.now, selection=CHOSEN, again=again)

        self.write(work)

    def happens(self, event: Event) -> None:
        """By the API."""
        self.write(lambda session: self.core.events.take(session, event, self.now) and None)

    def moments(self) -> set[datetime]:
        """When something happens by itself."""
        there = [plan for id, plan in self._plans.items() if id not in self._terminated]
        waits = {plan.until for plan in there if isinstance(plan, Wait) and plan.until is not None}
        return waits | {at for at in map(self._next_at, self.flows) if at is not None}

    def _next_at(self, flow: str) -> datetime | None:
        return self.look(lambda session: next_at(session, flow))

    # --- the worker ---------------------------------------------------------------------------------------------------

    def settle(self) -> None:
        """As far as the worker comes now."""
        if self.working:
            try:
                self.loop.run_until_complete(self._settle())
            except _Stopped:
                self.working = self.hearing = False

    def hear_again(self) -> None:
        """Temporal is back, and the sweep tells what it missed."""
        self.hearing = True
        self.loop.run_until_complete(self.core.sweep.once())

    def terminate(self, id: str) -> bool:
        """End a journey in Temporal, if it is not over, and have the sweep find that."""
        if id not in self._plans or isinstance(self._plans[id], Done) or id in self._terminated:
            return False
        self._terminated.add(id)
        self.loop.run_until_complete(self.core.sweep.once())
        return True

    async def _settle(self) -> None:
        for flow in self.flows:
            at = self._next_at(flow)
            if at is not None and at <= self.now:
                await self.core.dispatcher.write(partial(self._carry_out, flow))
        moved = True
        while moved or self._changed:
            for flow in sorted(self._changed, key=self.flows.index):
                await self.core.background.settle(flow, self._progress)
                self._changed.discard(flow)
            moved = any([await self._goes(id) for id in list(self._plans)])

    def _progress(self, told: str) -> None:
        if self.pages is not None and told.startswith("enrolled"):
            self.pages -= 1
            if self.pages == 0:
                raise _Stopped

    def _carry_out(self, flow: str, session: Session) -> None:
        carry_out(session, self.core.definitions, self.core.crm.catalog(session), self.core.jobs, flow, self.now)

    async def _hear(self, what: Asked) -> None:
        """Instead of Temporal."""
        if not self.hearing:
            return
        if isinstance(what, StartJourney):
            if what.again and what.participant in self._terminated:
                self._terminated.remove(what.participant)
                self._plans[what.participant] = what.plan
                self._woken.add(what.participant)
            elif what.participant not in self._plans:
                self._plans[what.participant] = what.plan
                self.began.append(what.participant)
        elif isinstance(what, WakeJourney):
            self._woken.add(what.participant)
        elif isinstance(what, FlowChanged):
            self._changed.add(what.flow)

    async def _goes(self, id: str) -> bool:
        """Until it rests."""
        moved = False
        while await self._step(id):
            moved = True
        return moved

    async def _step(self, id: str) -> bool:
        plan = self._plans[id]
        if isinstance(plan, Done) or id in self._terminated:
            return False
        if id in self._woken:
            self._woken.discard(id)
            self._plans[id] = await self._ask(
                id, lambda session: self.core.steps.look(session, id, self.now), self.lost
            )
        elif isinstance(plan, Perform):
            self._plans[id] = await self._perform(id, plan)
        elif isinstance(plan, Wait) and plan.until is not None and plan.until <= self.now:
            self._plans[id] = plan.then
        else:
            assert isinstance(plan, Wait | Hold)
            return False
        return True

    async def _perform(self, id: str, plan: Perform) -> Plan:
        def enter(session: Session) -> Plan | Begun:
            return self.core.steps.enter(session, id, plan.position, plan.kind, self.now, in_store=plan.local)

        answer: Plan | Begun | None = None
        for attempt in range(1, STEP_ATTEMPTS + 1):
            answer = await self._ask(id, enter, "after" if self.lost == "before" else None)
            if not isinstance(answer, Begun):
                break
            outcome = self._hand_over(answer)
            settled = partial(self._settled, id, answer, outcome, last_try=attempt == STEP_ATTEMPTS)
            answer = await self.core.dispatcher.write(settled)
            if answer is not None:
                break
        if self.lost == "after":
            answer = await self._ask(id, enter, None)
        assert answer is not None
        assert not isinstance(answer, Begun)
        return answer

    def _settled(
        self, id: str, begun: Begun, outcome: Sent | NotDone | Silence, session: Session, *, last_try: bool
    ) -> Plan | None:
        return self.core.steps.settle(session, id, begun, outcome, self.now, last_try=last_try)

    def _hand_over(self, begun: Begun) -> Sent | NotDone | Silence:
        assert isinstance(begun.request, Sms)
        if self.provider in ("refuses", "is busy"):
            return NotDone("no", retryable=self.provider == "is busy")
        self.sent.append(begun.request.to)
        return Sent() if self.provider == "works" else Silence("no answer")

    async def _ask(self, id: str, work: Callable[[Session], T], lost: Lost | None) -> T | Done:
        try:
            if lost is not None:
                await self.core.dispatcher.write(work)
            return await self.core.dispatcher.write(work)
        except UnknownParticipant:
            return Done(position=0, status="cancelled", reason="cancelled_by_hand")


class _Temporal:
    """What the sweep asks of a client: every journey is there, but those that were terminated."""

    def __init__(self, terminated: set[str]) -> None:
        self._terminated = terminated

    async def list_workflows(self, _: str) -> AsyncIterator[Any]:
        for id in sorted(self._terminated):
            yield SimpleNamespace(id=id)

    def get_workflow_handle(self, id: str) -> Any:
        status = WorkflowExecutionStatus
        gone = id.rpartition("/")[2] in self._terminated

        async def describe() -> Any:
            return SimpleNamespace(status=status.TERMINATED if gone else status.RUNNING)

        return SimpleNamespace(describe=describe)
