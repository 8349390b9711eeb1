"""What providers report after a message has left: delivered or not, and what people answer. Each is one transaction."""

import re
from collections.abc import Sequence
from datetime import datetime
from unicodedata import normalize

from sqlalchemy import select
from sqlmodel import Session, col

from activities import ledger
from activities.crm.groups import lock_people
from activities.crm.values import email_key
from activities.dispatcher import wake
from activities.enrolling.events import Event, Events
from activities.journeys.standing import Rules, Standing, UnknownParticipant
from activities.mail.reports import Kind, Reply, Report
from flows.outcome import Reason
from flows.steps.base import Leave
from store.journeys import EffectRow, EffectStatus, JournalRow, MessageRow
from store.people import Person

# What a provider calls an SMS that has left its house, or that never will.
_SENT = {"sent", "delivered", "read"}
_LOST = {"undelivered", "failed"}
# As the first word they mean it; the others only alone, for "end of June" is no withdrawal.
_STOP = {"stop", "stopp", "stopall", "optout", "unsubscribe", "avmeld", "avregistrer", "avslutt"}
_STOP_ALONE = {"cancel", "end", "quit", "revoke", "slutt", "slut", "afmeld", "avsluta", "avregistrera"}


# Alone, and no plain yes: that may answer anything.
_START_ALONE = {"start", "unstop"}


def says_stop(text: str) -> bool:
    """Whether an SMS withdraws the consent to SMS."""
    words = _words(text)
    return bool(words) and (words[0] in _STOP or (len(words) == 1 and words[0] in _STOP_ALONE))


def says_start(text: str) -> bool:
    """Whether an SMS takes a STOP back."""
    words = _words(text)
    return len(words) == 1 and words[0] in _START_ALONE


def _words(text: str) -> list[str]:
    return re.findall(r"\w+", normalize("NFKC", text).casefold())  # some keyboards write letters of full width


BOUNCED = "email.bounced"
_EVENTS: dict[Kind, str] = {
    "bounced": BOUNCED, "undelivered": "email.undelivered", "complained": "email.complained",
}  # fmt: skip


