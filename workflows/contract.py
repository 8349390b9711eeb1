"""The wire: all that crosses between workflows, activities and clients. Ids only, never a person's data (SAFE_4).

Names here are never renamed and models gain only fields with defaults: journeys that sleep for months read them again.
"""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Annotated, Literal, Self

from pydantic import BaseModel, Field, ValidationError, field_validator
from temporalio.common import SearchAttributeKey

TASK_QUEUE = "ferd"


def control_queue(task_queue: str) -> str:
    """Commands from the Temporal UI have slots of their own: a flow can be stopped behind 100,000 tasks."""
    return f"{task_queue}-control"


FERD_FLOW = SearchAttributeKey.for_keyword("FerdFlow")
FERD_PERSON = SearchAttributeKey.for_keyword("FerdPerson")
FERD_STEP = SearchAttributeKey.for_keyword("FerdStep")
FERD_STATUS = SearchAttributeKey.for_keyword("FerdStatus")
SEARCH_ATTRIBUTES = (FERD_FLOW, FERD_PERSON, FERD_STEP, FERD_STATUS)

VISIBLE_WAIT = timedelta(minutes=1)
"""Waits longer than this show their step in the search attributes; each such change costs an event."""


STEP_ATTEMPTS = 8
"""Tries of a step that Temporal makes with growing pauses, about a minute and a half; then the step waits (SAFE_2)."""


def journey_id(flow: str, participant: str) -> str:
    """The workflow id of one participant's journey."""
    return f"journey/{flow}/{participant}"


def flow_id(flow: str) -> str:
    """The workflow id of a flow's life."""
    return f"flow/{flow}"


def repeat_id(effect: str) -> str:
    """The workflow id of an effect that is done again by hand."""
    return f"repeat/{effect}"


def recurrence_id(flow: str, trigger: str) -> str:
    """The id of a Temporal Schedule, and the beginning of the ids of the workflows that it starts."""
    return f"recurrence/{flow}/{trigger}"


class Perform(BaseModel):
    """Do a step: run the activity named by its kind; `local`: in the worker at hand, nothing outside is asked."""

    type: Literal["perform"] = "perform"
    position: int
    version: int
    step: str
    kind: str
    summary: str = ""
    local: bool = False


class Wait(BaseModel):
    """Rest at a step until a moment (None: without limit) or a message; `then` comes after."""

    type: Literal["wait"] = "wait"
    position: int
    version: int
    step: str
    kind: str
    summary: str = ""
    until: datetime | None = None
    then: Perform


class Hold(BaseModel):
    """Rest until a message: the journey may not move on now, for these reasons."""

    type: Literal["hold"] = "hold"
    position: int
    step: str
    reasons: list[str]
    summary: str = ""


class Done(BaseModel):
    """The journey is over."""

    type: Literal["done"] = "done"
    position: int
    status: str
    reason: str


Plan = Annotated[Perform | Wait | Hold | Done, Field(discriminator="type")]


class Message(BaseModel):
    """A signal that reached a journey from outside: the store is told, then the store decides."""

    kind: Literal["pause", "resume", "cancel", "record_action"]
    id: str = ""
    event: str = ""
    at: datetime | None = None


class RecordAction(BaseModel):
    """What a backend service signals: an action's id, event name and time. Its data goes through POST /v1/events."""

    id: str
    type: str
    time: datetime | None = None

    @field_validator("time")
    @classmethod
    def _in_utc(cls, time: datetime | None) -> datetime | None:
        return time.replace(tzinfo=UTC) if time is not None and time.tzinfo is None else time

    @classmethod
    def read(cls, given: Sequence[object]) -> Self | None:
        """What was signalled; None: it is no action."""
        try:
            return cls.model_validate(given[0] if given else None)
        except ValidationError:
            return None


class JourneyInput(BaseModel):
    """Start, or go on with, one participant's journey. `messages` were not yet told to the store."""

    flow: str
    participant: str
    plan: Plan
    messages: list[Message] = []
    look: bool = False


class StepInput(BaseModel):
    """Do the step that the plan at this position names. `now`: the journey's time, for a local activity."""

    flow: str
    participant: str
    position: int
    now: datetime | None = None


class LookInput(BaseModel):
    """Tell the store these messages, then look there what comes next."""

    flow: str
    participant: str
    messages: list[Message] = []


class UnansweredInput(BaseModel):
    """An activity ended without an answer: the store decides what that means for the journey."""

    flow: str
    participant: str
    position: int
    failure: str = ""


class RepeatInput(BaseModel):
    """Do an effect again, by its key. `unanswered`: all tries ended without an answer, settle it."""

    effect: str
    unanswered: bool = False


class Repeated(BaseModel):
    """How the effect stands after it."""

    status: str


class RecurrenceInput(BaseModel):
    """A moment of a recurring schedule has come: `trigger` names the schedule among the flow's triggers."""

    flow: str
    trigger: str


class RecurrenceAnswer(BaseModel):
    """What came of it."""

    text: str


class Answer(BaseModel):
    """An activity's answer: what the journey does next."""

    plan: Plan


Command = Literal["run", "pause", "resume", "off", "close", "end", "stop"]


class FlowInput(BaseModel):
    """Start, or go on with, the life of one flow."""

    flow: str


class CommandInput(BaseModel):
    """Give a flow a command."""

    flow: str
    command: Command


class FlowState(BaseModel):
    """How a flow stands, for the Temporal UI: `settled` when no background work is left, `over` when none can come.

    `scheduled`: when the next scheduled command is due.
    """

    status: str
    text: str
    settled: bool = True
    over: bool = False
    scheduled: datetime | None = None


class SettleInput(BaseModel):
    """Do a flow's background work: release, cancel, enrol."""

    flow: str
