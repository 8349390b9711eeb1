"""Participants and what happened to them: effects, journal, events, messages."""

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import Index, UniqueConstraint, false, text
from sqlmodel import Field, SQLModel

from flows.experiment import Arm
from flows.outcome import Reason, Status
from store.columns import Choice, Json, Moment, no_items, no_keys


class ParticipantRow(SQLModel, table=True):
    """One person's enrolment in one flow.

    `number` is the order of arrival. `step` is where the participant stands, `since` when it came there, `until` when
    it goes on at the latest, `awaits` the events that may end its wait. `plan` is what the journey does next,
    `position` counts the plans (+1 each): a try that finds a later position than its own does nothing. `passed` are the
    steps done, never done again. `held` are the reasons why it may not move (PART_4), `holding` that the journey rests
    on one. `wake` marks a signal that may have been lost: the sweep sends it again. `started` says that the workflow is
    known to have been started. `arm` is the side of a comparison it is on, `converted_at` when it first met the success
    criterion, inside or after (TRIG_12). `queue` and `place` are where and when
    it may send its message (STEP_20).
    """

    __tablename__ = "participant"
    # SQLite uses a partial index only where a query says the very same: of a flag, SQLAlchemy says `holding = 1`.
    __table_args__ = (
        # PART_5: at most once active in one flow, whatever races.
        Index(
            "participant_active",
            "flow",
            "person",
            "generation",
            "key",
            unique=True,
            sqlite_where=text("status IN ('queued', 'active')"),
            postgresql_where=text("status IN ('queued', 'active')"),
        ),
        Index("participant_of_person", "person", "flow"),
        Index("participant_in_flow", "flow", "generation", "status", "number"),
        Index(
            "participant_in_queue",
            "flow",
            "place",
            sqlite_where=text("place IS NOT NULL"),
            postgresql_where=text("place IS NOT NULL"),
        ),
        Index("participant_at_step", "flow", "step", "number"),
        Index(
            "participant_holding",
            "flow",
            "number",
            sqlite_where=text("holding = 1"),
            postgresql_where=text("holding"),
        ),
        Index("participant_held", "number", sqlite_where=text("holding = 1"), postgresql_where=text("holding")),
        Index(
            "participant_ended",
            "ended_at",
            "number",
            sqlite_where=text("ended_at IS NOT NULL"),
            postgresql_where=text("ended_at IS NOT NULL"),
        ),
        Index(
            "participant_unstarted",
            "enrolled_at",
            sqlite_where=text("started = 0 AND status = 'active'"),
            postgresql_where=text("NOT started AND status = 'active'"),
        ),
        Index(
            "participant_until",
            "until",
            sqlite_where=text("status = 'active'"),
            postgresql_where=text("status = 'active'"),
        ),
        Index(
            "participant_wake", "wake", sqlite_where=text("wake IS NOT NULL"), postgresql_where=text("wake IS NOT NULL")
        ),
    )

    number: int | None = Field(default=None, primary_key=True)
    id: str = Field(unique=True)
    flow: str = Field(foreign_key="flow.id")
    person: str
    key: str = ""
    generation: int
    version: int
    status: Status = Field(sa_type=Choice(Status))
    reason: Reason | None = Field(default=None, sa_type=Choice(Reason))
    position: int = 1
    step: str = ""
    since: datetime = Field(sa_type=Moment)
    until: datetime | None = Field(default=None, sa_type=Moment)
    plan: dict[str, Any] = Field(sa_type=Json)
    passed: list[str] = Field(sa_type=Json, default_factory=no_items)
    awaits: list[str] = Field(sa_type=Json, default_factory=no_items)
    held: list[str] = Field(sa_type=Json, default_factory=no_items)
    holding: bool = False
    wake: datetime | None = Field(default=None, sa_type=Moment)
    queue: str = Field(default="", sa_column_kwargs={"server_default": text("''")})
    place: datetime | None = Field(default=None, sa_type=Moment)
    started: bool = False
    success_at: datetime | None = Field(default=None, sa_type=Moment)
    success_before: bool = False
    arm: Arm | None = Field(default=None, sa_type=Choice(Arm))
    converted_at: datetime | None = Field(default=None, sa_type=Moment)
    enrolled_at: datetime = Field(sa_type=Moment)
    ended_at: datetime | None = Field(default=None, sa_type=Moment)
    acted_at: datetime | None = Field(default=None, sa_type=Moment)
    cause: list[str] = Field(sa_type=Json, default_factory=no_items)
    event: dict[str, Any] = Field(sa_type=Json, default_factory=no_keys)
    kept: dict[str, Any] = Field(sa_type=Json, default_factory=no_keys)


class EffectStatus(StrEnum):
    """What is known of an effect (SAFE_1). Repeated: nobody knows, and it was sent again by hand as the next visit."""

    PLANNED = "planned"
    DONE = "done"
    FAILED = "failed"
    UNKNOWN = "unknown"
    REPEATED = "repeated"


