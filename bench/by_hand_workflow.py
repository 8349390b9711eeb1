"""The reference journey as the plainest Temporal workflow: mail, timer, mail, update."""

from datetime import timedelta

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from bench.by_hand_activities import ByHandActivities
    from bench.by_hand_contract import PAUSE, Letter, Welcome
    from bench.reference import FIRST_SUBJECT, SECOND_SUBJECT

SOON = timedelta(seconds=30)


@workflow.defn
class WelcomeWorkflow:
    """Two mails with a pause between them, then the person is a customer."""

    @workflow.run
    async def run(self, welcome: Welcome) -> None:
        first = Letter(person=welcome.person, subject=FIRST_SUBJECT)
        await workflow.execute_activity_method(ByHandActivities.send_email, first, start_to_close_timeout=SOON)
        await workflow.sleep(PAUSE)
        second = Letter(person=welcome.person, subject=SECOND_SUBJECT)
        await workflow.execute_activity_method(ByHandActivities.send_email, second, start_to_close_timeout=SOON)
        await workflow.execute_activity_method(ByHandActivities.update_person, welcome, start_to_close_timeout=SOON)
