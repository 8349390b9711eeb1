"""Mails that forms and links answer with by themselves, until they have left (STEP_23)."""

from datetime import datetime
from typing import Any

from sqlalchemy import Index, text
from sqlmodel import Field, SQLModel

from store.columns import Json, Moment


class ReplyRow(SQLModel, table=True):
    """A mail to be sent, in full, until it is known to have left. `effect` is its key in the ledger.

    `due` is when it is to be sent, and while somebody sends it when they count as lost; None: a person decides.
    """

    __tablename__ = "reply"
    __table_args__ = (
        Index("reply_due", "due", sqlite_where=text("due IS NOT NULL"), postgresql_where=text("due IS NOT NULL")),
        Index("reply_of_person", "person"),
    )

    effect: str = Field(primary_key=True)
    person: str
    email: dict[str, Any] = Field(sa_type=Json)
    due: datetime | None = Field(default=None, sa_type=Moment)
    made_at: datetime = Field(sa_type=Moment)
