"""Recurring schedules over a selection, as Temporal Schedules (TRIG_1).

A flow has them while it takes people. They follow its commands and edits in the background: what there shall be comes
from the flow, what there may be from the store, so that a crash in between is mended by the next look.
"""

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, timedelta
from typing import Any

from sqlalchemy import delete, select, update
from sqlmodel import Session, col
from temporalio import activity
from temporalio.client import (
    Client,
    Schedule,
    ScheduleActionStartWorkflow,
    ScheduleAlreadyRunningError,
    ScheduleOverlapPolicy,
    SchedulePolicy,
    ScheduleSpec,
)
from temporalio.common import SearchAttributePair, TypedSearchAttributes
from temporalio.service import RPCError, RPCStatusCode

from activities.definitions import Definitions
from activities.dispatcher import Dispatcher
from activities.enrolling.jobs import EnrolmentJobs
from flows.definition import Flow
from flows.events import ScheduleTrigger, trigger_name
from store.enrolments import Recurrence
from store.flows import TAKES_PEOPLE, FlowRow
from store.inserts import insert_new
from workflows.contract import FERD_FLOW, RecurrenceAnswer, RecurrenceInput, recurrence_id

# A moment that Temporal missed, because it was down, is made up for within this time, not later.
CATCH_UP = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class _Change:
    """What has to be made and unmade in Temporal, by the triggers' names."""

    title: str
    time_zone: str
    make: Mapping[str, ScheduleTrigger]
    unmake: frozenset[str]


class Recurrences:
    """Makes and unmakes the schedules of flows, and hears of their moments."""

    def __init__(
        self,
        client: Client,
        dispatcher: Dispatcher,
        definitions: Definitions,
        jobs: EnrolmentJobs,
        task_queue: str,
    ) -> None:
        self._client = client
        self._dispatcher = dispatcher
        self._definitions = definitions
        self._jobs = jobs
        self._task_queue = task_queue

    async def sync(self, flow: str) -> None:
        """Have the flow's schedules be those that it shall have now."""
        change = await self._dispatcher.write(lambda session: self._plan(session, flow))
        for name, trigger in change.make.items():
            await self._make(flow, name, trigger, change)
        for name in change.unmake:
            await self._unmake(flow, name)
        if change.make or change.unmake:
            await self._dispatcher.write(lambda session: _done(session, flow, change))

    def _plan(self, session: Session, flow: str) -> _Change:
        row = session.get_one(FlowRow, flow)
        definition = self._definitions.current(session, row).flow
        wanted = scheduled(definition) if row.status in TAKES_PEOPLE and not row.deleted else {}
        if wanted:  # written before they are made: what may be there is never forgotten
            insert_new(session, Recurrence, [{"flow": flow, "trigger": name, "made": False} for name in wanted])
        known = session.execute(
            select(col(Recurrence.trigger), col(Recurrence.made)).where(col(Recurrence.flow) == flow)
        ).all()
        make = {name: wanted[name] for name, made in known if name in wanted and not made}
        return _Change(row.name, definition.time_zone, make, frozenset(name for name, _ in known if name not in wanted))

    async def _make(self, flow: str, name: str, trigger: ScheduleTrigger, change: _Change) -> None:
        action = ScheduleActionStartWorkflow(
            "Recurrence",
            RecurrenceInput(flow=flow, trigger=name),
            id=recurrence_id(flow, name),
            task_queue=self._task_queue,
            typed_search_attributes=TypedSearchAttributes([SearchAttributePair(FERD_FLOW, flow)]),
            static_summary=change.title,
        )
        schedule = Schedule(
            action=action,
            spec=ScheduleSpec(cron_expressions=[trigger.schedule], time_zone_name=change.time_zone),
            policy=SchedulePolicy(overlap=ScheduleOverlapPolicy.ALLOW_ALL, catchup_window=CATCH_UP),
        )
        with suppress(ScheduleAlreadyRunningError):  # a schedule of this name is this schedule
            await self._client.create_schedule(recurrence_id(flow, name), schedule)

    async def _unmake(self, flow: str, name: str) -> None:
        try:
            await self._client.get_schedule_handle(recurrence_id(flow, name)).delete()
        except RPCError as error:
            if error.status is not RPCStatusCode.NOT_FOUND:
                raise

    def activities(self) -> list[Callable[..., Any]]:
        """The activity of RecurrenceWorkflow."""

        @activity.defn(name="enrol_recurring")
        async def enrol_recurring(given: RecurrenceInput) -> RecurrenceAnswer:
            info = activity.info()
            now = info.started_time.astimezone(UTC)

            def begin(session: Session) -> str:
                row = session.get(FlowRow, given.flow)
                definition = None if row is None else self._definitions.current(session, row).flow
                trigger = scheduled(definition).get(given.trigger) if definition is not None else None
                if row is None or trigger is None or row.deleted or row.status not in TAKES_PEOPLE:
                    return "the flow has no such schedule now"
                began = self._jobs.begin_at(session, row, trigger, str(info.workflow_id), now)
                return "the selection is being enrolled" if began else "this moment has been heard of before"

            return RecurrenceAnswer(text=await self._dispatcher.write(begin))

        return [enrol_recurring]


def scheduled(flow: Flow) -> dict[str, ScheduleTrigger]:
    """The schedules among a flow's triggers, by their names."""
    triggers = [trigger for trigger in flow.enrolment.triggers if isinstance(trigger, ScheduleTrigger)]
    return {trigger_name(trigger, flow.time_zone): trigger for trigger in triggers}


def _done(session: Session, flow: str, change: _Change) -> None:
    here = col(Recurrence.flow) == flow
    session.execute(update(Recurrence).where(here, col(Recurrence.trigger).in_(list(change.make))).values(made=True))
    session.execute(delete(Recurrence).where(here, col(Recurrence.trigger).in_(list(change.unmake))))
