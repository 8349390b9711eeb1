"""JourneyWorkflow: carries one participant through one flow.

It knows only *when*: which plan is next, when a rest is over, that somebody wants something. What to do, and whether it
may be done, activities decide from the store. So a flow can be edited and ferd redeployed while journeys sleep.
"""

import asyncio
from datetime import datetime, timedelta

from temporalio import workflow
from temporalio.common import RetryPolicy
from temporalio.exceptions import ActivityError, FailureError, is_cancelled_exception
from temporalio.workflow import ActivityCancellationType

with workflow.unsafe.imports_passed_through():
    from workflows.contract import (
        FERD_STATUS,
        FERD_STEP,
        STEP_ATTEMPTS,
        VISIBLE_WAIT,
        Answer,
        Done,
        Hold,
        JourneyInput,
        LookInput,
        Message,
        Perform,
        Plan,
        RecordAction,
        StepInput,
        UnansweredInput,
        Wait,
    )

# An attempt sends one message or makes one CRM call: seconds. It heartbeats every two, so that a worker that was killed
# is noticed in ten.
ATTEMPT = timedelta(minutes=2)
HEARTBEAT = timedelta(seconds=10)
# About a minute and a half of growing pauses; after that the store answers with a wait that costs nothing (SAFE_2).
STEP_RETRIES = RetryPolicy(
    initial_interval=timedelta(seconds=1), maximum_interval=timedelta(seconds=30), maximum_attempts=STEP_ATTEMPTS
)
# A step inside our own store takes milliseconds: one try beside this task, which costs no task of its own; while it
# runs messages wait. Where that fails, the common way with all its tries.
LOCAL = timedelta(seconds=4)
ONCE = RetryPolicy(maximum_attempts=1)
# What only reads and writes our own store is tried until the store is back.
PATIENT = RetryPolicy(initial_interval=timedelta(seconds=1), maximum_interval=timedelta(seconds=30))
# Far below the server's limits: histories stay quick to load and to read.
LONG_HISTORY = 500


