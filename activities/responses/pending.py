"""What forms and links do outside our store (STEP_23): reply mails, and what another CRM carries out.

Planned in the transaction of the submission or click, once for each, and handed over beside the worker
(`activities.responses.handing`) into the same ledger as what journeys do (SAFE_1). What has failed for good, and what
nobody knows of, stands in the attention list until a person has decided about it (SAFE_2).
"""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from pydantic import TypeAdapter
from sqlalchemy import Select, delete, select
from sqlmodel import Session, col

from activities import ledger
from activities.crm.groups import lock_people
from activities.outside.elsewhere import Elsewhere
from activities.responses.replies import message_of
from flows.making import CreateFollowUp, CreateRequest
from flows.ports import ChangeMembership, ChangePerson, Email, Request
from flows.steps.base import Action
from store.columns import new_id
from store.database import AS_WRITTEN
from store.journeys import EffectRow, EffectStatus, MessageRow
from store.pending import PendingEffect

_REQUESTS: Mapping[str, TypeAdapter[Any]] = {
    "send_email": TypeAdapter(Email),
    "add_to": TypeAdapter(ChangeMembership),
    "update_person": TypeAdapter(ChangePerson),
    "create_request": TypeAdapter(CreateRequest),
    "create_follow_up": TypeAdapter(CreateFollowUp),
}
"""What each kind of reaction asks for."""


class PendingEffects:
    """Plans them, and has those done once more of which a person says so."""

    def __init__(self, elsewhere: Elsewhere) -> None:
        self._elsewhere = elsewhere

    def plan(
        self, session: Session, person: str, reaction: Action, request: Request, source: str, now: datetime
    ) -> None:
        """Have it done for the person, who is locked. `source` is the form or link."""
        row = PendingEffect(
            effect=ledger.key_of(new_id("rct"), reaction.id), person=person, source=source, kind=reaction.kind,
            channel=reaction.channel, what=reaction.summary(), due=now, made_at=now,
            request=_REQUESTS[reaction.kind].dump_python(request, mode="json"),
        )  # fmt: skip
        session.add(row)
        session.flush()  # their order is that in which they were planned
        if isinstance(request, Email):
            content = getattr(reaction, "content", None) or ""
            session.add(message_of(request, row.effect, person, source, content, now))

    def again(self, session: Session, effect: str, now: datetime) -> EffectRow | None:
        """Have one done that failed, or of which nobody knows; the entry that tells how that stands. None: it is not
        kept, or was decided about meanwhile.

        What did not happen, and what can be told by its key, is handed over under the same key; else as one of its own.
        """
        lock_person_of(session, effect)
        before, message, row = look_up(session, effect)
        if before is None or row is None or not row.request or not open_to_a_person(session, before):
            return None
        row.due, same = now, before.status is EffectStatus.FAILED or repeats(row, self._elsewhere)
        if not same:
            before.status = EffectStatus.REPEATED
            id, action, _ = effect.split("/")
            row.effect = ledger.key_of(id, action, ledger.visit_of(effect) + 1)
            if message is not None:
                email = replace(request_of(row), message=new_id("msg"))
                row.request = _REQUESTS[row.kind].dump_python(email, mode="json")
                message = message_of(email, row.effect, row.person, row.source, message.content, now)
                session.add(message)
        again = before if same else effect_of(row, now)
        session.add(again)
        again.status, again.settled_at, again.planned_at, again.tries = EffectStatus.PLANNED, None, now, 0
        if message is not None:
            message.state = EffectStatus.PLANNED
        return again


def effect_of(row: PendingEffect, now: datetime) -> EffectRow:
    """Its entry in the ledger, begun now."""
    return EffectRow(
        key=row.effect, participant="", person=row.person, flow="", step=row.source, kind=row.kind, channel=row.channel,
        status=EffectStatus.PLANNED, planned_at=now,
    )  # fmt: skip


def request_of(row: PendingEffect) -> Any:
    """What is asked for, about whom it concerns now: of who was merged meanwhile, the one that stays (PART_9)."""
    request = _REQUESTS[row.kind].validate_python(row.request)
    if isinstance(request, ChangePerson | ChangeMembership):
        return replace(request, person=row.person)
    if isinstance(request, CreateRequest | CreateFollowUp):
        return replace(request, origin=replace(request.origin, person=row.person))
    return request


def repeats(row: PendingEffect, elsewhere: Elsewhere) -> bool:
    """Whether one of which nobody knows is handed over again (SAFE_2): mails are not, what has a key is."""
    return row.channel == "crm" and row.kind not in elsewhere.unkeyed


def look_up(session: Session, effect: str) -> tuple[EffectRow | None, MessageRow | None, PendingEffect | None]:
    """What is known of one: its entry in the ledger and its row, locked, and the message that it sends."""
    entry = session.get(EffectRow, effect, with_for_update=True, populate_existing=True)
    message = session.scalar(select(MessageRow).where(col(MessageRow.effect) == effect), execution_options=AS_WRITTEN)
    query = select(PendingEffect).where(col(PendingEffect.effect) == effect).with_for_update()
    return entry, message, session.scalar(query.execution_options(populate_existing=True))


def lock_person_of(session: Session, effect: str) -> bool:
    """The person first, as everywhere; who is being merged is the one that stays. False: there is none any more."""
    query = select(col(PendingEffect.person)).where(col(PendingEffect.effect) == effect)
    person = session.scalar(query)
    while person is not None and not lock_people(session, [person]):
        before, person = person, session.scalar(query)
        if person == before:
            return False
    return person is not None


def undecided() -> Select[str]:
    """Keys of those of which a person has to decide: they are not tried any more."""
    return select(col(PendingEffect.effect)).where(col(PendingEffect.due).is_(None))


def open_to_a_person(session: Session, effect: EffectRow) -> bool:
    """Whether a person may decide about an effect: nobody knows of it, or it has failed and is not tried any more."""
    if effect.status is not EffectStatus.FAILED:
        return effect.status is EffectStatus.UNKNOWN
    return session.scalar(undecided().where(col(PendingEffect.effect) == effect.key)) is not None


def let_go(session: Session, effect: str) -> None:
    """A person has said how it went: it is not needed any more."""
    session.execute(delete(PendingEffect).where(col(PendingEffect.effect) == effect))
