"""RecurrenceWorkflow: a moment of a recurring schedule has come (TRIG_1).

A Temporal Schedule starts one for every moment, with an id of its own, so that each counts once.
"""

from datetime import timedelta

from temporalio import workflow
from temporalio.common import RetryPolicy

with workflow.unsafe.imports_passed_through():
    from workflows.contract import RecurrenceAnswer, RecurrenceInput

# What only writes to our own store is tried until the store is back.
PATIENT = RetryPolicy(initial_interval=timedelta(seconds=1), maximum_interval=timedelta(seconds=30))
ATTEMPT = timedelta(seconds=30)


@workflow.defn(name="Recurrence")
class RecurrenceWorkflow:
    """One moment of one schedule."""

    @workflow.run
    async def run(self, given: RecurrenceInput) -> RecurrenceAnswer:
        """Have the selection enrolled; the flow's own workflow then does it in the background."""
        answer: RecurrenceAnswer = await workflow.execute_activity(
            "enrol_recurring",
            given,
            result_type=RecurrenceAnswer,
            summary="enrol the selection",
            start_to_close_timeout=ATTEMPT,
            retry_policy=PATIENT,
        )
        return answer
