"""The brakes for later: a pause of everything, or its end, kept in the store until it is due (LIFE_14, LIFE_16).

No workflow keeps the time, for a brake belongs to no flow: the sweep carries out what is due, within half a minute.
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import cast

from sqlalchemy import delete, select
from sqlmodel import Session, col

from activities.life import brakes
from activities.life.brakes import Brake, BrakeCommand
from activities.life.schedules import TooLate
from store.columns import new_id
from store.database import lock_brakes
from store.schedules import ScheduledBrake


class UnknownBrake(LookupError):
    """No brake of this id waits for its time, or no longer."""


def schedule(session: Session, command: BrakeCommand, brake: Brake, at: datetime, now: datetime) -> None:
    """Have a brake put on, or let go, at a moment (aware). Raises TooLate."""
    if at <= now:
        raise TooLate(at.astimezone(UTC))
    session.add(ScheduledBrake(id=new_id("brk"), brake=brake, command=command, at=at, given_at=now))


def waiting(session: Session) -> Sequence[ScheduledBrake]:
    """What waits, by its time."""
    return session.scalars(select(ScheduledBrake).order_by(col(ScheduledBrake.at), col(ScheduledBrake.id))).all()


def withdraw(session: Session, id: str | None = None) -> None:
    """Forget one that waits, or all. Raises UnknownBrake."""
    which = delete(ScheduledBrake)
    if id is not None:
        which = which.where(col(ScheduledBrake.id) == id)
    gone = session.execute(which.returning(col(ScheduledBrake.id))).all()
    if id is not None and not gone:
        raise UnknownBrake(id)


def carry_out(session: Session, now: datetime) -> None:
    """Do what is due, in the order of its time. What was missed meanwhile begins and ends now."""
    due = col(ScheduledBrake.at) <= now
    if session.scalar(select(col(ScheduledBrake.id)).where(due).limit(1)) is None:
        return
    lock_brakes(session)
    columns = col(ScheduledBrake.at), col(ScheduledBrake.id), col(ScheduledBrake.command), col(ScheduledBrake.brake)
    found = sorted(tuple(row) for row in session.execute(delete(ScheduledBrake).where(due).returning(*columns)))
    for _, _, command, brake in found:
        brakes.GIVE[cast(BrakeCommand, command)](session, cast(Brake, brake), now)
