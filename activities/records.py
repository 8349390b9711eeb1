"""The store behind `flows.facts.Records`: what a step looks up about one participant."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import bindparam, exists, func, select
from sqlmodel import Session, col

from activities.crm.embedded import EmbeddedCrm
from activities.mail.links import web_links
from flows.events import of_same_key
from flows.facts import Content, Happening, Values
from store.database import AS_WRITTEN
from store.journeys import EffectStatus, EventRow, EventUse, MessageRow, ParticipantRow
from store.library import ContentRow, LinkRow

# A wait looks at this many events of a person at the most: the earliest ones decide.
_MOST = 200
_NEVER = datetime.min.replace(tzinfo=UTC)
_CONTENT = select(ContentRow).where(col(ContentRow.id) == bindparam("id"))
_LINK = select(col(LinkRow.url)).where(col(LinkRow.id) == bindparam("id"))


@dataclass(frozen=True, slots=True)
class _Nobody:
    """A person who is no participant: what is asked of a row, and nothing more, because there are many of them."""

    person: str
    id: str = ""
    key: str = ""
    acted_at: datetime | None = None
    enrolled_at: datetime = _NEVER


class _Links(Mapping[str, str]):
    """id -> URL of every registered link, of which a mail names one or two: only these are read."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def __getitem__(self, id: str) -> str:
        url = self._session.connection().scalar(_LINK, {"id": id})
        if url is None:
            raise KeyError(id)
        return url

    def __iter__(self) -> Iterator[str]:
        return iter(self._session.scalars(select(col(LinkRow.id))).all())

    def __len__(self) -> int:
        return self._session.connection().scalar(select(func.count()).select_from(LinkRow)) or 0


class StoreRecords:
    """Looks up in one transaction, for one participant. `key` is the field that the flow is keyed by (TRIG_13)."""

    def __init__(
        self, session: Session, row: ParticipantRow | _Nobody, crm: EmbeddedCrm, key: str | None = None
    ) -> None:
        self._session = session
        self._row = row
        self._crm = crm
        self._key = key

    def member_of(self, group: str) -> bool:
        """Whether the person is in the selection or project."""
        return self._crm.is_member(self._session, self._row.person, group)

    def content(self, content: str) -> Content | None:
        """The prepared e-mail with this id."""
        row = self._session.scalar(_CONTENT, {"id": content}, execution_options=AS_WRITTEN)
        if row is None:
            return None
        return Content(
            id=row.id,
            name=row.name,
            ready=row.state == "ready",
            subject=row.subject,
            html=row.html,
            text=row.text,
            attachments=tuple(row.attachments),
        )

    def associate(self, associate: str) -> Values:
        """The associate with this id."""
        return self._crm.associate_facts(self._session, associate)

    def links(self) -> Mapping[str, str]:
        """The registered links, id -> URL."""
        return _Links(self._session)

    def registered(self, html: str, text: str) -> Mapping[str, str]:
        """The web addresses in a mail that are registered links: URL -> id."""
        urls = web_links(html, "") | web_links("", text)
        if not urls:
            return {}
        query = select(col(LinkRow.url), col(LinkRow.id)).where(col(LinkRow.url).in_(urls)).order_by(col(LinkRow.id))
        return {url: id for url, id in self._session.connection().execute(query)}

    def happenings(
        self, types: Collection[str], since: datetime | None = None, *, unused: bool = False
    ) -> Sequence[Happening]:
        """The person's events of these types from `since` on, the earliest first."""
        query = (
            select(EventRow)
            .where(col(EventRow.person) == self._row.person, col(EventRow.type).in_(list(types)))
            .where(~col(EventRow.machine))
            .order_by(col(EventRow.at), col(EventRow.number))
            .limit(_MOST)
        )
        if since is not None:
            query = query.where(col(EventRow.at) >= since)
        if unused:
            used = exists().where(col(EventUse.participant) == self._row.id, col(EventUse.event) == col(EventRow.id))
            query = query.where(~used)
        return [
            happening(row)
            for row in self._session.scalars(query)
            if of_same_key(self._key, self._row.key, row.type, row.data)
        ]

    def settling(self, types: Collection[str], until: datetime) -> datetime | None:
        """When the last event in doubt will be settled."""
        return self._session.connection().scalar(
            select(func.max(col(EventRow.settles_at)))
            .where(col(EventRow.person) == self._row.person, col(EventRow.type).in_(list(types)))
            .where(col(EventRow.settles_at).is_not(None), col(EventRow.at) <= until)
        )

    def last_sent(self, link: str | None, content: str | None = None) -> datetime | None:
        """When this journey last sent a mail with this link and content (None: with any)."""
        query = (
            select(MessageRow)
            .where(col(MessageRow.participant) == self._row.id, col(MessageRow.channel) == "email")
            .where(~col(MessageRow.notice))
            .where(col(MessageRow.state) != EffectStatus.FAILED)
            .order_by(col(MessageRow.at).desc())
        )
        if content is not None:
            query = query.where(col(MessageRow.content) == content)
        for message in self._session.scalars(query):
            if link is None or link in message.links:
                return message.at
        return None

    def last_acted(self) -> datetime:
        """When the latest step that did something began."""
        return self._row.acted_at or self._row.enrolled_at


class PageRecords(StoreRecords):
    """For someone who is no participant (yet). `members` are all memberships, (person, group), of these `groups`."""

    def __init__(
        self,
        session: Session,
        person: str,
        crm: EmbeddedCrm,
        members: Collection[tuple[str, str]] = (),
        groups: Collection[str] = (),
    ) -> None:
        super().__init__(session, _Nobody(person), crm)
        self._members, self._groups = members, groups

    def member_of(self, group: str) -> bool:
        """Whether the person is in the selection or project."""
        if group in self._groups:
            return (self._row.person, group) in self._members
        return super().member_of(group)


def happening(row: EventRow) -> Happening:
    """A stored event as steps and conditions see it."""
    return Happening(id=row.id, type=row.type, at=row.at, data=row.data)
