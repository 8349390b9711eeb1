"""Programs that are not ours and that flows work with: endpoints that are called, scripts that are run."""

from datetime import datetime
from enum import StrEnum
from typing import Any, Literal

from sqlalchemy import Index, String, text
from sqlmodel import Field, SQLModel

from store.columns import Choice, Json, Moment


class EndpointRow(SQLModel, table=True):
    """The address of another program (STEP_22). `secret` signs what goes there; `headers` go along."""

    __tablename__ = "endpoint"

    id: str = Field(primary_key=True)
    name: str
    url: str
    secret: str
    headers: dict[str, str] = Field(sa_type=Json, default_factory=dict)
    created_at: datetime = Field(sa_type=Moment)
    updated_at: datetime = Field(sa_type=Moment)


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
    given: dict[str, Any] = Field(sa_type=Json, default_factory=dict)
    status: RunStatus = Field(default=RunStatus.WAITING, sa_type=Choice(RunStatus))
    tries: int = 0
    asked_at: datetime = Field(sa_type=Moment)
    started_at: datetime | None = Field(default=None, sa_type=Moment)
    seen_at: datetime | None = Field(default=None, sa_type=Moment)
    ended_at: datetime | None = Field(default=None, sa_type=Moment)
    why: str = ""
    result: Any = Field(default=None, sa_type=Json)
    log: str = ""
