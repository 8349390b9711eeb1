"""What people do with the mails they got: click, open, unsubscribe. Each is one transaction."""

from datetime import datetime

from sqlalchemy import select
from sqlmodel import Session, col

from activities.crm.embedded import EmbeddedCrm
from activities.crm.faults import Missing
from activities.definitions import Definitions
from activities.events import Event, Events
from activities.mail.tokens import Click
from store.flows import FlowRow
from store.journeys import MessageRow
from store.library import SubscriptionType


class Tracking:
    """Records what happens to messages. A message that is gone with its participation is passed over."""

    def __init__(self, events: Events, crm: EmbeddedCrm, definitions: Definitions) -> None:
        self._events = events
        self._crm = crm
        self._definitions = definitions

    def click(self, session: Session, click: Click, now: datetime) -> None:
        """A click on a link: every one is an event."""
        message = self._message(session, click.message)
        if message is None:
            return
        data = {"link": click.link, "message": message.id, "content": message.content, "url": click.url}
        self._events.take(session, Event("link_clicked", now, message.person, data=data), now)
        # The person is locked by now, so that nobody else writes to the list.
        session.refresh(message)
        link = click.link or click.url
        if link not in message.clicked:
            message.clicked = [*message.clicked, link]

    def open(self, session: Session, message: str, now: datetime) -> None:
        """A mail was opened: the first time is an event."""
        row = self._message(session, message)
        if row is None or row.opened_at is not None:
            return
        data = {"message": row.id, "content": row.content}
        taken = self._events.take(
            session, Event("email_opened", now, row.person, data=data, id=f"opened:{row.id}"), now
        )
        if taken is not None:
            row.opened_at = now

    def subscription(self, session: Session, message: str) -> str | None:
        """The name of what an unsubscribe link of this message ends; None: all mail."""
        id = self._subscription(session, message)
        kind = session.get(SubscriptionType, id) if id is not None else None
        return kind.name if kind is not None else None

    def unsubscribe(self, session: Session, message: str, now: datetime) -> None:
        """The person wants no more of this kind of mail, or no mail at all (PART_2). Twice is once."""
        row = self._message(session, message)
        if row is None:
            return
        try:
            self._crm.people.unsubscribe(session, row.person, self._subscription(session, message), now)
        except Missing:
            return

    def _subscription(self, session: Session, message: str) -> str | None:
        flow = session.scalar(
            select(FlowRow)
            .join(MessageRow, col(MessageRow.flow) == col(FlowRow.id))
            .where(col(MessageRow.id) == message)
        )
        if flow is None:
            return None
        return self._definitions.current(session, flow).flow.email.subscription

    def _message(self, session: Session, message: str) -> MessageRow | None:
        return session.get(MessageRow, message)
