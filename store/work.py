"""What there is to do for people: follow-ups, requests, sales. A flow makes them (STEP_6-8), or somebody by hand.

Where a flow made one, it says in which participation, flow and step.
"""

import datetime as dt
from datetime import datetime
from decimal import Decimal
from typing import Literal

from sqlalchemy import Index, String, text
from sqlmodel import Field, SQLModel

from store.columns import Amount, Json, Moment, no_items, no_keys


class FollowUp(SQLModel, table=True):
    """An entry in an associate's diary: a to-do with a `due` date, or a meeting from `starts_at` to `ends_at`.

    `tell_at`: when the owner is to be told of it, until that is done.
    """

    __tablename__ = "follow_up"
    __table_args__ = (
        # STEP_6: whatever goes wrong before, two journeys never get the same time.
        Index(
            "follow_up_booked",
            "owner",
            "starts_at",
            unique=True,
            sqlite_where=text("participant <> ''"),
            postgresql_where=text("participant <> ''"),
        ),
        Index("follow_up_of_owner", "owner", "ends_at"),
        Index(
            "follow_up_to_tell",
            "tell_at",
            sqlite_where=text("tell_at IS NOT NULL"),
            postgresql_where=text("tell_at IS NOT NULL"),
        ),
        Index("follow_up_of_person", "person", "id"),
        Index("follow_up_of_flow", "flow", "id"),
        Index("follow_up_of_participant", "participant", "id"),
    )

    id: str = Field(primary_key=True)
    person: str
    title: str
    type: str | None = Field(default=None, foreign_key="follow_up_type.id", ondelete="SET NULL", index=True)
    owner: str | None = Field(default=None, foreign_key="associate.id", ondelete="SET NULL")
    project: str | None = Field(default=None, foreign_key="project.id", ondelete="SET NULL", index=True)
    agenda: str = ""
    files: list[str] = Field(sa_type=Json, default_factory=no_items)
    links: list[str] = Field(sa_type=Json, default_factory=no_items)
    due: dt.date | None = None
    starts_at: datetime | None = Field(default=None, sa_type=Moment)
    ends_at: datetime | None = Field(default=None, sa_type=Moment)
    done: bool = False
    tell_at: datetime | None = Field(default=None, sa_type=Moment)
    participant: str = ""
    flow: str = ""
    step: str = ""
    created_at: datetime = Field(sa_type=Moment)
    updated_at: datetime = Field(sa_type=Moment)


class RequestRow(SQLModel, table=True):
    """A request of a person. `state` is the kind of its status. Without an owner, the category's members answer."""

    __tablename__ = "request"
    __table_args__ = (
        Index("request_of_owner", "owner", "state"),
        Index("request_of_person", "person", "id"),
        Index("request_of_flow", "flow", "id"),
        Index("request_of_participant", "participant", "id"),
    )

    id: str = Field(primary_key=True)
    person: str
    title: str
    type: str | None = Field(default=None, foreign_key="request_type.id", ondelete="SET NULL", index=True)
    status: str
    state: Literal["open", "closed"] = Field(sa_type=String)
    category: str | None = Field(default=None, foreign_key="category.id", ondelete="SET NULL", index=True)
    priority: str
    owner: str | None = Field(default=None, foreign_key="associate.id", ondelete="SET NULL")
    message: str = ""
    participant: str = ""
    flow: str = ""
    step: str = ""
    created_at: datetime = Field(sa_type=Moment)
    updated_at: datetime = Field(sa_type=Moment)


class Sale(SQLModel, table=True):
    """A sale to a person or a company. `state` is the kind of its stage, `date` when it is expected to be sold."""

    __tablename__ = "sale"
    __table_args__ = (
        Index("sale_of_person", "person", "id"),
        Index("sale_of_flow", "flow", "id"),
        Index("sale_of_participant", "participant", "id"),
    )

    id: str = Field(primary_key=True)
    person: str | None = None
    company: str | None = Field(default=None, foreign_key="company.id", ondelete="SET NULL", index=True)
    title: str
    type: str | None = Field(default=None, foreign_key="sale_type.id", ondelete="SET NULL", index=True)
    stage: str
    state: Literal["open", "sold", "lost"] = Field(sa_type=String)
    amount: Decimal | None = Field(default=None, sa_type=Amount)
    currency: str | None = None
    description: str = ""
    project: str | None = Field(default=None, foreign_key="project.id", ondelete="SET NULL", index=True)
    date: dt.date | None = None
    owner: str | None = Field(default=None, foreign_key="associate.id", ondelete="SET NULL", index=True)
    participant: str = ""
    flow: str = ""
    step: str = ""
    created_at: datetime = Field(sa_type=Moment)
    updated_at: datetime = Field(sa_type=Moment)


class Turns(SQLModel, table=True):
    """How often each associate's turn came where work is spread evenly: a step, a category (STEP_7, STEP_9)."""

    __tablename__ = "turns"

    id: str = Field(primary_key=True)
    taken: dict[str, int] = Field(sa_type=Json, default_factory=no_keys)
