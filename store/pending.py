"""What forms and links do outside our store (STEP_23), until it is known how it went."""

from datetime import datetime
from typing import Any

from sqlalchemy import Index, text
from sqlmodel import Field, SQLModel

from store.columns import Json, Moment


class PendingEffect(SQLModel, table=True):
    """A mail, or a request of another CRM, in full. `effect` is its key in the ledger.

    `number` is the order in which those of one person are handed over in a channel. `what` says it in a line, `source`
    names the form or link. `due` is when it is handed over, and while somebody does so when they count as lost; None:
    a person decides.
    """

    __tablename__ = "pending_effect"
    __table_args__ = (
        Index(
            "pending_effect_due",
            "channel",
            "due",
            sqlite_where=text("due IS NOT NULL"),
            postgresql_where=text("due IS NOT NULL"),
        ),
        Index(
            "pending_effect_undecided",
            "effect",
            sqlite_where=text("due IS NULL"),
            postgresql_where=text("due IS NULL"),
        ),
        Index("pending_effect_of_person", "person", "channel", "number"),
    )

    number: int | None = Field(default=None, primary_key=True)
    effect: str = Field(unique=True)
    person: str
    source: str
    kind: str
    channel: str
    what: str
    request: dict[str, Any] = Field(sa_type=Json)
    due: datetime | None = Field(default=None, sa_type=Moment)
    made_at: datetime = Field(sa_type=Moment)
