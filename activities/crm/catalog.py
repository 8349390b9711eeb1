"""The names that flows may refer to, from the store (LIFE_2)."""

from collections.abc import Callable, Iterator, Mapping, Sequence

from sqlalchemy import select
from sqlmodel import Session, SQLModel, col

from activities.crm.custom import declared
from activities.crm.kinds import permits
from flows.catalog import Acting, Kind
from flows.fields import Field
from flows.problems import Problem
from flows.reactions import REACTIONS
from flows.steps.base import Action
from store.flows import FlowRow
from store.kinds import AssociateGroup, Category, FollowUpType, RequestType, SaleType
from store.library import ContentRow, FileRow, FormRow, LinkRow, SubscriptionType
from store.outside import EndpointRow, ScriptRow
from store.people import Associate, Project, Selection

_TABLES: Mapping[Kind, type[SQLModel]] = {
    "content": ContentRow,
    "selection": Selection,
    "project": Project,
    "flow": FlowRow,
    "link": LinkRow,
    "form": FormRow,
    "file": FileRow,
    "subscription_type": SubscriptionType,
    "endpoint": EndpointRow,
    "script": ScriptRow,
    "associate": Associate,
    "group": AssociateGroup,
    "follow_up_type": FollowUpType,
    "request_type": RequestType,
    "category": Category,
    "sale_type": SaleType,
}
_MOST_NAMES = 1_000


Refuses = Callable[[Session, Action], Iterator[Problem]]
"""Tells the problems of a step that the CRM behind can never do, as far as the store knows."""


def nothing_refused(_session: Session, _step: Action) -> Iterator[Problem]:
    """A CRM that can do every step."""
    return iter(())


class StoreCatalog:
    """flows.catalog.Catalog over one transaction. Asking about what does not exist raises NoResultFound."""

    def __init__(self, session: Session, refuses: Refuses = nothing_refused) -> None:
        self._session = session
        self._refuses = refuses

    def exists(self, kind: Kind, name: str) -> bool:
        """Whether there is such a thing; a deleted flow is not."""
        row = self._session.get(_TABLES[kind], name)
        return row is not None and not (isinstance(row, FlowRow) and row.deleted)

    def names(self, kind: Kind) -> list[str]:
        """The first thousand ids."""
        id = _TABLES[kind].__table__.c.id  # type: ignore[attr-defined]
        query = select(id).order_by(id).limit(_MOST_NAMES)
        if kind == "flow":
            query = query.where(~col(FlowRow.deleted))
        return list(self._session.scalars(query))

    def reactions(self, kind: Acting, name: str) -> Sequence[Action]:
        """What it does by itself, as stored."""
        row = self._session.get(FormRow, name) if kind == "form" else self._session.get(LinkRow, name)
        return REACTIONS.validate_python(row.actions) if row is not None else ()

    def content_templates(self, content: str) -> dict[str, str]:
        """Liquid sources by part."""
        row = self._session.get_one(ContentRow, content)
        return {"subject": row.subject, "html": row.html, "text": row.text}

    def content_ready(self, content: str) -> bool:
        """Whether it may be sent."""
        return self._session.get_one(ContentRow, content).state == "ready"

    def file_size(self, file: str) -> int:
        """In bytes."""
        return self._session.get_one(FileRow, file).size

    def content_attachments(self, content: str) -> list[str]:
        """Ids of the files that always go with it."""
        return list(self._session.get_one(ContentRow, content).attachments)

    def choices(self, kind: Kind, name: str | None, of: str) -> list[str] | None:
        """What the type permits, by its settings."""
        row = self._session.get(_TABLES[kind], name) if name is not None else None
        return permits(kind, row.model_dump() if row is not None else None, of)

    def refusals(self, step: Action) -> Iterator[Problem]:
        """As the CRM behind says."""
        return self._refuses(self._session, step)

    def custom_fields(self) -> Mapping[str, Field]:
        """Those of people and of companies."""
        return {
            f"{of}.custom.{key}": field
            for of in ("person", "company")
            for key, field in declared(self._session, of).items()
        }
