"""How far the thinning of old records has come (PART_7)."""

from typing import Any

from sqlmodel import Field, SQLModel

from store.columns import Json


class RetentionMark(SQLModel, table=True):
    """Rows of a table up to `after`, in the order in which they are gone through, are thinned."""

    __tablename__ = "retention_mark"

    name: str = Field(primary_key=True)
    after: list[Any] = Field(sa_type=Json)
