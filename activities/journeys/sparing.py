"""Who only goes through the steps, and has nothing done to them (LIFE_9, TRIG_10, TRIG_12)."""

from flows.definition import Flow
from flows.experiment import Arm
from flows.steps.base import Action
from store.flows import FlowRow, FlowStatus
from store.journeys import ParticipantRow


def spared(flow: FlowRow, row: ParticipantRow) -> str | None:
    """Why nothing is done to a participant, and it is handed over to nobody; None: it is like others."""
    if flow.status is FlowStatus.OFF:
        return "the flow is off"
    return "in the control group" if row.arm is Arm.CONTROL else None


def spared_from(flow: FlowRow, row: ParticipantRow, definition: Flow, step: Action) -> str | None:
    """Why a step is not done: as above, or because it would create what has led here (TRIG_10)."""
    if definition.settings.skip_creating and step.creates and row.cause.count(flow.id) > 1:
        return spared(flow, row) or "it would create what has led here"
    return spared(flow, row)
