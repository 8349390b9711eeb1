"""The embedded CRM: people, companies, associates, and the groups that people are in."""

from datetime import datetime
from typing import Any

from sqlalchemy import Index, UniqueConstraint, text
from sqlmodel import Field, SQLModel

from store.columns import Json, Moment, no_items, no_keys


class Associate(SQLModel, table=True):
    """An employee of ours: "our contact" or "our service contact" of people and companies.

    `working_hours`, `absences` and `country` (whose public holidays are free) are a diary in the associate's own
    `time_zone`; without working hours of its own, an associate has the usual ones.
    """

    __tablename__ = "associate"

    id: str = Field(primary_key=True)
    name: str
    email: str | None = None
    mobile: str | None = None
    time_zone: str | None = None
    country: str | None = None
    working_hours: list[dict[str, Any]] | None = Field(default=None, sa_type=Json)
    absences: list[dict[str, Any]] = Field(
        sa_type=Json, default_factory=no_items, sa_column_kwargs={"server_default": "[]"}
    )
    available: bool = Field(default=True, sa_column_kwargs={"server_default": text("true")})
    created_at: datetime = Field(sa_type=Moment)
    updated_at: datetime = Field(sa_type=Moment)


class Company(SQLModel, table=True):
    """A company that people belong to. `name_key` is the name as it is compared: NFC, case folded."""

    __tablename__ = "company"

    id: str = Field(primary_key=True)
    external_id: str | None = Field(default=None, unique=True, index=True)
    name: str
    name_key: str = Field(index=True)
    category: str | None = None
    country: str | None = None
    employees: int | None = None
    our_contact: str | None = Field(default=None, foreign_key="associate.id", ondelete="SET NULL", index=True)
    custom: dict[str, Any] = Field(sa_type=Json, default_factory=no_keys)
    created_at: datetime = Field(sa_type=Moment)
    updated_at: datetime = Field(sa_type=Moment)


class Person(SQLModel, table=True):
    """A person. Missing values are NULL, never empty text.

    `email_key` is the address as it is compared (NFC, lower case); two people may share one. `mobile` is E.164.
    `consent` is channel -> "granted" or "withdrawn"; `subscriptions` are the subscription types the person wants,
    `unsubscribed` those it turned away from by its own act (PART_2). A deleted person keeps its row, so that it can be
    restored and that "only once" still holds. One that was merged only says into whom (PART_9).
    """

    __tablename__ = "person"
    __table_args__ = (Index("person_email", "email_key", "id"), Index("person_mobile", "mobile", "id"))

    id: str = Field(primary_key=True)
    external_id: str | None = Field(default=None, unique=True)
    first_name: str | None = None
    last_name: str | None = None
    email: str | None = None
    email_key: str | None = None
    mobile: str | None = None
    country: str | None = None
    language: str | None = None
    time_zone: str | None = None
    category: str | None = None
    company: str | None = Field(default=None, foreign_key="company.id", ondelete="SET NULL", index=True)
    our_contact: str | None = Field(default=None, foreign_key="associate.id", ondelete="SET NULL", index=True)
    our_service_contact: str | None = Field(default=None, foreign_key="associate.id", ondelete="SET NULL", index=True)
    former_employee: bool = False
    consent: dict[str, str] = Field(sa_type=Json, default_factory=no_keys)
    subscriptions: list[str] = Field(sa_type=Json, default_factory=no_items)
    unsubscribed: list[str] = Field(sa_type=Json, default_factory=no_items)
    custom: dict[str, Any] = Field(sa_type=Json, default_factory=no_keys)
    created_at: datetime = Field(sa_type=Moment)
    updated_at: datetime = Field(sa_type=Moment)
    deleted_at: datetime | None = Field(default=None, sa_type=Moment)
    merged_into: str | None = Field(default=None, index=True)

    @property
    def name(self) -> str:
        """First and last name; empty if neither is known."""
        return " ".join(part for part in (self.first_name, self.last_name) if part)


class Selection(SQLModel, table=True):
    """A static list of people."""

    __tablename__ = "selection"

    id: str = Field(primary_key=True)
    name: str
    created_at: datetime = Field(sa_type=Moment)
    updated_at: datetime = Field(sa_type=Moment)


class SelectionMember(SQLModel, table=True):
    """A person is in a selection since `at`."""

    __tablename__ = "selection_member"
    __table_args__ = (Index("selections_of_person", "person", "selection"),)

    selection: str = Field(primary_key=True, foreign_key="selection.id", ondelete="CASCADE")
    person: str = Field(primary_key=True, foreign_key="person.id", ondelete="CASCADE")
    at: datetime = Field(sa_type=Moment)


class Project(SQLModel, table=True):
    """Something that people take part in: an event, a campaign, a delivery."""

    __tablename__ = "project"

    id: str = Field(primary_key=True)
    name: str
    created_at: datetime = Field(sa_type=Moment)
    updated_at: datetime = Field(sa_type=Moment)


class ProjectMember(SQLModel, table=True):
    """A person is in a project since `at`."""

    __tablename__ = "project_member"
    __table_args__ = (Index("projects_of_person", "person", "project"),)

    project: str = Field(primary_key=True, foreign_key="project.id", ondelete="CASCADE")
    person: str = Field(primary_key=True, foreign_key="person.id", ondelete="CASCADE")
    at: datetime = Field(sa_type=Moment)


class BlockedAddress(SQLModel, table=True):
    """An address that nothing is sent to any more: it bounced, or its owner complained (PART_2).

    `address` is as it is compared: an e-mail address in NFC and lower case, or a mobile number in E.164.
    """

    __tablename__ = "blocked_address"
    __table_args__ = (UniqueConstraint("channel", "address", name="blocked_once"),)

    id: str = Field(primary_key=True)
    channel: str
    address: str
    reason: str | None = None
    created_at: datetime = Field(sa_type=Moment)
    updated_at: datetime = Field(sa_type=Moment)


class SuppressedAddress(SQLModel, table=True):
    """The keyed hash of an address of somebody who was erased and is not to be written to (PART_8)."""

    __tablename__ = "suppressed_address"

    hash: str = Field(primary_key=True)
    channel: str
    at: datetime = Field(sa_type=Moment)


class IdempotencyRecord(SQLModel, table=True):
    """What was answered to a POST with an Idempotency-Key; `request` is the SHA-256 of its body."""

    __tablename__ = "idempotency"

    key: str = Field(primary_key=True)
    route: str = Field(primary_key=True)
    request: str
    status: int
    body: Any = Field(sa_type=Json)
    at: datetime = Field(sa_type=Moment, index=True)
