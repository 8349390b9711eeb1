"""What is still to be taken over from a CRM that is not ours: a pull of everything, and what that CRM has told."""

from datetime import datetime
from typing import Any

from sqlmodel import Field, SQLModel

from store.columns import Json, Moment, no_keys


class PullRow(SQLModel, table=True):
    """A pull of one kind of thing, in the order of the numbers there: up to `after` it is taken over.

    Of lists so many pages are. Not before `due`. `refused` are those that could not be taken, `why` says what is wrong
    with the last of them, or why the pull does not get on. `first`: nothing of this kind was pulled before.
    """

    __tablename__ = "pull"

    kind: str = Field(primary_key=True)
    after: int = 0
    taken: int = 0
    refused: int = 0
    why: str = ""
    first: bool = True
    done: bool = False
    due: datetime = Field(sa_type=Moment)
    started_at: datetime = Field(sa_type=Moment)


class FieldItemRow(SQLModel, table=True):
    """An item of the list that a field of people or companies takes its values from there, by its number there.

    Where a field has none here, it takes its values from no list, or its list was not pulled.
    """

    __tablename__ = "field_item"

    field: str = Field(primary_key=True)
    number: int = Field(primary_key=True)
    name: str


class ToldRow(SQLModel, table=True):
    """Something that SuperOffice has told, kept until it is followed: an event, a number, and the numbers beside it."""

    __tablename__ = "told"

    id: str = Field(primary_key=True)
    event: str
    key: int
    numbers: dict[str, Any] = Field(sa_type=Json, default_factory=no_keys)
    due: datetime = Field(sa_type=Moment, index=True)
    tries: int = 0
