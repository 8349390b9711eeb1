"""Mails that forms and links answer with by themselves (STEP_23).

Planned in the transaction of the submission or click, once for each, in the same ledger as what journeys do (SAFE_1),
and sent beside the worker. Of whatever was taken out and not heard of again nobody knows: it is not sent again, but
stands in the attention list (SAFE_2).
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from pydantic import TypeAdapter
from sqlalchemy import delete, select
from sqlmodel import Session, col

from activities import ledger
from activities.crm.embedded import EmbeddedCrm
from activities.crm.groups import lock_people
from activities.life.brakes import holds
from activities.mail.compose import mail_id
from activities.responses.outbox import AT_ONCE, LATER, Outgoing, worth_another_try
from flows.ports import Done, Email, NotDone, Silence
from flows.reply import Reply
from store.columns import new_id
from store.database import AS_WRITTEN, lock_flow
from store.journeys import EffectRow, EffectStatus, MessageRow
from store.people import Person
from store.replies import ReplyRow

# Longer than a mail takes: whoever has not been heard of by then was lost.
LOST = timedelta(minutes=10)
_KIND = "send_email"
_EMAIL = TypeAdapter(Email)


class Replies:
    """Plans reply mails, hands them out to be sent, and writes down how that went."""

    def __init__(self, crm: EmbeddedCrm) -> None:
        self._crm = crm

    def plan(self, session: Session, person: str, reply: Reply, email: Email, source: str, now: datetime) -> str:
        """Have the mail sent to the person, who is locked; answers what came of it. `source` is the form or link."""
        if why := self._barred(session, person, email.to.address):
            return f"not done: {why}"
        key = ledger.key_of(new_id("rpl"), reply.id)
        self._write(session, key, person, email, now, source=source, content=reply.content or "")
        return f"Sends e-mail {reply.content}: {email.message}"

    def again(self, session: Session, effect: str, now: datetime) -> EffectRow | None:
        """Send once more one of which nobody knows whether it left, as a mail of its own; None: it is not kept."""
        self._lock(session, effect)
        before, message, row = _read(session, effect)
        if before is None or message is None or row is None or not row.email:
            return None
        if before.status is not EffectStatus.UNKNOWN:
            return None
        before.status = EffectStatus.REPEATED
        id, action, _ = effect.split("/")
        key = ledger.key_of(id, action, ledger.visit_of(effect) + 1)
        email = replace(_EMAIL.validate_python(row.email), message=new_id("msg"))
        session.delete(row)
        self._write(session, key, row.person, email, now, source=message.step, content=message.content)
        return _effect(key, message, now, tries=0)

    def due(self, session: Session, now: datetime) -> Sequence[str]:
        """Those to be sent, and those of which nobody was heard; none while a brake holds all mail (LIFE_16)."""
        if holds(session, "email"):
            return []
        query = select(col(ReplyRow.effect)).where(col(ReplyRow.due) <= now).order_by(col(ReplyRow.due))
        return session.scalars(query.limit(AT_ONCE)).all()

    def take(self, session: Session, key: str, now: datetime) -> Outgoing | None:
        """Begin one, unless nothing may be sent there any more."""
        known = self._lock(session, key)
        lock_flow(session, "")  # no flow's, but the lock of the brakes with it
        effect, message, row = _read(session, key)
        if message is None or row is None or row.due is None or row.due > now or holds(session, "email"):
            return None
        if effect is not None and effect.status is EffectStatus.PLANNED:
            row.due = None
            _settle(effect, message, EffectStatus.UNKNOWN, now, "no answer: the worker was lost while it acted")
            return None
        if effect is None:
            effect = _effect(key, message, now)
            session.add(effect)
        else:
            effect.status, effect.settled_at, effect.tries = EffectStatus.PLANNED, None, effect.tries + 1
        email = _EMAIL.validate_python(row.email)
        why = self._barred(session, row.person, email.to.address) if known else "the person is gone"
        if why:
            session.delete(row)
            _settle(effect, message, EffectStatus.FAILED, now, why)
            return None
        row.due, message.state = now + LOST, EffectStatus.PLANNED
        return Outgoing(key, row.made_at, email)

    def settle(self, session: Session, sent: Outgoing, outcome: Done | NotDone | Silence, now: datetime) -> None:
        """Write down how it went. What is worth it is tried again for a day."""
        self._lock(session, sent.key)
        effect, message, row = _read(session, sent.key)
        if effect is None or message is None or row is None:  # erased, or decided by a person
            return
        if isinstance(outcome, Done):
            session.delete(row)
            _settle(effect, message, EffectStatus.DONE, now, provider_id=outcome.provider_id)
            message.headers = dict(outcome.data)
        elif isinstance(outcome, Silence):
            row.due = None
            _settle(effect, message, EffectStatus.UNKNOWN, now, outcome.text)
        else:
            _settle(effect, message, EffectStatus.FAILED, now, outcome.text)
            if worth_another_try(sent, outcome, now):
                row.due = now + LATER
            else:
                session.delete(row)

    def _barred(self, session: Session, person: str, address: str) -> str:
        """Why nothing may be sent; they asked for it, so that only a withdrawal counts (PART_2)."""
        if not address:
            return "no address for email"
        if self._crm.is_blocked(session, "email", self._crm.address_key("email", address)):
            return "the address is blocked"
        row = session.get_one(Person, person, populate_existing=True)
        return "consent to email was withdrawn" if row.consent.get("email") == "withdrawn" else ""

    def _lock(self, session: Session, key: str) -> bool:
        """The person first, as everywhere; False: there is none."""
        person = session.scalar(select(col(ReplyRow.person)).where(col(ReplyRow.effect) == key))
        return person is not None and bool(lock_people(session, [person]))

    def _write(
        self, session: Session, key: str, person: str, email: Email, now: datetime, *, source: str, content: str
    ) -> None:
        message = MessageRow(
            id=email.message, effect=key, channel="email", person=person, participant="", flow="", step=source,
            content=content, to=email.to.address, sender=email.sender.address, subject=email.subject, text=email.text,
            html=email.html, mail_id=mail_id(key), transactional=True, at=now,
            links=sorted(link for url, link in email.links.items() if url in email.html or url in email.text),
        )  # fmt: skip
        written = _EMAIL.dump_python(email, mode="json")
        session.add_all([message, ReplyRow(effect=key, person=person, email=written, due=now, made_at=now)])


def let_go(session: Session, effect: str) -> None:
    """A person has said how it went: the mail is not needed any more."""
    session.execute(delete(ReplyRow).where(col(ReplyRow.effect) == effect))


def _read(session: Session, key: str) -> tuple[EffectRow | None, MessageRow | None, ReplyRow | None]:
    """What is known of a mail, locked."""
    effect = session.get(EffectRow, key, with_for_update=True, populate_existing=True)
    message = session.scalar(select(MessageRow).where(col(MessageRow.effect) == key), execution_options=AS_WRITTEN)
    return effect, message, session.get(ReplyRow, key, with_for_update=True, populate_existing=True)


def _effect(key: str, message: MessageRow, now: datetime, *, tries: int = 1) -> EffectRow:
    return EffectRow(
        key=key, participant="", flow="", step=message.step, kind=_KIND, channel="email",
        status=EffectStatus.PLANNED, tries=tries, planned_at=now,
    )  # fmt: skip


def _settle(
    effect: EffectRow,
    message: MessageRow,
    status: EffectStatus,
    now: datetime,
    error: str = "",
    *,
    provider_id: str = "",
) -> None:
    ledger.settle(effect, status, now, error=error, provider_id=provider_id)
    message.state = effect.status
