"""When flows and participants were paused."""

from datetime import datetime

from sqlalchemy import Index
from sqlmodel import Field, SQLModel

from store.columns import Moment


class PauseRow(SQLModel, table=True):
    """One pause: of a participant, of a flow (`participant` empty), or of all flows (`flow` empty too) (LIFE_12).

    Where waits stand still during a pause, a waking journey adds what it slept through. `ended_at` None: it lasts.
    """

    __tablename__ = "pause"
    __table_args__ = (Index("pause_of", "flow", "participant", "ended_at"),)

    number: int | None = Field(default=None, primary_key=True)
    flow: str = ""
    participant: str = ""
    began_at: datetime = Field(sa_type=Moment)
    ended_at: datetime | None = Field(default=None, sa_type=Moment)
