"""When flows, participants and channels were paused."""

from datetime import datetime

from sqlalchemy import Index, text
from sqlmodel import Field, SQLModel

from store.columns import Moment


class PauseRow(SQLModel, table=True):
    """One pause: of a participant, of a flow (`participant` empty), or of all flows (`flow` empty too) (LIFE_12).

    With a `channel`, it is of that channel in all flows (LIFE_16).

    Where waits stand still during a pause, a waking journey adds what it slept through. `ended_at` None: it lasts.
    """

    __tablename__ = "pause"
    __table_args__ = (Index("pause_of", "flow", "participant", "ended_at"),)

    number: int | None = Field(default=None, primary_key=True)
    flow: str = ""
    participant: str = ""
    channel: str = Field(default="", sa_column_kwargs={"server_default": text("''")})
    began_at: datetime = Field(sa_type=Moment)
    ended_at: datetime | None = Field(default=None, sa_type=Moment)
