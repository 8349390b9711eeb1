"""Work that is too long for one transaction: done page by page beside the worker, from where it stood."""

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field, TypeAdapter
from sqlmodel import Field as Column
from sqlmodel import SQLModel

from store.columns import Json, Moment

HeldOperation = Literal["retry", "skip", "remove"]
EffectOperation = Literal["done", "not_done", "again"]


class Attend(BaseModel):
    """Do the same about every entry of a flow, or of one of its steps, in the attention list (SAFE_2, SAFE_3).

    What a form or link did by itself is of no flow, and has it as its step.
    """

    type: Literal["attend"] = "attend"
    operation: HeldOperation | EffectOperation
    flow: str
    step: str | None = None


class TellPeople(BaseModel):
    """Tell a company's people what has changed about it: conditions on the company may have come to hold."""

    type: Literal["tell_people"] = "tell_people"
    company: str
    changed: list[str]
    cause: list[str]


class TellListed(BaseModel):
    """Tell these people what has changed about them."""

    type: Literal["tell_listed"] = "tell_listed"
    people: list[str]
    changed: list[str]
    cause: list[str] = []


class TellColleagues(BaseModel):
    """Tell a company's people who are inside a flow, `besides` one, of an event about the company."""

    type: Literal["tell_colleagues"] = "tell_colleagues"
    company: str
    besides: str
    event: str
    data: dict[str, Any]
    cause: list[str]


class CleanUp(BaseModel):
    """Clean up after a person was erased: what was under way has written down how it went (PART_8)."""

    type: Literal["clean_up"] = "clean_up"
    person: str


Tell = TellPeople | TellListed | TellColleagues
What = Annotated[Attend | Tell | CleanUp, Field(discriminator="type")]
WHAT: TypeAdapter[What] = TypeAdapter(What)


class ChoreRow(SQLModel, table=True):
    """One chore: `what`, and `after` which it goes on. Not before `at`; gone when done."""

    __tablename__ = "chore"

    id: str = Column(primary_key=True)
    what: dict[str, Any] = Column(sa_type=Json)
    after: str = ""
    at: datetime = Column(sa_type=Moment, index=True)
