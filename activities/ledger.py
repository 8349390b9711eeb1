"""An effect happens once (SAFE_1, SAFE_2): planned before the call, done, failed or unknown after.

The key is participant/step/visit. `begin` is part of the gate's transaction: once it has committed `planned`, the
effect has begun, and whoever finds `planned` later knows that somebody may have acted and was not heard of again.
"""

from datetime import datetime
from typing import Literal

from sqlalchemy import bindparam, func, select, update
from sqlmodel import Session, col

from store.database import AS_WRITTEN
from store.journeys import EffectRow, EffectStatus, MessageRow, ParticipantRow

VISIT = 1
_SETTLED = (EffectStatus.DONE, EffectStatus.REPEATED)


def key_of(participant: str, step: str, visit: int = VISIT) -> str:
    """The effect's key: stable over retries, crashes, redeployments and resets."""
    return f"{participant}/{step}/{visit}"


def visit_of(key: str) -> int:
    """How many times a person has had the step done, by the effect's key."""
    return int(key.rpartition("/")[2])


_OPEN = (EffectStatus.PLANNED, EffectStatus.UNKNOWN)

Beginning = Literal["begun", "settled", "lost"]
_LOOK_UP = (
    select(EffectRow, MessageRow)
    .outerjoin(MessageRow, col(MessageRow.effect) == col(EffectRow.key))
    .where(col(EffectRow.key) == bindparam("key"))
    .with_for_update(of=EffectRow)
)


def look_up(session: Session, key: str) -> tuple[EffectRow | None, MessageRow | None]:
    """What is known of an effect, locked, and the message that it sends."""
    found = session.execute(_LOOK_UP, {"key": key}, execution_options=AS_WRITTEN).one_or_none()
    return (None, None) if found is None else (found[0], found[1])


def may_begin(effect: EffectRow | None, *, repeat: bool) -> bool:
    """Whether `begin` would begin it, for an attempt that has not planned it itself."""
    return effect is None or effect.status is EffectStatus.FAILED or (repeat and effect.status in _OPEN)


def begin(
    row: ParticipantRow,
    effect: EffectRow | None,
    *,
    step: str,
    kind: str,
    channel: str,
    now: datetime,
    repeat: bool,
    mine: bool,
) -> tuple[Beginning, EffectRow]:
    """Plan an effect, of which this is known, and say whether it may be done now. The caller adds it to the session.

    begun    planned in this transaction: do it
    settled  done, or unknown and left to a person: go on
    lost     somebody planned it and was not heard of again, and it may not be repeated: now unknown

    `repeat` is the step's policy for what is unknown; `mine` says that this very attempt planned it and has not called.
    """
    if effect is None:
        effect = EffectRow(
            key=key_of(row.id, step),
            participant=row.id,
            flow=row.flow,
            step=step,
            kind=kind,
            channel=channel,
            status=EffectStatus.PLANNED,
            planned_at=now,
        )
        return "begun", effect
    if effect.status in _SETTLED or (effect.status is EffectStatus.UNKNOWN and not repeat):
        return "settled", effect
    if effect.status is EffectStatus.PLANNED and not mine and not repeat:
        settle(effect, EffectStatus.UNKNOWN, now, error="no answer: the worker was lost while it acted")
        return "lost", effect
    if not mine:
        effect.tries += 1
    effect.status, effect.settled_at = EffectStatus.PLANNED, None
    return "begun", effect


def settle(effect: EffectRow, status: EffectStatus, now: datetime, *, provider_id: str = "", error: str = "") -> None:
    """Write down how it went. What is known to be done stays done."""
    if effect.status is EffectStatus.DONE:
        return
    effect.status, effect.settled_at, effect.error = status, now, error
    effect.provider_id = provider_id or effect.provider_id


def let_go(session: Session, participant: str, status: EffectStatus, now: datetime, error: str) -> None:
    """A participant goes on without the effect that was planned for it and not settled, if there is one."""
    planned = update(EffectRow).where(
        col(EffectRow.participant) == participant,
        col(EffectRow.status) == EffectStatus.PLANNED,
        col(EffectRow.tries) > 0,  # one that is to be repeated by hand has not begun
    )
    session.execute(planned.values(status=status, settled_at=now, error=error))
    sent = update(MessageRow).where(
        col(MessageRow.participant) == participant, col(MessageRow.state) == EffectStatus.PLANNED
    )
    session.execute(sent.values(state=status))


def under_way(session: Session, flow: str | None = None) -> int:
    """Effects of a flow, or of all, that have begun and are not yet settled (LIFE_10)."""
    query = select(func.count()).select_from(EffectRow).where(col(EffectRow.status) == EffectStatus.PLANNED)
    if flow is not None:
        query = query.where(col(EffectRow.flow) == flow)
    return session.connection().scalar(query) or 0
