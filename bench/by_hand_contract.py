"""What the hand-written journey passes between its workflow and its activities."""

from datetime import timedelta

from pydantic import BaseModel

TASK_QUEUE = "by-hand"
PAUSE = timedelta(seconds=1)


class Welcome(BaseModel):
    """Whom the journey is for."""

    person: str


class Letter(BaseModel):
    """One mail of the journey."""

    person: str
    subject: str
