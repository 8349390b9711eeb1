"""The activities of a flow's life: commands from the Temporal UI, and background work."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from sqlmodel import Session
from temporalio import activity

from activities.crm.embedded import EmbeddedCrm
from activities.definitions import Definitions, UnknownFlow
from activities.dispatcher import Dispatcher
from activities.enrolling.jobs import EnrolmentJobs
from activities.life.commands import CommandRefused, NotRunnable, command
from activities.life.schedules import carry_out
from activities.upkeep.background import Background
from store.flows import FlowRow
from workflows.contract import CommandInput, FlowState, SettleInput


class FlowActivities:
    """The activities of FlowWorkflow."""

    def __init__(
        self,
        dispatcher: Dispatcher,
        definitions: Definitions,
        crm: EmbeddedCrm,
        jobs: EnrolmentJobs,
        background: Background,
    ) -> None:
        self._dispatcher = dispatcher
        self._definitions = definitions
        self._crm = crm
        self._jobs = jobs
        self._background = background

    def control(self) -> list[Callable[..., Any]]:
        """What runs on the control task queue."""

        @activity.defn(name="command_flow")
        async def command_flow(given: CommandInput) -> FlowState:
            now = activity.info().started_time.astimezone(UTC)
            return await self._dispatcher.write(lambda session: self._command(session, given, now))

        @activity.defn(name="carry_out_scheduled")
        async def carry_out_scheduled(given: SettleInput) -> FlowState:
            now = activity.info().started_time.astimezone(UTC)
            return await self._dispatcher.write(lambda session: self._carry_out(session, given.flow, now))

        return [command_flow, carry_out_scheduled]

    def all(self) -> list[Callable[..., Any]]:
        """What runs on the common task queue."""

        @activity.defn(name="settle_flow")
        async def settle_flow(given: SettleInput) -> FlowState:
            return await self._background.settle(given.flow, activity.heartbeat)

        return [settle_flow]

    def _carry_out(self, session: Session, flow: str, now: datetime) -> FlowState:
        try:
            lines = carry_out(session, self._definitions, self._crm.catalog(session), self._jobs, flow, now)
        except UnknownFlow as error:
            return FlowState(status="unknown", text=str(error))
        return FlowState(status=session.get_one(FlowRow, flow).status.value, text="; ".join(lines))

    def _command(self, session: Session, given: CommandInput, now: datetime) -> FlowState:
        try:
            done = command(session, self._definitions, self._crm.catalog(session), given.flow, given.command, now)
        except UnknownFlow as error:
            return FlowState(status="unknown", text=str(error))
        except (CommandRefused, NotRunnable) as error:
            status = session.get_one(FlowRow, given.flow).status.value
            return FlowState(status=status, text=f"{given.command} refused: {error}")
        return FlowState(status=done.status.value, text=f"{given.command} at {now:%Y-%m-%d %H:%M:%S} UTC")
