"""Programs that are not ours and that flows work with: the endpoints that are called."""

from datetime import datetime

from sqlmodel import Field, SQLModel

from store.columns import Json, Moment


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
