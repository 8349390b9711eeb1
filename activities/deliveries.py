"""What providers report after a message has left: delivered or not, and what people answer. Each is one transaction."""

import re
from datetime import datetime

from sqlalchemy import select
from sqlmodel import Session, col

from activities import ledger
from activities.crm.embedded import EmbeddedCrm
from activities.crm.groups import lock_people
from activities.events import Event, Events
from store.journeys import EffectRow, EffectStatus, JournalRow, MessageRow
from store.people import Person

# What a provider calls an SMS that has left its house, or that never will.
_SENT = {"sent", "delivered", "read"}
_LOST = {"undelivered", "failed"}
# As the first word they mean it; the others only alone, for "end of June" is no withdrawal.
_STOP = {"stop", "stopp", "stopall", "optout", "unsubscribe", "avmeld", "avregistrer", "avslutt"}
_STOP_ALONE = {"cancel", "end", "quit", "revoke", "slutt", "slut", "afmeld", "avsluta", "avregistrera"}


def says_stop(text: str) -> bool:
    """Whether an SMS withdraws the consent to SMS."""
    words = re.findall(r"\w+", text.casefold())
    return bool(words) and (words[0] in _STOP or (len(words) == 1 and words[0] in _STOP_ALONE))


class Deliveries:
    """Takes in what providers report."""

    def __init__(self, events: Events, crm: EmbeddedCrm) -> None:
        self._events = events
        self._crm = crm

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
        """Somebody has sent us an SMS: an event of everybody with that number; STOP withdraws their consent."""
        found = select(col(Person.id)).where(col(Person.mobile) == number, col(Person.deleted_at).is_(None))
        people = lock_people(session, session.scalars(found).all())
        stop = says_stop(text)
        for person in people or [""]:
            told = Event(
                "sms.received", now, person, subject=f"mobile:{number}" if not person else "",
                data={"text": text, "stop": stop}, source="sms", id=f"{id}:{person}" if id else "",
            )  # fmt: skip
            if self._events.take(session, told, now) is not None and stop and person:
                self._crm.people.withdraw(session, person, "sms", now)
        if stop and not people:
            # Nobody we know, perhaps not yet: whoever comes with that number gets nothing either.
            self._crm.block(session, "sms", number, "STOP", now)
