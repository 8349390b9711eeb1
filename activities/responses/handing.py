"""Hands out what forms and links do outside our store (STEP_23), channel by channel, and writes down how it went.

Those of one person go one after another: the next waits until the one before is settled.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, exists, select, update
from sqlalchemy.orm import aliased
from sqlmodel import Session, col

from activities import ledger
from activities.crm.embedded import EmbeddedCrm
from activities.life.brakes import holds
from activities.life.pauses import braked
from activities.outside.elsewhere import Elsewhere
from activities.responses.outbox import AT_ONCE, Outgoing, next_try
from activities.responses.pending import effect_of, lock_person_of, look_up, repeats, request_of
from activities.responses.replies import barred
from flows.ports import Done, Email, NotDone, Silence
from flows.steps.base import Channel
from store.database import lock_flow
from store.journeys import EffectRow, EffectStatus, MessageRow
from store.pending import PendingEffect

# Longer than a mail or a call takes: whoever has not been heard of by then was lost.
LOST = timedelta(minutes=10)


class Handing:
    """What waits in one channel."""

    def __init__(self, crm: EmbeddedCrm, elsewhere: Elsewhere, channel: Channel) -> None:
        self._crm = crm
        self._elsewhere = elsewhere
        self._channel = channel

    def due(self, session: Session, now: datetime) -> Sequence[str]:
        """Those to be done, and those of which nobody was heard; none while a brake holds the channel (LIFE_16)."""
        if holds(session, self._channel):
            return []
        query = select(col(PendingEffect.effect)).where(
            col(PendingEffect.channel) == self._channel, col(PendingEffect.due) <= now, _in_turn()
        )
        return session.scalars(query.order_by(col(PendingEffect.due), col(PendingEffect.number)).limit(AT_ONCE)).all()

    def take(self, session: Session, key: str, now: datetime) -> Outgoing | None:
        """Begin one, unless it may not be done any more."""
        known = lock_person_of(session, key)
        lock_flow(session, "")  # no flow's, but the lock of the brakes with it
        effect, message, row = look_up(session, key)
        if row is None or row.due is None or row.due > now or holds(session, self._channel):
            return None
        next = select(col(PendingEffect.number)).where(col(PendingEffect.effect) == key, _in_turn())
        if session.scalar(next) is None:
            return None
        if effect is None:
            effect = effect_of(row, now)
            session.add(effect)
        elif effect.status is EffectStatus.PLANNED and effect.tries and not self._tries_on(session, row, effect, now):
            row.due = None
            _settle(effect, message, EffectStatus.UNKNOWN, now, "no answer: the worker was lost while it acted")
            return None
        else:
            effect.planned_at = effect.planned_at if effect.tries else now
            effect.status, effect.settled_at, effect.tries = EffectStatus.PLANNED, None, effect.tries + 1
        request = request_of(row)
        why = "" if known else "the person is gone"
        if known and isinstance(request, Email):
            why = barred(session, self._crm, row.person, request)
        if why:
            session.delete(row)
            _settle(effect, message, EffectStatus.FAILED, now, why)
            return None
        row.due = now + LOST
        if message is not None:
            message.state = EffectStatus.PLANNED
        return Outgoing(key, effect.planned_at, request)

    def settle(self, session: Session, sent: Outgoing, outcome: Done | NotDone | Silence, now: datetime) -> None:
        """Write down how it went. What is worth it is tried again for a day, brakes not counted."""
        lock_person_of(session, sent.key)
        effect, message, row = look_up(session, sent.key)
        if effect is None or row is None:  # erased, or decided by a person
            return
        if isinstance(outcome, Done):
            session.delete(row)
            _settle(effect, message, EffectStatus.DONE, now, provider_id=outcome.provider_id)
            if message is not None:
                message.headers = dict(outcome.data)
            return
        silent = isinstance(outcome, Silence)
        _settle(effect, message, EffectStatus.UNKNOWN if silent else EffectStatus.FAILED, now, outcome.text)
        at = self._next_try(session, sent.since, outcome, now)
        if at is not None and (not silent or repeats(row, self._elsewhere)):
            _put_off(session, row, at)
        elif isinstance(outcome, NotDone) and outcome.unreachable:  # nothing that a person could mend
            session.delete(row)
        else:
            row.due = None

    def _tries_on(self, session: Session, row: PendingEffect, effect: EffectRow, now: datetime) -> bool:
        """Whether one is asked for again whose worker was lost: a day has not gone by over it."""
        at = self._next_try(session, effect.planned_at, Silence(""), now)
        return repeats(row, self._elsewhere) and at is not None

    def _next_try(
        self, session: Session, since: datetime, outcome: NotDone | Silence, now: datetime
    ) -> datetime | None:
        return next_try(since + braked(session, self._channel, since, now), outcome, now)


def _in_turn() -> ColumnElement[bool]:
    """None of the same person in this channel is waiting before it."""
    before = aliased(PendingEffect)
    return ~exists().where(
        col(before.person) == col(PendingEffect.person), col(before.channel) == col(PendingEffect.channel),
        col(before.number) < col(PendingEffect.number), col(before.due).is_not(None),
    )  # fmt: skip


def _put_off(session: Session, row: PendingEffect, until: datetime) -> None:
    """Those of the person that wait behind it are put off with it: nobody need look at them before."""
    row.due = until
    behind = update(PendingEffect).where(
        col(PendingEffect.person) == row.person, col(PendingEffect.channel) == row.channel,
        col(PendingEffect.due) < until,
    )  # fmt: skip
    session.execute(behind.values(due=until))


def _settle(
    effect: EffectRow,
    message: MessageRow | None,
    status: EffectStatus,
    now: datetime,
    error: str = "",
    *,
    provider_id: str = "",
) -> None:
    ledger.settle(effect, status, now, error=error, provider_id=provider_id)
    if message is not None:
        message.state = effect.status
