"""Programs that are not ours and that flows work with: endpoints that are called and told, scripts."""

from datetime import datetime
from enum import StrEnum
from typing import Any, Literal

from sqlalchemy import Index, String, false, text
from sqlmodel import Field, SQLModel

from store.columns import Choice, Json, Moment, no_items, no_keys


class EndpointRow(SQLModel, table=True):
    """The address of another program (STEP_22). `secret` signs what goes there; `headers` go along.

    `events` are what it is told of; `told` is how far in the journal that has come. `failures` counts those in a row,
    `resting_until` keeps one that fails from being called again and again.
    """

    __tablename__ = "endpoint"

    id: str = Field(primary_key=True)
    name: str
    url: str
    secret: str
    headers: dict[str, str] = Field(sa_type=Json, default_factory=no_keys)
    events: list[str] = Field(sa_type=Json, default_factory=no_items, sa_column_kwargs={"server_default": "[]"})
    subscribed: bool = Field(default=False, sa_column_kwargs={"server_default": false()})
    told: int = Field(default=0, sa_column_kwargs={"server_default": "0"})
    failures: int = Field(default=0, sa_column_kwargs={"server_default": "0"})
    resting_until: datetime | None = Field(default=None, sa_type=Moment)
    created_at: datetime = Field(sa_type=Moment)
    updated_at: datetime = Field(sa_type=Moment)


class Delivery(SQLModel, table=True):
    """Something that an endpoint is to be told, until it has heard it. `due`: the next try; given up: never again."""

    __tablename__ = "delivery"
    __table_args__ = (
        Index(
            "delivery_due",
            "endpoint",
            "due",
            sqlite_where=text("NOT given_up"),
            postgresql_where=text("NOT given_up"),
        ),
    )

    endpoint: str = Field(primary_key=True)
    id: str = Field(primary_key=True)
    type: str
    flow: str
    person: str
    data: dict[str, Any] = Field(sa_type=Json, default_factory=no_keys)
    at: datetime = Field(sa_type=Moment)
    due: datetime = Field(sa_type=Moment)
    tries: int = 0
    given_up: bool = False
    why: str = ""


class ScriptRow(SQLModel, table=True):
    """A program that flows start (STEP_12): an executable or an entry point, and what it may take."""

    __tablename__ = "script"

    id: str = Field(primary_key=True)
    name: str
    executable: str | None = None
    entry_point: str | None = None
    seconds: float = 60
    cpu_seconds: int = 30
    memory_mb: int = 512
    on_lost: Literal["report", "rerun"] = Field(sa_type=String, default="report")
    created_at: datetime = Field(sa_type=Moment)
    updated_at: datetime = Field(sa_type=Moment)


class RunStatus(StrEnum):
    """How a run of a script stands; unknown: it was lost, and nobody knows how far it came."""

    WAITING = "waiting"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    UNKNOWN = "unknown"


class ScriptRun(SQLModel, table=True):
    """One run of a script, for one participant. `seen_at`: when its worker last said that it runs."""

    __tablename__ = "script_run"
    __table_args__ = (
        Index("script_run_of_script", "script", "id"),
        Index("script_run_of_participant", "participant"),
        Index(
            "script_run_waiting",
            "flow",
            "id",
            sqlite_where=text("status = 'waiting'"),
            postgresql_where=text("status = 'waiting'"),
        ),
        Index(
            "script_run_running",
            "seen_at",
            sqlite_where=text("status = 'running'"),
            postgresql_where=text("status = 'running'"),
        ),
    )

    id: str = Field(primary_key=True)
    script: str
    flow: str
    step: str
    participant: str
    person: str
    given: dict[str, Any] = Field(sa_type=Json, default_factory=no_keys)
    status: RunStatus = Field(default=RunStatus.WAITING, sa_type=Choice(RunStatus))
    tries: int = 0
    asked_at: datetime = Field(sa_type=Moment)
    started_at: datetime | None = Field(default=None, sa_type=Moment)
    seen_at: datetime | None = Field(default=None, sa_type=Moment)
    ended_at: datetime | None = Field(default=None, sa_type=Moment)
    why: str = ""
    result: Any = Field(default=None, sa_type=Json)
    log: str = ""
