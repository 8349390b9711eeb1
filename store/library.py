"""What flows send and refer to: content, files, links, forms, subscription types."""

from datetime import datetime
from typing import Any, Literal

from sqlalchemy import Index, String
from sqlmodel import Field, SQLModel

from store.columns import Json, Moment, no_items, no_keys


class ContentRow(SQLModel, table=True):
    """A prepared e-mail: Liquid sources, and the files that always go with it. Only ready content is sent (STEP_1)."""

    __tablename__ = "content"

    id: str = Field(primary_key=True)
    name: str
    state: Literal["draft", "ready"] = Field(sa_type=String, default="draft")
    subject: str = ""
    html: str = ""
    text: str = ""
    attachments: list[str] = Field(sa_type=Json, default_factory=no_items)
    created_at: datetime = Field(sa_type=Moment)
    updated_at: datetime = Field(sa_type=Moment)


class Blob(SQLModel, table=True):
    """Bytes, once for each SHA-256."""

    __tablename__ = "blob"

    sha256: str = Field(primary_key=True)
    data: bytes


class FileRow(SQLModel, table=True):
    """A file that mails can carry; its bytes are the blob `sha256`."""

    __tablename__ = "file"

    id: str = Field(primary_key=True)
    name: str
    mime: str
    size: int
    sha256: str = Field(foreign_key="blob.sha256", index=True)
    created_at: datetime = Field(sa_type=Moment)
    updated_at: datetime = Field(sa_type=Moment)


class LinkRow(SQLModel, table=True):
    """A web address whose clicks are tracked under a name of its own; `actions` are done at each click (STEP_23)."""

    __tablename__ = "link"
    __table_args__ = (Index("link_by_url", "url"),)

    id: str = Field(primary_key=True)
    name: str
    url: str
    actions: list[dict[str, Any]] = Field(
        sa_type=Json, default_factory=no_items, sa_column_kwargs={"server_default": "[]"}
    )
    created_at: datetime = Field(sa_type=Moment)
    updated_at: datetime = Field(sa_type=Moment)


class FormRow(SQLModel, table=True):
    """A form that people submit: its fields, and what they see or where they go afterwards.

    `actions` are done at each submission, `new_people` are fields of who is new by it (STEP_23).
    """

    __tablename__ = "form"

    id: str = Field(primary_key=True)
    name: str
    fields: list[dict[str, Any]] = Field(sa_type=Json, default_factory=no_items)
    thanks_url: str | None = None
    thanks_text: str | None = None
    actions: list[dict[str, Any]] = Field(
        sa_type=Json, default_factory=no_items, sa_column_kwargs={"server_default": "[]"}
    )
    new_people: dict[str, Any] = Field(sa_type=Json, default_factory=no_keys, sa_column_kwargs={"server_default": "{}"})
    created_at: datetime = Field(sa_type=Moment)
    updated_at: datetime = Field(sa_type=Moment)


class SubscriptionType(SQLModel, table=True):
    """A kind of mail that people can want or turn away from."""

    __tablename__ = "subscription_type"

    id: str = Field(primary_key=True)
    name: str
    created_at: datetime = Field(sa_type=Moment)
    updated_at: datetime = Field(sa_type=Moment)
