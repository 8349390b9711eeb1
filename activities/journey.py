"""The activities of a journey: one for each kind of step that acts or decides, `look`, and `unanswered`.

An activity is two transactions with the world between them; see `activities.journeys.steps`. Time comes from the
activity's scheduled start, or is given by the journey, so that whoever owns the server's clock owns ours.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

from sqlmodel import Session
from temporalio import activity
from temporalio.exceptions import ApplicationError

from activities.dispatcher import Dispatcher
from activities.enrolling.events import Event, Events
from activities.journeys import breaker
from activities.journeys.standing import Standing, UnknownParticipant
from activities.journeys.steps import Begun, Steps
from activities.ports import Ports, hand_over
from flows.outcome import Reason, Status
from flows.ports import Done
from flows.steps import KINDS
from flows.steps.base import Leave
from store.json_data import storable
from workflows.contract import STEP_ATTEMPTS, Answer, LookInput, Message, Plan, StepInput, UnansweredInput
from workflows.contract import Done as DonePlan

# An effect is handed over within this time after the gate, or the gate is passed again: a pause may have been answered
# in between (DESIGN.md).
FRESH = 3.0
HEARTBEAT = 2.0


class JourneyActivities:
    """The activities, with what they act through: `ports` serve the requests that leave our store, by their type."""

    def __init__(self, dispatcher: Dispatcher, steps: Steps, events: Events, ports: Ports) -> None:
        self._dispatcher = dispatcher
        self._steps = steps
        self._events = events
        self._ports = ports

    def all(self) -> list[Callable[..., Any]]:
        """All activities, to be registered with a worker."""
        return [*(self._named(kind) for kind in KINDS), self._look(), self._unanswered()]

    def _named(self, kind: str) -> Callable[..., Any]:
        # A function of its own for each kind: its name and summary are what an operator reads in the history.
        @activity.defn(name=kind)
        async def step(given: StepInput) -> Answer:
            async with heartbeating():
                return Answer(plan=await self._step(kind, given))

        return step

    def _look(self) -> Callable[..., Any]:
        @activity.defn(name="look")
        async def look(given: LookInput) -> Answer:
            now = _now()
            return Answer(plan=await self._dispatcher.write(lambda session: self._hear(session, given, now)))

        return look

    def _unanswered(self) -> Callable[..., Any]:
        @activity.defn(name="unanswered")
        async def unanswered(given: UnansweredInput) -> Answer:
            now = _now()

            def settle(session: Session) -> Plan:
                try:
                    return self._steps.unanswered(session, given.participant, given.position, now)
                except UnknownParticipant:
                    return _removed(given.position)

            return Answer(plan=await self._dispatcher.write(settle))

        return unanswered

    async def _step(self, kind: str, given: StepInput) -> Plan:
        now, mine, local = given.now or _now(), False, activity.info().is_local
        while True:
            planned = time.monotonic()
            try:
                begun = await self._dispatcher.write(
                    lambda session, mine=mine: self._steps.enter(  # type: ignore[misc]
                        session, given.participant, given.position, kind, now, mine=mine, in_store=local
                    )
                )
            except UnknownParticipant:
                return _removed(given.position)
            if not isinstance(begun, Begun):
                return begun
            if time.monotonic() - planned <= FRESH:
                break
            mine = True
        outcome = await hand_over(self._ports, begun.request, begun.key)
        last_try = activity.info().attempt >= STEP_ATTEMPTS
        plan = await self._dispatcher.write(
            lambda session: self._steps.settle(session, given.participant, begun, outcome, now, last_try=last_try)
        )
        if not isinstance(outcome, Done):
            await self._dispatcher.write(lambda session: breaker.look(session, self._steps.rules, given.flow, now))
        if plan is None:
            raise ApplicationError(f"{type(outcome).__name__}: {begun.key}", type=type(outcome).__name__)
        return plan

    def _hear(self, session: Session, given: LookInput, now: datetime) -> Plan:
        for message in given.messages:
            try:
                here = Standing.lock(session, given.participant, now, self._steps.rules)
            except UnknownParticipant:
                return _removed(0)
            if here.row.status.inside:
                self._take(here, message)
        try:
            return self._steps.look(session, given.participant, now)
        except UnknownParticipant:
            return _removed(0)

    def _take(self, here: Standing, message: Message) -> None:
        row = here.row
        if message.kind == "cancel":
            here.leave(Leave(Reason.BY_HAND, "cancelled in Temporal"))
        elif message.kind == "pause":
            here.put_on_hold("paused")
        elif message.kind == "resume":
            here.take_off_hold("paused")
        elif storable([message.id, message.event]):  # else no database can hold it
            source = f"temporal:{row.flow}/{row.id}"
            event = Event(message.event, message.at or here.now, row.person, source=source, id=message.id)
            self._events.take(here.session, event, here.now)


def _now() -> datetime:
    return activity.info().started_time.astimezone(UTC)


def _removed(position: int) -> DonePlan:
    """The participant was removed with all record (PART_4): nothing to say but that it is over."""
    return DonePlan(position=position, status=Status.CANCELLED.value, reason=Reason.BY_HAND.value)


@asynccontextmanager
async def heartbeating() -> AsyncIterator[None]:
    """Heartbeat while the activity runs: a worker that was killed is noticed within seconds."""

    async def beat() -> None:
        while not activity.info().is_local:  # of a local one the server knows nothing before it has answered
            await asyncio.sleep(HEARTBEAT)
            activity.heartbeat()

    beating = asyncio.create_task(beat())
    try:
        yield
    finally:
        beating.cancel()
