"""Why a participant may not move on now. Reasons add up; it moves on when none is left (PART_4)."""

from flows.steps import CHANNELS
from store.flows import ALL, FlowRow, FlowStatus
from store.journeys import ParticipantRow


def reasons(row: ParticipantRow, flow: FlowRow) -> list[str]:
    """Its own, its flow's, and those of the brakes for all flows (LIFE_3, LIFE_16)."""
    found = list(row.held)
    if flow.status is FlowStatus.PAUSED:
        found.append("flow paused")
    if ALL in flow.braked:
        found.append("all flows paused")
    channel = CHANNELS.get(row.plan.get("kind", "")) if row.plan.get("type") == "perform" else None
    if channel in flow.braked:
        found.append(f"{channel} paused")
    return found
