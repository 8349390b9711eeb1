"""Why a participant may not move on now. Reasons add up; it moves on when none is left (PART_4)."""

from datetime import datetime

from sqlmodel import Session

from activities.life import pauses
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


def put_on(session: Session, row: ParticipantRow, reason: str, now: datetime) -> None:
    """Add a reason of the participant's own. During a pause its waits may stand still (LIFE_12)."""
    if reason not in row.held:
        row.held = [*row.held, reason]
        if reason == "paused":
            pauses.begin(session, now, flow=row.flow, participant=row.id)


def take_off(session: Session, row: ParticipantRow, reason: str, now: datetime) -> None:
    """Take a reason away."""
    row.held = [held for held in row.held if held != reason]
    if reason == "paused":
        pauses.end(session, now, flow=row.flow, participant=row.id)
