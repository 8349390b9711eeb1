"""The queues that messages leave through (STEP_20)."""

from sqlalchemy import BigInteger
from sqlmodel import Field, SQLModel

from store.columns import Json


class QueueRow(SQLModel, table=True):
    """One queue: of a flow, of a channel in a flow, or of a channel over all flows; see `flows.pacing.Queue`.

    `stamp` says for what it was made: the flow's end or another rate makes its places void.
    """

    __tablename__ = "queue"

    name: str = Field(primary_key=True)
    stamp: str
    slot: int = Field(sa_type=BigInteger)
    counts: list[int] = Field(sa_type=Json)