@workflow.defn(name="Journey")
class JourneyWorkflow:
    """One participant's journey: a loop over plans, brought to its top by every message."""

    @workflow.init
    def __init__(self, journey: JourneyInput) -> None:
        self._flow = journey.flow
        self._participant = journey.participant
        self._plan = journey.plan
        self._messages = list(journey.messages)
        self._look_again = journey.look
        self._cancel_told = False

    @workflow.run
    async def run(self, journey: JourneyInput) -> Done:
        """Follow the plans to the end; the result says how the participation ended."""
        while not isinstance(self._plan, Done):
            self._show()
            self._hear_cancel()
            if self._history_is_long():
                # First of all: messages may come without end, and the next run takes over those not yet told.
                workflow.continue_as_new(self._journey())
            elif self._called():
                await self._look()
            elif isinstance(self._plan, Perform):
                await self._perform(self._plan)
            elif isinstance(self._plan, Wait):
                await self._wait(self._plan)
            else:
                await self._rest(until=None)
        self._show()
        if self._cancel_told and self._plan.status == "cancelled":
            raise asyncio.CancelledError(self._plan.reason)  # shown as what the operator asked for
        return self._plan

    # Whoever signals by hand may give more than is asked for, or nothing. It is passed over: an error in a handler
    # would fail this task again and again, and the journey would stand.

    @workflow.signal(description="Hold this participant where it stands")
    def pause(self, *_: object) -> None:
        """Hold this participant; the flow goes on for the others (PART_4)."""
        self._messages.append(Message(kind="pause"))

    @workflow.signal(description="Let this participant go on")
    def resume(self, *_: object) -> None:
        """End the hold that `pause` made."""
        self._messages.append(Message(kind="resume"))

    @workflow.signal(description="Take this participant out of the flow")
    def cancel(self, *_: object) -> None:
        """Cancel the participation; the same as cancelling the workflow."""
        self._messages.append(Message(kind="cancel"))

    @workflow.signal(description="Say what this participant did: id, type and time of the action")
    def record_action(self, *given: object) -> None:
        """Record an action of this person; a wait for it ends, a success criterion is met (STEP_14, STEP_18).

        `given` is one RecordAction.
        """
        action = RecordAction.read(given)
        if action is None:
            workflow.logger.warning("An action that was signalled cannot be read: give it an id, a type and a time.")
            return
        at = action.time or workflow.now()
        self._messages.append(Message(kind="record_action", id=action.id, event=action.type, at=at))

    @workflow.signal(description="Look in the store what comes next")
    def replan(self, *_: object) -> None:
        """Something about this participant has changed in the store."""
        self._look_again = True

    @workflow.query(description="What this journey does next")
    def get_plan(self) -> Answer:
        """The plan that is being followed."""
        return Answer(plan=self._plan)

    def _called(self) -> bool:
        return bool(self._messages) or self._look_again

    def _hear_cancel(self) -> None:
        if not self._cancel_told and workflow.cancellation_reason() is not None:
            self._cancel_told = True
            self._messages.append(Message(kind="cancel"))

    async def _perform(self, plan: Perform) -> None:
        if plan.local and await self._perform_here(plan):
            return
        # WAIT_CANCELLATION_COMPLETED: a cancel ends an attempt that only waits for its next try, and lets one that is
        # at work answer: its mail may have left.
        try:
            answer = await workflow.execute_activity(
                plan.kind,
                StepInput(flow=self._flow, participant=self._participant, position=plan.position),
                result_type=Answer,
                summary=plan.summary,
                start_to_close_timeout=ATTEMPT,
                heartbeat_timeout=HEARTBEAT,
                retry_policy=STEP_RETRIES,
                cancellation_type=ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
            )
            self._plan = answer.plan
        except ActivityError as error:
            await self._unanswered(plan, type(error.cause or error).__name__)
        except asyncio.CancelledError:
            await self._unanswered(plan, "cancelled")

    async def _perform_here(self, plan: Perform) -> bool:
        """Do a step as a local activity; False: it gave no answer."""
        try:
            answer = await workflow.execute_local_activity(
                plan.kind,
                StepInput(flow=self._flow, participant=self._participant, position=plan.position, now=workflow.now()),
                result_type=Answer,
                summary=plan.summary,
                schedule_to_close_timeout=LOCAL,
                retry_policy=ONCE,
                cancellation_type=ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
            )
            self._plan = answer.plan
        except (FailureError, asyncio.CancelledError) as error:
            return is_cancelled_exception(error)  # the loop tells the store of the cancel, and asks it for the plan
        return True

    async def _wait(self, plan: Wait) -> None:
        self._show_in_list(plan.step, "waiting", plan.until)
        if await self._rest(plan.until, plan.summary):
            self._plan = plan.then

    async def _rest(self, until: datetime | None, summary: str = "") -> bool:
        """Rest until a moment or a message; True if the moment came and no message."""
        if isinstance(self._plan, Hold):
            self._show_in_list(self._plan.step, "held", None)
        left = None if until is None else until - workflow.now()
        if left is None or left > timedelta():
            try:
                await workflow.wait_condition(self._called, timeout=left, timeout_summary=summary or None)
            except TimeoutError:
                pass
            except asyncio.CancelledError:
                return False
        return not self._called()

    async def _look(self) -> None:
        messages, self._messages, self._look_again = self._messages, [], False
        what = ", ".join(dict.fromkeys(message.kind for message in messages)) or "look what comes next"
        given = LookInput(flow=self._flow, participant=self._participant, messages=messages)
        self._plan = await self._ask("look", given, what)

    async def _unanswered(self, plan: Perform, failure: str) -> None:
        given = UnansweredInput(flow=self._flow, participant=self._participant, position=plan.position, failure=failure)
        self._plan = await self._ask("unanswered", given, f"no answer: {plan.summary}")

    async def _ask(self, activity: str, given: LookInput | UnansweredInput, summary: str) -> Plan:
        """Ask the store, until it answers."""
        while True:
            try:
                answer: Answer = await workflow.execute_activity(
                    activity,
                    given,
                    result_type=Answer,
                    summary=summary,
                    start_to_close_timeout=ATTEMPT,
                    retry_policy=PATIENT,
                )
                return answer.plan
            except (FailureError, asyncio.CancelledError) as error:
                if not is_cancelled_exception(error):
                    raise
                # Somebody cancels meanwhile: ask again, for the store has to hear that too. Told twice is told once.

    def _journey(self) -> JourneyInput:
        return JourneyInput(
            flow=self._flow,
            participant=self._participant,
            plan=self._plan,
            messages=self._messages,
            look=self._look_again,
        )

    def _history_is_long(self) -> bool:
        info = workflow.info()
        return info.is_continue_as_new_suggested() or info.get_current_history_length() >= LONG_HISTORY

    def _show(self) -> None:
        plan = self._plan
        if isinstance(plan, Done):
            text = f"**{plan.status.replace('_', ' ')}**: {plan.reason.replace('_', ' ')}"
        elif isinstance(plan, Hold):
            text = f"**held** at `{plan.step}`: {', '.join(plan.reasons)}"
        elif isinstance(plan, Wait):
            until = f"until {plan.until:%Y-%m-%d %H:%M:%S} UTC" if plan.until else "without limit"
            text = f"**waiting** at `{plan.step}` {until}: {plan.summary}\n\nthen `{plan.then.step or 'the end'}`"
        else:
            text = f"**at** `{plan.step}`: {plan.summary}"
        workflow.set_current_details(text)

    def _show_in_list(self, step: str, status: str, until: datetime | None) -> None:
        if until is None or until - workflow.now() > VISIBLE_WAIT:
            workflow.upsert_search_attributes([FERD_STEP.value_set(step), FERD_STATUS.value_set(status)])
