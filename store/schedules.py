"""Commands that wait for their time."""

from datetime import datetime

from sqlalchemy import Index, false, text
from sqlmodel import Field, SQLModel

from store.columns import Moment

_WAITING = text("refused = ''")


class ScheduledCommand(SQLModel, table=True):
    """A command that a flow is given at a moment (LIFE_14). Carried out, it goes; refused then, it stays and says why.

    `by_file`: the flow's own file says so (schedule.run_at, close_at), else somebody asked for it. `enrol_existing`:
    a run that also enrols who matches the triggers then (TRIG_7).
    """

    __tablename__ = "scheduled_command"
    __table_args__ = (
        Index("scheduled_of_flow", "flow", "at"),
        Index("scheduled_waiting", "at", sqlite_where=_WAITING, postgresql_where=_WAITING),
    )

    id: str = Field(primary_key=True)
    flow: str = Field(foreign_key="flow.id")
    command: str
    at: datetime = Field(sa_type=Moment)
    given_at: datetime = Field(sa_type=Moment)
    by_file: bool = False
    enrol_existing: bool = Field(default=False, sa_column_kwargs={"server_default": false()})
    refused: str = ""


class ScheduledBrake(SQLModel, table=True):
    """A brake for all flows that is put on, or let go, at a moment (LIFE_14, LIFE_16). Carried out, it goes.

    `brake`: `all`, or a channel. `command`: pause or resume.
    """

    __tablename__ = "scheduled_brake"

    id: str = Field(primary_key=True)
    brake: str
    command: str
    at: datetime = Field(sa_type=Moment)
    given_at: datetime = Field(sa_type=Moment)
