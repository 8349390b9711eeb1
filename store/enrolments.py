"""People proposed in bulk, and who was not taken."""

from datetime import datetime
from enum import StrEnum

from sqlalchemy import Index, true
from sqlmodel import Field, SQLModel

from flows.outcome import Refusal
from store.columns import Choice, Json, Moment, no_keys


class JobSource(StrEnum):
    """Whom a job proposes."""

    SELECTION = "selection"
    PEOPLE = "people"
    EXISTING = "existing"
    JOINED_SELECTION = "joined_selection"
    JOINED_PROJECT = "joined_project"
    SCHEDULE = "schedule"


class EnrolmentJob(SQLModel, table=True):
    """People proposed in bulk: carried on in pages, from `after` on, until done (TRIG_11).

    selection   the members of `selection`
    people      those of a list or a file: its rows in `enrolment_job_person`
    existing    who matches the flow's triggers already (TRIG_7)
    joined_…    those who came in bulk into the selection or project that `selection` names, if a trigger wants them
    schedule    the members of `selection`, because the moment has come (TRIG_1)

    `ready`: all its people are in; a list that is still being read waits. `refusals` counts by reason.
    """

    __tablename__ = "enrolment_job"
    __table_args__ = (Index("enrolment_job_of_flow", "flow", "done"),)

    id: str = Field(primary_key=True)
    flow: str
    source: JobSource = Field(
        default=JobSource.SELECTION, sa_type=Choice(JobSource), sa_column_kwargs={"server_default": "selection"}
    )
    selection: str = ""
    after: str = ""
    enrolled: int = 0
    refused: int = 0
    refusals: dict[str, int] = Field(sa_type=Json, default_factory=no_keys, sa_column_kwargs={"server_default": "{}"})
    ready: bool = Field(default=True, sa_column_kwargs={"server_default": true()})
    done: bool = False
    again: bool = False
    at: datetime = Field(sa_type=Moment)


class JobPerson(SQLModel, table=True):
    """One person of a job's list, in the list's order."""

    __tablename__ = "enrolment_job_person"

    job: str = Field(primary_key=True)
    number: int = Field(primary_key=True)
    person: str


class Recurrence(SQLModel, table=True):
    """A Temporal Schedule that a flow has, or may have: written before it is made, gone after it (TRIG_1)."""

    __tablename__ = "recurrence"

    flow: str = Field(primary_key=True)
    trigger: str = Field(primary_key=True)
    made: bool = False


class RefusalRow(SQLModel, table=True):
    """Someone who was proposed and not taken: by a job, or because of a loop (TRIG_10, TRIG_11); `job` may be empty.

    `why` is who proposed, `event` the event that did.
    """

    __tablename__ = "refusal"
    __table_args__ = (
        Index("refusal_of_flow", "flow", "number"),
        Index("refusal_of_job", "job", "number"),
        Index("refusal_of_person", "person"),
    )

    number: int | None = Field(default=None, primary_key=True)
    flow: str
    job: str = ""
    person: str
    reason: Refusal = Field(sa_type=Choice(Refusal))
    why: str
    event: str = ""
    at: datetime = Field(sa_type=Moment)
