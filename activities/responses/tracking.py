"""What people do with the mails they got: click, open, unsubscribe. Each is one transaction."""

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select
from sqlmodel import Session, col

from activities.crm.embedded import EmbeddedCrm
from activities.crm.faults import Missing
from activities.crm.groups import lock_people
from activities.definitions import Definitions
from activities.enrolling.events import Event, Events
from activities.mail.links import web_links
from activities.mail.tokens import Click, Unsubscribe
from activities.responses.reactions import Reacting
from store.flows import FlowRow
from store.journeys import EventRow, MessageRow
from store.library import LinkRow, SubscriptionType
from store.people import Person

# All links of one mail within this time: nobody reads so fast.
BURST = timedelta(seconds=2)
# When a click is decided about: the burst, and a second in which the last click of one may be on its way to the store.
SETTLED = timedelta(seconds=3)
_MOST = 200


class Tracking:
    """Records what happens to messages. A message that is gone with its participation is passed over.

    But who wants no more of them is heard all the same: the mail itself may be read for years.
    """

    def __init__(self, events: Events, crm: EmbeddedCrm, definitions: Definitions, reacting: Reacting) -> None:
        self._events = events
        self._crm = crm
        self._definitions = definitions
        self._reacting = reacting

    def click(self, session: Session, click: Click, now: datetime, *, machine: bool = False) -> datetime | None:
        """A click on a link: every one is an event.

        Answers when it will be known whether it counts, if that is not known at once: a scanner opens every link of a
        mail within a moment, and its first click looks like anybody's (STEP_24).
        """
        message = self._message(session, click.message)
        if message is None:
            return None
        doubtful = not machine and len(web_links(message.html, message.text)) > 1
        data: dict[str, Any] = {"link": click.link, "message": message.id, "content": message.content, "url": click.url}
        settles_at = now + SETTLED if doubtful else None
        if not machine and not doubtful:
            self._react(session, message.person, data, now)
        told = Event("link_clicked", now, message.person, data=data, machine=machine, settles_at=settles_at)
        row = self._events.take(session, told, now)
        if row is not None and not row.machine:
            self._counts(session, row)
        return settles_at

    def settle(self, session: Session, now: datetime) -> int:
        """Decide about clicks whose moment has come; answers how many. Some hundred at a time: ask until it is 0."""
        due = session.execute(
            select(col(EventRow.number), col(EventRow.person))
            .where(col(EventRow.settles_at) <= now)
            .order_by(col(EventRow.settles_at))
            .limit(_MOST)
        ).all()
        known = set(lock_people(session, [person for _, person in due]))
        for number, person in due:
            row = session.get_one(EventRow, number, populate_existing=True)
            if row.settles_at is None:  # somebody else was faster
                continue
            machine = person not in known or self._in_burst(session, row)
            if not machine:
                data = dict(row.data)
                self._react(session, person, data, now)
                row.data = data
            self._events.settled(session, row, now, machine=machine)
            if not machine:
                self._counts(session, row)
        return len(due)

    def _react(self, session: Session, person: str, data: dict[str, Any], now: datetime) -> None:
        """What the link does by itself is done before flows hear of it; `data` tells what came of it (STEP_23)."""
        link = session.get(LinkRow, data["link"]) if data["link"] else None
        if link is not None and link.actions:
            data["actions"] = self._reacting.react(session, "link", link.id, link.actions, person, data, now)

    def _in_burst(self, session: Session, row: EventRow) -> bool:
        """Whether all links of the mail were clicked within two seconds around this click."""
        message = self._message(session, str(row.data.get("message")))
        if message is None:
            return True
        around = session.scalars(
            select(EventRow)
            .where(col(EventRow.person) == row.person, col(EventRow.type) == row.type)
            .where(col(EventRow.at) >= row.at - BURST, col(EventRow.at) <= row.at + BURST)
        )
        clicks = [(each.at, each.data.get("url")) for each in around if each.data.get("message") == message.id]
        links = len(web_links(message.html, message.text))
        return any(
            len({url for at, url in clicks if start <= at <= start + BURST}) >= links
            for start, _ in clicks
            if start <= row.at <= start + BURST
        )

    def _counts(self, session: Session, row: EventRow) -> None:
        """A click that counts, of a locked person: nobody else writes to the message's list."""
        message = session.get(MessageRow, str(row.data["message"]), populate_existing=True)
        link = row.data["link"] or row.data["url"]
        if message is not None and link not in message.clicked:
            message.clicked = [*message.clicked, link]

    def open(self, session: Session, message: str, now: datetime, *, machine: bool = False) -> None:
        """A mail was opened: the first time is an event; by a machine it is one that counts for nothing."""
        row = self._message(session, message)
        if row is None or row.opened_at is not None:
            return
        data = {"message": row.id, "content": row.content}
        id = f"{'fetched' if machine else 'opened'}:{row.id}"
        told = Event("email_opened", now, row.person, data=data, id=id, machine=machine)
        if self._events.take(session, told, now) is not None and not machine:
            row.opened_at = now

    def subscription(self, session: Session, asked: Unsubscribe) -> str | None:
        """The name of what an unsubscribe link ends; None: all mail."""
        _, id = self._unwanted(session, asked)
        kind = session.get(SubscriptionType, id) if id is not None else None
        return kind.name if kind is not None else None

    def unsubscribe(self, session: Session, asked: Unsubscribe, now: datetime) -> None:
        """The person wants no more of this kind of mail, or no mail at all (PART_2). Twice is once."""
        person, kind = self._unwanted(session, asked)
        try:
            self._crm.people.unsubscribe(session, person, kind, now)
        except Missing:
            return

    def _unwanted(self, session: Session, asked: Unsubscribe) -> tuple[str, str | None]:
        """By whom, and the subscription type; None: all mail. A message may be forgotten (PART_4, PART_7)."""
        message = self._message(session, asked.message)
        person, flow = (message.person, message.flow) if message is not None else (asked.person, asked.flow)
        known, sends = session.get(Person, person), session.get(FlowRow, flow)
        into = known.merged_into if known is not None else None
        return into or person, self._definitions.current(session, sends).flow.email.subscription if sends else None

    def _message(self, session: Session, message: str) -> MessageRow | None:
        return session.get(MessageRow, message)
