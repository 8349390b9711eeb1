"""Flows and their versions, and what is counted about them."""

from collections.abc import Sequence
from datetime import date, datetime
from enum import StrEnum
from typing import Any, ClassVar

from sqlalchemy import select, text
from sqlalchemy.orm import column_property
from sqlmodel import Field, SQLModel, col

from flows.outcome import Reason
from store.columns import Choice, Json, Moment, no_items, no_keys


class FlowStatus(StrEnum):
    """A flow's life (LIFE)."""

    DRAFT = "draft"
    RUNNING = "running"
    PAUSED = "paused"
    OFF = "off"
    CLOSED = "closed"
    FINISHED = "finished"
    ENDED = "ended"
    STOPPED = "stopped"


TAKES_PEOPLE = (FlowStatus.RUNNING, FlowStatus.PAUSED)
"""In which triggers act and people can be enrolled (TRIG_2)."""

GOES_ON = (FlowStatus.RUNNING, FlowStatus.OFF, FlowStatus.CLOSED)
"""In which those inside go on."""

ALL = "all"
"""The brake that pauses every flow; the others are named by their channel."""


class FlowRow(SQLModel, table=True):
    """A flow's life. This row is the gate: every effect and every enrolment looks at it first.

    `epoch` counts commands, `applied_epoch` those whose background work (release, cancel) is done. `generation` grows
    when everyone inside is cancelled at once: a participant of an older one reads as cancelled (LIFE_15), for the
    reason that `ends` gives of its generation. `paused_because`: why it paused itself (LIFE_17).
    """

    __tablename__ = "flow"

    id: str = Field(primary_key=True)
    name: str
    status: FlowStatus = Field(default=FlowStatus.DRAFT, sa_type=Choice(FlowStatus))
    version: int = 1
    epoch: int = 0
    applied_epoch: int = 0
    generation: int = 1
    ends: dict[str, str] = Field(sa_type=Json, default_factory=no_keys, sa_column_kwargs={"server_default": "{}"})
    paused_because: str = Field(default="", sa_column_kwargs={"server_default": text("''")})
    archived: bool = False
    deleted: bool = False
    ancestor: str | None = None
    created_at: datetime = Field(sa_type=Moment)
    changed_at: datetime = Field(sa_type=Moment)

    brakes: ClassVar[Any]  # below, for it is another table's

    @property
    def paused(self) -> bool:
        """Whether everyone inside is held now, by a command to this flow or to all."""
        return self.status is FlowStatus.PAUSED or ALL in self.braked

    @property
    def braked(self) -> Sequence[str]:
        """What is paused for all flows: `all`, or channels (LIFE_16)."""
        return self.brakes or ()

    def end_of(self, generation: int) -> Reason:
        """Why everyone of an earlier generation was cancelled."""
        return Reason(self.ends.get(str(generation), Reason.FLOW_ENDED))


class BrakeRow(SQLModel, table=True):
    """The brakes for all flows: one row, or none if no brake was ever used (LIFE_16)."""

    __tablename__ = "brake"

    id: int = Field(default=1, primary_key=True)
    paused: list[str] = Field(sa_type=Json, default_factory=no_items)
    changed_at: datetime = Field(sa_type=Moment)


# A part of every read of a flow's row: the gate needs no statement more for it.
FlowRow.brakes = column_property(select(col(BrakeRow.paused)).where(col(BrakeRow.id) == 1).scalar_subquery())


class FlowVersion(SQLModel, table=True):
    """One immutable version of a flow (EDIT_1): `source` as it was written, `definition` as it was understood."""

    __tablename__ = "flow_version"

    flow: str = Field(primary_key=True, foreign_key="flow.id")
    version: int = Field(primary_key=True)
    source: str
    definition: dict[str, Any] = Field(sa_type=Json)
    author: str = ""
    note: str = ""
    at: datetime = Field(sa_type=Moment)


class FlowTrigger(SQLModel, table=True):
    """Which events a flow listens to in its current version: makes matching an event one indexed look (TRIG_1)."""

    __tablename__ = "flow_trigger"

    flow: str = Field(primary_key=True, foreign_key="flow.id")
    number: int = Field(primary_key=True)
    event: str = Field(index=True)


class Tally(SQLModel, table=True):
    """A counter, kept in the transactions that change what it counts, in shards so that no one row is waited for.

    The value of a counter is the sum over its shards and days: each row holds what changed on one day of the flow's
    calendar. `measure` is one of enrolled, status, reason, waiting, passed, refused; `name` the status, reason or step.
    """

    __tablename__ = "tally"

    flow: str = Field(primary_key=True)
    generation: int = Field(primary_key=True)
    measure: str = Field(primary_key=True)
    name: str = Field(primary_key=True)
    day: date = Field(primary_key=True)
    shard: int = Field(primary_key=True)
    count: int = 0


class Recount(SQLModel, table=True):
    """When a flow's counters were last compared with its participants, and how many had to be mended."""

    __tablename__ = "recount"

    flow: str = Field(primary_key=True)
    at: datetime = Field(sa_type=Moment)
    mended: int = 0