class Deliveries:
    """Takes in what providers report."""

    def __init__(self, events: Events, rules: Rules) -> None:
        self._events = events
        self._rules = rules
        self._crm = rules.crm

    # --- e-mail --------------------------------------------------------------------------------------------------

    def mail_reported(self, session: Session, report: Report, now: datetime) -> bool:
        """A mail came back, or was complained about: nothing is sent there any more (PART_2). False: known already.

        Who was sent a mail that bounced drops out as unreachable, as if the server had refused it at once, unless the
        flow waits for just that.
        """
        message = self._sent(session, [report.mail])
        if message is not None and message.notice:
            message.delivery = report.kind
            return True
        address = report.recipient or (message.to if message is not None else "")
        people = self._with_address(session, address)
        if message is not None and message.person not in people:
            people = lock_people(session, [*people, message.person])
        data = {"status": report.status}
        if message is not None:
            data |= {"message": message.id, "content": message.content}
        for person in people or [""]:
            told = Event(
                _EVENTS[report.kind], now, person, data=data, source="mail",
                id=f"{report.id}:{report.recipient}:{person}" if report.id else "",
            )  # fmt: skip
            if self._events.take(session, told, now) is None:
                return False
        if report.kind != "undelivered" and address:
            self._crm.block(session, "email", address, report.kind, now)
        if report.kind == "complained":
            for person in people:
                self._crm.people.withdraw(session, person, "email", now)
        if message is not None:
            message.delivery = report.kind
            if report.kind == "bounced":
                self._drop(session, message, now)
        return True

    def mail_answered(self, session: Session, reply: Reply, now: datetime) -> bool:
        """Somebody answers a mail of ours: an event of whoever got it, else of who has the address. False: nobody."""
        message = self._sent(session, reply.mails)
        if message is not None and message.notice:
            return False
        people = [message.person] if message is not None else self._with_address(session, reply.sender)[:1]
        data = {"message": message.id, "content": message.content} if message is not None else {}
        for person in people:
            told = Event(
                "email_answered", now, person, data=data, source="mail", id=reply.id, machine=reply.automatic
            )  # fmt: skip
            self._events.take(session, told, now)
        return bool(people)

    def _sent(self, session: Session, mails: Sequence[str]) -> MessageRow | None:
        """The first of these mails that is ours."""
        for mail in filter(None, mails):
            found = session.scalar(select(MessageRow).where(col(MessageRow.mail_id) == mail))
            if found is not None:
                return found
        return None

    def _with_address(self, session: Session, address: str) -> list[str]:
        """Everybody with this address, locked."""
        if not address:
            return []
        found = select(col(Person.id)).where(
            col(Person.email_key) == email_key(address), col(Person.deleted_at).is_(None)
        )
        return lock_people(session, session.scalars(found).all())

    def _drop(self, session: Session, message: MessageRow, now: datetime) -> None:
        try:
            here = Standing.lock(session, message.participant, now, self._rules)
        except UnknownParticipant:
            return
        row = here.row
        if not row.status.inside or row.generation < here.flow.generation or BOUNCED in row.awaits:
            return
        here.leave(Leave(Reason.UNREACHABLE, "the e-mail came back: nobody is reached at this address"))
        wake(session, row, now)

    # --- SMS -----------------------------------------------------------------------------------------------------

    def sms_status(self, session: Session, message: str, status: str, now: datetime) -> None:
        """An SMS went on its way, arrived, or never will. A message that is gone is passed over."""
        row = session.get(MessageRow, message)
        if row is None:
            return
        lock_people(session, [row.person])
        session.refresh(row)
        if row.delivery == "delivered":  # reports may overtake one another
            return
        if status in _SENT | _LOST:
            self._settle(session, row, status in _SENT, now)
        if status == "delivered" or status in _LOST:
            row.delivery = "delivered" if status == "delivered" else "undelivered"

    def _settle(self, session: Session, row: MessageRow, sent: bool, now: datetime) -> None:
        """Of an SMS of which nobody knew, the provider's report tells (SAFE_2)."""
        effect = session.get_one(EffectRow, row.effect, with_for_update=True)
        if effect.status is not EffectStatus.UNKNOWN:
            return
        row.state = EffectStatus.DONE if sent else EffectStatus.FAILED
        ledger.settle(effect, row.state, now, error=effect.error)
        text = "the provider reports that it was sent" if sent else "the provider reports that it was not sent"
        session.add(
            JournalRow(
                participant=row.participant, flow=row.flow, at=now, step=row.step, kind=effect.kind,
                event=row.state.value, text=text,
            )
        )  # fmt: skip

    def sms_in(self, session: Session, number: str, text: str, id: str, now: datetime) -> None:
        """Somebody has sent us an SMS: an event of everybody with that number, or kept as of somebody unknown.

        STOP withdraws their consent, START takes that back, and both hold for a number that nobody has.
        """
        found = select(col(Person.id)).where(col(Person.mobile) == number, col(Person.deleted_at).is_(None))
        people = lock_people(session, session.scalars(found).all())
        stop, start, heard = says_stop(text), says_start(text), False
        for person in people or [""]:
            told = Event(
                "sms.received", now, person, subject=f"mobile:{number}" if not person else "",
                data={"text": text, "stop": stop, "start": start}, source="sms", id=f"{id}:{person}" if id else "",
            )  # fmt: skip
            if self._events.take(session, told, now) is None:  # told before
                continue
            heard = True
            if stop and person:
                self._crm.people.withdraw(session, person, "sms", now)
            elif start and person:
                self._crm.people.take_back(session, person, "sms", now)
        if start and heard:
            self._crm.unblock(session, "sms", number, reason="STOP")
        if stop and not people:
            # Nobody we know, perhaps not yet: whoever comes with that number gets nothing either.
            self._crm.block(session, "sms", number, "STOP", now)
