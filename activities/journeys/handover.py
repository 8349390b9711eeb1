"""Where someone who leaves a flow goes next: another flow, a selection (STEP_16, STEP_17)."""

from activities.crm.embedded import EmbeddedCrm
from activities.dispatcher import wake
from activities.enrolling.enrolment import Enrolled, Enrolment, Proposal
from activities.journeys.standing import Standing
from flows.outcome import HandOver, Reason
from flows.planning import Line
from flows.ports import ChangeMembership
from flows.steps.base import Leave


class HandOvers:
    """Carries hand-overs out, in the transaction of the leaving."""

    def __init__(self, enrolment: Enrolment, crm: EmbeddedCrm) -> None:
        self._enrolment = enrolment
        self._crm = crm

    def hand_over(self, here: Standing, to: HandOver) -> None:
        """Add to the selection, propose to the flow; that flow's filter decides."""
        row = here.row
        if to.add_to_selection is not None:
            request = ChangeMembership(row.person, "add", selections=(to.add_to_selection,), create=True)
            self._crm.perform(here.session, request, at=here.now, cause=row.cause)
            here.tell(Line(row.step, "", "handed_over", f"added to the selection {to.add_to_selection}"))
        if to.add_to_flow is not None:
            proposal = Proposal(to.add_to_flow, row.person, "hand_over", cause=tuple(row.cause), event=row.event)
            answer = self._enrolment.propose(here.session, proposal, here.now)
            taken = "enrolled" if isinstance(answer, Enrolled) else f"refused: {answer.value.replace('_', ' ')}"
            here.tell(Line(row.step, "", "handed_over", f"proposed to the flow {to.add_to_flow}: {taken}"))


def leave_for(here: Standing, flow: str) -> None:
    """Drop out of this flow, because the person has come into another one that says so (TRIG_6)."""
    if here.row.status.inside:
        here.leave(Leave(Reason.LEFT_FOR_OTHER, f"enrolled in {flow}"))
        wake(here.session, here.row, here.now)
