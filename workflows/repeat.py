"""RepeatWorkflow: an effect that is done again because a person asked for it (SAFE_2).

Beside the participant's journey, which has gone on or ended, and which notices nothing.
"""

from datetime import timedelta

from temporalio import workflow
from temporalio.common import RetryPolicy
from temporalio.exceptions import ActivityError

with workflow.unsafe.imports_passed_through():
    from workflows.contract import STEP_ATTEMPTS, Repeated, RepeatInput

# As a step of a journey: seconds of work, heartbeats, about a minute and a half of tries; then a person looks again.
ATTEMPT = timedelta(minutes=2)
HEARTBEAT = timedelta(seconds=10)
RETRIES = RetryPolicy(
    initial_interval=timedelta(seconds=1), maximum_interval=timedelta(seconds=30), maximum_attempts=STEP_ATTEMPTS
)
PATIENT = RetryPolicy(initial_interval=timedelta(seconds=1), maximum_interval=timedelta(seconds=30))


@workflow.defn(name="Repeat")
class RepeatWorkflow:
    """One effect, once more."""

    @workflow.run
    async def run(self, given: RepeatInput) -> Repeated:
        """Do it; the result says how it stands."""
        try:
            return await self._do(given, RETRIES)
        except ActivityError:
            return await self._do(given.model_copy(update={"unanswered": True}), PATIENT)

    async def _do(self, given: RepeatInput, retries: RetryPolicy) -> Repeated:
        done: Repeated = await workflow.execute_activity(
            "repeat_effect",
            given,
            result_type=Repeated,
            summary="settle" if given.unanswered else "send again",
            start_to_close_timeout=ATTEMPT,
            heartbeat_timeout=HEARTBEAT,
            retry_policy=retries,
        )
        return done
