"""How long a wait stood still (LIFE_12).

Pauses are written down when they begin and end, one row each however many people are inside. Nobody's wait is touched
then: a journey that wakes adds up the pauses since it came to its step, and waits on for as long.
"""

from collections.abc import Callable, Iterable
from datetime import datetime, timedelta

from sqlalchemy import or_, select, update
from sqlmodel import Session, col

from flows.definition import Flow
from flows.steps.base import Channel
from store.journeys import ParticipantRow
from store.pauses import PauseRow


def begin(session: Session, now: datetime, *, flow: str = "", participant: str = "", channel: str = "") -> None:
    """A pause begins: of a participant, of a flow, of a channel in all flows, or of all flows."""
    session.add(PauseRow(flow=flow, participant=participant, channel=channel, began_at=now))


def end(session: Session, now: datetime, *, flow: str = "", participant: str = "", channel: str = "") -> None:
    """It ends, if there is one."""
    whose = col(PauseRow.flow) == flow, col(PauseRow.participant) == participant, col(PauseRow.channel) == channel
    lasting = update(PauseRow).where(*whose, col(PauseRow.ended_at).is_(None))
    session.execute(lasting.values(ended_at=now))


class Pauses:
    """The pauses of some flows, of some of their participants and of a channel, that ended after a moment, or last."""

    def __init__(
        self,
        session: Session,
        flows: Iterable[str],
        participants: Iterable[str] = (),
        *,
        channel: str = "",
        since: datetime | None = None,
    ) -> None:
        query = (
            select(col(PauseRow.flow), col(PauseRow.participant), col(PauseRow.began_at), col(PauseRow.ended_at))
            .where(col(PauseRow.flow).in_(["", *flows]), col(PauseRow.participant).in_(["", *participants]))
            .where(col(PauseRow.channel).in_(["", channel]))
            .order_by(col(PauseRow.began_at))
        )
        if since is not None:
            query = query.where(or_(col(PauseRow.ended_at).is_(None), col(PauseRow.ended_at) > since))
        self._rows = session.execute(query).all()

    def frozen(self, flow: str, participant: str, since: datetime, now: datetime) -> timedelta:
        """For how long this participant has stood still between two moments; pauses that overlap, once."""
        whose = ("", ""), (flow, ""), (flow, participant)
        total, counted = timedelta(), since
        for of_flow, of_participant, began_at, ended_at in self._rows:
            start, stop = max(began_at, counted), min(ended_at or now, now)
            if (of_flow, of_participant) in whose and stop > start:
                total += stop - start
                counted = stop
        return total


def frozen(session: Session, flow: Flow, row: ParticipantRow, now: datetime) -> timedelta:
    """For how long a wait of this participant has stood still since it came to its step."""
    if flow.settings.waits_during_pause == "keep":
        return timedelta()
    return Pauses(session, [row.flow], [row.id], since=row.since).frozen(row.flow, row.id, row.since, now)


def paused(session: Session, row: ParticipantRow, channel: Channel, since: datetime, now: datetime) -> timedelta:
    """For how long this participant could do nothing by this channel between two moments: paused alone or with its
    flow, or the channel was."""
    found = Pauses(session, [row.flow], [row.id], channel=channel, since=since)
    return found.frozen(row.flow, row.id, since, now)


def braked(session: Session, channel: Channel, since: datetime, now: datetime) -> timedelta:
    """For how long nothing could leave by this channel between two moments."""
    return Pauses(session, [], channel=channel, since=since).frozen("", "", since, now)


def frozen_for_all(
    session: Session, flow: Flow, now: datetime, participants: Iterable[str] = ()
) -> Callable[[datetime, str], timedelta]:
    """For how long a wait that began at a moment has stood still: for one of these participants, or "", any other."""
    if flow.settings.waits_during_pause == "keep":
        return lambda since, participant: timedelta()
    pauses = Pauses(session, [flow.id], participants)
    return lambda since, participant: pauses.frozen(flow.id, participant, since, now)
