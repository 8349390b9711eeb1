"""What decides how things are done: groups of associates, the kinds of follow-ups, requests, sales, and fields."""

from datetime import datetime
from typing import Any, Literal

from sqlalchemy import String, UniqueConstraint
from sqlmodel import Field, SQLModel

from store.columns import Json, Moment, no_items


class AssociateGroup(SQLModel, table=True):
    """A primary group: associates who do the same work. An id in `members` may be of one who is gone."""

    __tablename__ = "associate_group"

    id: str = Field(primary_key=True)
    name: str
    members: list[str] = Field(sa_type=Json, default_factory=no_items)
    created_at: datetime = Field(sa_type=Moment)
    updated_at: datetime = Field(sa_type=Moment)


class FollowUpType(SQLModel, table=True):
    """A kind of follow-up: whether it is a meeting or a to-do, how long it takes, and which fields it has (STEP_6)."""

    __tablename__ = "follow_up_type"

    id: str = Field(primary_key=True)
    name: str
    date: Literal["due", "meeting", "either"] = Field(sa_type=String, default="either")
    minutes: int = 60
    fields: list[str] = Field(sa_type=Json, default_factory=no_items)
    created_at: datetime = Field(sa_type=Moment)
    updated_at: datetime = Field(sa_type=Moment)


class RequestType(SQLModel, table=True):
    """A kind of request: the statuses and priorities that it can have, and the usual ones (STEP_7)."""

    __tablename__ = "request_type"

    id: str = Field(primary_key=True)
    name: str
    statuses: list[dict[str, Any]] = Field(sa_type=Json, default_factory=no_items)
    default_status: str | None = None
    priorities: list[str] = Field(sa_type=Json, default_factory=no_items)
    default_priority: str | None = None
    created_at: datetime = Field(sa_type=Moment)
    updated_at: datetime = Field(sa_type=Moment)


class Category(SQLModel, table=True):
    """What requests are about: who answers for them, and by which rule one of them is assigned (STEP_7)."""

    __tablename__ = "category"

    id: str = Field(primary_key=True)
    name: str
    members: list[str] = Field(sa_type=Json, default_factory=no_items)
    assign: Literal["evenly", "fewest_open", "our_contact", "our_service_contact"] = Field(
        sa_type=String, default="evenly"
    )
    created_at: datetime = Field(sa_type=Moment)
    updated_at: datetime = Field(sa_type=Moment)


class SaleType(SQLModel, table=True):
    """A kind of sale: its stages, how long it usually takes, and the guide through it (STEP_8)."""

    __tablename__ = "sale_type"

    id: str = Field(primary_key=True)
    name: str
    stages: list[dict[str, Any]] = Field(sa_type=Json, default_factory=no_items)
    default_stage: str | None = None
    duration: str
    guide: list[str] = Field(sa_type=Json, default_factory=no_items)
    created_at: datetime = Field(sa_type=Moment)
    updated_at: datetime = Field(sa_type=Moment)


class CustomField(SQLModel, table=True):
    """A field that a team has added to people or companies: its key under `custom`, and what it holds (STEP_3)."""

    __tablename__ = "custom_field"
    __table_args__ = (UniqueConstraint("of", "key", name="custom_field_once"),)

    id: str = Field(primary_key=True)
    of: Literal["person", "company"] = Field(sa_type=String)
    key: str
    name: str
    type: Literal["text", "number", "date", "datetime", "flag", "list", "any"] = Field(sa_type=String)
    choices: list[str] = Field(sa_type=Json, default_factory=no_items)
    created_at: datetime = Field(sa_type=Moment)
    updated_at: datetime = Field(sa_type=Moment)
