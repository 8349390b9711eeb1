"""FlowWorkflow: the life of one flow.

The flow's row in the store is the truth; this workflow carries commands there that were signalled from the Temporal UI,
and does the work that follows a command in the background: releasing, cancelling, enrolling in bulk.
"""

import asyncio
import contextlib
from datetime import datetime, timedelta

from temporalio import workflow
from temporalio.common import RetryPolicy

with workflow.unsafe.imports_passed_through():
    from workflows.contract import (
        Command,
        CommandInput,
        FlowInput,
        FlowState,
        SettleInput,
        control_queue,
    )

COMMAND = timedelta(seconds=30)
# Background work goes page by page and heartbeats at each; an hour later it simply goes on where it was.
SETTLE = timedelta(hours=1)
PAGE = timedelta(seconds=60)
PATIENT = RetryPolicy(initial_interval=timedelta(seconds=1), maximum_interval=timedelta(seconds=30))
LONG_HISTORY = 500


@workflow.defn(name="Flow")
class FlowWorkflow:
    """One flow's life: commands in, background work out."""

    @workflow.init
    def __init__(self, flow: FlowInput) -> None:
        self._flow = flow.flow
        self._turn = asyncio.Lock()
        self._changed = True

    @workflow.run
    async def run(self, flow: FlowInput) -> FlowState:
        """Live until the flow can have no background work any more; a later command starts it again."""
        while True:
            self._changed = False
            state = await self._settle()
            workflow.set_current_details(f"**{state.status}**: {state.text}")
            if state.settled:
                await workflow.wait_condition(workflow.all_handlers_finished)
                if state.over and state.scheduled is None and not self._changed:
                    return state
                if await self._rest(state.scheduled):
                    await self._carry_out_scheduled()
            if workflow.info().get_current_history_length() >= LONG_HISTORY:
                await workflow.wait_condition(workflow.all_handlers_finished)
                workflow.continue_as_new(flow)

    # What somebody gives with a signal by hand is passed over, as in a journey.

    @workflow.signal(name="run", description="Start the flow, or go on after a pause")
    async def run_flow(self, *_: object) -> None:
        """As POST /v1/flows/{id}/run."""
        await self._command("run")

    @workflow.signal(description="Hold every participant where it stands")
    async def pause(self, *_: object) -> None:
        """As POST /v1/flows/{id}/pause."""
        await self._command("pause")

    @workflow.signal(description="Let everyone go on")
    async def resume(self, *_: object) -> None:
        """As POST /v1/flows/{id}/resume."""
        await self._command("resume")

    @workflow.signal(description="Let nobody new in, and skip every action")
    async def off(self, *_: object) -> None:
        """As POST /v1/flows/{id}/off."""
        await self._command("off")

    @workflow.signal(description="Let nobody new in; those inside go on to their end")
    async def close(self, *_: object) -> None:
        """As POST /v1/flows/{id}/close."""
        await self._command("close")

    @workflow.signal(description="End the flow: everyone inside is cancelled")
    async def end(self, *_: object) -> None:
        """As POST /v1/flows/{id}/end."""
        await self._command("end")

    @workflow.signal(description="The emergency brake: everyone inside is cancelled, for good")
    async def stop(self, *_: object) -> None:
        """As POST /v1/flows/{id}/stop."""
        await self._command("stop")

    @workflow.signal(description="The flow has changed in the store: do what follows")
    def changed(self, *_: object) -> None:
        """A command has taken effect, or people were proposed in bulk."""
        self._changed = True

    async def _command(self, command: Command) -> None:
        # Commands take effect beside the background work, one after another. One that the flow's status does not
        # allow changes nothing; the activity's result says so.
        async with self._turn:
            await workflow.execute_activity(
                "command_flow",
                CommandInput(flow=self._flow, command=command),
                task_queue=control_queue(workflow.info().task_queue),
                result_type=FlowState,
                summary=command,
                start_to_close_timeout=COMMAND,
                retry_policy=PATIENT,
            )
        self._changed = True

    async def _rest(self, scheduled: datetime | None) -> bool:
        """Rest until something changes, or the time of a scheduled command has come; True if it has."""
        left = None if scheduled is None else scheduled - workflow.now()
        if left is None or left > timedelta():
            with contextlib.suppress(TimeoutError):
                await workflow.wait_condition(lambda: self._changed, timeout=left, timeout_summary="scheduled command")
        return scheduled is not None and scheduled <= workflow.now()

    async def _carry_out_scheduled(self) -> None:
        async with self._turn:
            await workflow.execute_activity(
                "carry_out_scheduled",
                SettleInput(flow=self._flow),
                task_queue=control_queue(workflow.info().task_queue),
                result_type=FlowState,
                summary="scheduled command",
                start_to_close_timeout=COMMAND,
                retry_policy=PATIENT,
            )

    async def _settle(self) -> FlowState:
        state: FlowState = await workflow.execute_activity(
            "settle_flow",
            SettleInput(flow=self._flow),
            result_type=FlowState,
            summary="release, cancel, enrol",
            start_to_close_timeout=SETTLE,
            heartbeat_timeout=PAGE,
            retry_policy=PATIENT,
        )
        return state
