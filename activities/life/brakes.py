"""The brakes for everything: pause all flows, or one channel, and resume (LIFE_16).

One row, read together with every flow's row, under a lock that every effect and every enrolment shares: it costs the
same however many flows and participants there are, and nothing begins after the answer.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, get_args

from sqlalchemy import update
from sqlmodel import Session, col

from activities import ledger
from activities.dispatcher import FlowChanged, ask
from activities.life import pauses
from flows.steps.base import Channel
from store.database import lock_brakes
from store.flows import ALL, GOES_ON, BrakeRow, FlowRow

Brake = Literal["all"] | Channel
BrakeCommand = Literal["pause", "resume"]
BRAKES: tuple[Brake, ...] = ("all", *get_args(Channel))


@dataclass(frozen=True, slots=True)
class Brakes:
    """What is paused, since when that is so, and the effects begun and not yet settled."""

    paused: Sequence[Brake]
    changed_at: datetime | None
    under_way: int


def brakes(session: Session) -> Brakes:
    """How the brakes stand."""
    row = session.get(BrakeRow, 1)
    paused = [brake for brake in BRAKES if row is not None and brake in row.paused]
    return Brakes(paused, row.changed_at if row is not None else None, ledger.under_way(session))


def holds(session: Session, channel: Channel) -> bool:
    """Whether nothing may be sent by this channel now."""
    row = session.get(BrakeRow, 1, populate_existing=True)
    return row is not None and not {ALL, channel}.isdisjoint(row.paused)


def pause(session: Session, brake: Brake, now: datetime) -> None:
    """Hold everyone in every flow, or whoever comes to a step of this channel. Paused already is fine."""
    row = _locked(session, now)
    if brake not in row.paused:
        row.paused, row.changed_at = [*row.paused, brake], now
        pauses.begin(session, now, channel=_channel(brake))


def resume(session: Session, brake: Brake, now: datetime) -> None:
    """Let them go on, where nothing else holds them. Not paused is fine."""
    row = _locked(session, now)
    if brake in row.paused:
        row.paused, row.changed_at = [each for each in row.paused if each != brake], now
        pauses.end(session, now, channel=_channel(brake))
        _release(session, now)


GIVE: Mapping[BrakeCommand, Callable[[Session, Brake, datetime], None]] = {"pause": pause, "resume": resume}


def _channel(brake: Brake) -> str:
    return "" if brake == ALL else brake


def _locked(session: Session, now: datetime) -> BrakeRow:
    lock_brakes(session)
    row = session.get(BrakeRow, 1, with_for_update=True)
    if row is None:
        row = BrakeRow(changed_at=now)
        session.add(row)
    return row


def _release(session: Session, now: datetime) -> None:
    """Have every flow that goes on release whom it holds, as after a command of its own."""
    going = update(FlowRow).where(col(FlowRow.status).in_(GOES_ON), ~col(FlowRow.deleted))
    changed = session.execute(
        going.values(epoch=col(FlowRow.epoch) + 1, changed_at=now).returning(col(FlowRow.id), col(FlowRow.name))
    )
    for flow, name in changed:
        ask(session, FlowChanged(flow, name))