class EffectRow(SQLModel, table=True):
    """One side effect in the world, by its key `participant/step/visit` (SAFE_1).

    What a form or link has done (STEP_23) has no participant but a `person`, and names it as its step: `form contact`.
    """

    __tablename__ = "effect"
    __table_args__ = (
        Index("effect_by_status", "status", "flow"),
        Index("effect_of_participant", "participant"),
        Index("effect_by_time", "planned_at", "key"),
        Index(
            "effect_of_person",
            "person",
            sqlite_where=text("person IS NOT NULL"),
            postgresql_where=text("person IS NOT NULL"),
        ),
    )

    key: str = Field(primary_key=True)
    participant: str
    person: str | None = None
    flow: str
    step: str
    kind: str
    channel: str
    status: EffectStatus = Field(sa_type=Choice(EffectStatus))
    tries: int = 1
    planned_at: datetime = Field(sa_type=Moment)
    settled_at: datetime | None = Field(default=None, sa_type=Moment)
    provider_id: str = ""
    error: str = ""


class JournalRow(SQLModel, table=True):
    """One line of a participant's journal (PART_7). `text` never holds the person's data."""

    __tablename__ = "journal"
    __table_args__ = (Index("journal_of_participant", "participant", "number"),)

    number: int | None = Field(default=None, primary_key=True)
    participant: str
    flow: str
    at: datetime = Field(sa_type=Moment)
    step: str = ""
    kind: str = ""
    event: str
    text: str
    data: dict[str, Any] = Field(sa_type=Json, default_factory=no_keys)


class EventRow(SQLModel, table=True):
    """Something that happened in the world: told by a service, a click, a form, the CRM (TRIG_1, STEP_14).

    (`source`, `external_id`) deduplicates. `person` empty: nobody we know, kept as unmatched. `machine` counts for
    nothing; until `settles_at` it is not yet known whether a click is one, and it counts as one (STEP_24).
    """

    __tablename__ = "event"
    __table_args__ = (
        UniqueConstraint("source", "external_id", name="event_once"),
        Index("event_of_person", "person", "type", "at"),
        Index("event_unmatched", "subject", sqlite_where=text("person = ''"), postgresql_where=text("person = ''")),
        Index("event_of_type", "type", "person"),
        Index(
            "event_settling",
            "settles_at",
            sqlite_where=text("settles_at IS NOT NULL"),
            postgresql_where=text("settles_at IS NOT NULL"),
        ),
    )

    number: int | None = Field(default=None, primary_key=True)
    id: str = Field(unique=True)
    source: str
    external_id: str
    type: str
    subject: str = ""
    person: str = ""
    at: datetime = Field(sa_type=Moment)
    received_at: datetime = Field(sa_type=Moment)
    data: dict[str, Any] = Field(sa_type=Json, default_factory=no_keys)
    cause: list[str] = Field(sa_type=Json, default_factory=no_items)
    machine: bool = False
    settles_at: datetime | None = Field(default=None, sa_type=Moment)


class EventUse(SQLModel, table=True):
    """One event satisfies one wait of a participant (STEP_14)."""

    __tablename__ = "event_use"

    participant: str = Field(primary_key=True)
    event: str = Field(primary_key=True)
    step: str


class MessageRow(SQLModel, table=True):
    """A message that a flow has sent or is about to send (GET /v1/messages).

    `html`, `text` and `links` (ids of the registered ones) are as written, `campaign` the tags that links get as it
    leaves. `delivery` is what was heard of it afterwards: delivered, undelivered, bounced, complained. `notice`: it
    went to one of us about the person (STEP_6, STEP_10, STEP_11); where a follow-up is told of, `effect` is its id.
    `segments` are those of an SMS, `mail_id` the left part of a Message-ID.
    """

    __tablename__ = "message"
    __table_args__ = (
        Index("message_of_person", "person", "at"),
        Index("message_of_participant", "participant", "at"),
        Index(
            "message_of_mail",
            "mail_id",
            sqlite_where=text("mail_id IS NOT NULL"),
            postgresql_where=text("mail_id IS NOT NULL"),
        ),
        Index("message_of_flow", "flow", "at"),
    )

    id: str = Field(primary_key=True)
    effect: str = Field(unique=True)
    channel: str
    person: str
    participant: str
    flow: str
    step: str
    content: str = ""
    to: str
    sender: str
    subject: str = ""
    text: str = ""
    html: str = ""
    headers: dict[str, str] = Field(sa_type=Json, default_factory=no_keys)
    links: list[str] = Field(sa_type=Json, default_factory=no_items)
    campaign: dict[str, str] = Field(sa_type=Json, default_factory=no_keys, sa_column_kwargs={"server_default": "{}"})
    segments: int = Field(default=0, sa_column_kwargs={"server_default": "0"})
    state: EffectStatus = Field(default=EffectStatus.PLANNED, sa_type=Choice(EffectStatus))
    delivery: str | None = None
    mail_id: str | None = None
    transactional: bool = Field(default=False, sa_column_kwargs={"server_default": false()})
    notice: bool = Field(default=False, sa_column_kwargs={"server_default": false()})
    at: datetime = Field(sa_type=Moment)
    opened_at: datetime | None = Field(default=None, sa_type=Moment)
    clicked: list[str] = Field(sa_type=Json, default_factory=no_items)


class AddressClaim(SQLModel, table=True):
    """An address is active in a flow through one person at a time (PART_2). Given back when that one leaves."""

    __tablename__ = "address_claim"
    __table_args__ = (Index("claim_of_participant", "participant"),)

    flow: str = Field(primary_key=True)
    generation: int = Field(primary_key=True)
    channel: str = Field(primary_key=True)
    address: str = Field(primary_key=True)
    participant: str
