"""Events from outside, as CloudEvents 1.0: one, or a batch in which every item gets an answer of its own."""

import asyncio
import json
from collections import defaultdict
from collections.abc import Sequence
from datetime import UTC
from functools import partial
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Body
from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    Field,
    StringConstraints,
    ValidationError,
)
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlmodel import Session, col

from activities.crm.faults import Fault, faults
from activities.crm.values import Name, email_key, wrong
from activities.enrolling.events import Event
from api.engine import Engine, EngineDep
from api.errors import ProblemDetail, Unprocessable
from api.resource import problems
from flows.events import name_problem
from flows.model import Id
from store.json_data import storable
from store.people import Person

MOST = 1_000
LARGEST_DATA = 64 * 1024  # bytes of JSON
AT_ONCE = 16

router = APIRouter(prefix="/events", tags=["events"])


def _known(name: str) -> str:
    if problem := name_problem(name):
        raise wrong(problem.what.rstrip("."), problem.remedy)
    return name


def _data(given: Any) -> Any:
    if given is None:
        return {}
    if not isinstance(given, dict):
        raise wrong("The data of an event is an object of names and values", 'Write it as {"name": value}.')
    if not storable(given):
        raise wrong(
            "The data holds something that cannot be kept", "Remove NUL, NaN and half characters; nest it less."
        )
    if len(json.dumps(given, ensure_ascii=False).encode()) > LARGEST_DATA:
        raise wrong("The data is larger than 64 KB", "Send less; flows look at single fields.")
    return given


def _not_encoded(given: Any) -> Any:
    if given is not None:
        raise wrong("Data in Base64 is not read", "Send the same as JSON, under data.")
    return given


def _ids(given: Any) -> Any:
    """The extension attribute is text: ids separated by commas."""
    return [each.strip() for each in given.split(",") if each.strip()] if isinstance(given, str) else given


class CloudEvent(BaseModel):
    """Something that happened to a person. Other extension attributes are allowed and not kept."""

    specversion: Literal["1.0"] = Field(default="1.0", title="CloudEvents version")
    id: Name = Field(title="Id", description="Of the event; with the source it says which events are the same.")
    source: Name = Field(title="Source", description="Who says so, as in https://shop.example.")
    type: Annotated[Name, AfterValidator(_known)] = Field(
        title="Type", description="The event's name: link_clicked, …, or one of your own with a dot, order.placed."
    )
    subject: Name | None = Field(default=None, title="Subject", description="The person: person:ID, or email:ADDRESS.")
    time: AwareDatetime | None = Field(default=None, title="Time", description="When it happened; now, if left out.")
    datacontenttype: Annotated[str, StringConstraints(pattern=r"^application/([a-z0-9.+-]+\+)?json( *;.*)?$")] = Field(
        default="application/json", title="Type of the data"
    )
    data: Annotated[dict[str, Any], BeforeValidator(_data)] = Field(
        default_factory=dict,
        title="Data",
        description="What conditions call event.…, and form.… (or what is under `fields`); 64 KB at most.",
    )
    data_base64: Annotated[None, BeforeValidator(_not_encoded)] = Field(
        default=None, title="Data in Base64", description="Not read: a library that sends bytes has to send JSON."
    )
    ferdcause: Annotated[list[Id], BeforeValidator(_ids, json_schema_input_type=str)] = Field(
        default_factory=list, title="Cause", description="Flows that led to this event, separated by commas (TRIG_10)."
    )


class EventProblem(BaseModel):
    """One thing wrong with an event."""

    pointer: str = Field(description="JSON pointer in the body.")
    what: str
    remedy: str


class EventAnswer(BaseModel):
    """What became of one event."""

    id: str | None = Field(description="As it was sent.")
    outcome: Literal["accepted", "duplicate", "unmatched", "invalid"] = Field(
        description="unmatched: kept, and about nobody we know. invalid: not kept."
    )
    person: str | None = None
    detail: str = ""
    problems: list[EventProblem] = Field(default_factory=list)


class EventAnswers(BaseModel):
    """In the order of the request."""

    items: list[EventAnswer]


_ONE = CloudEvent.model_json_schema()
_BATCH = {"type": "array", "maxItems": MOST, "items": _ONE}
_REQUEST_BODY = {
    "requestBody": {
        "required": True,
        "content": {
            "application/cloudevents+json": {"schema": _ONE},
            "application/cloudevents-batch+json": {"schema": _BATCH},
            "application/json": {"schema": {"anyOf": [_ONE, _BATCH]}},
        },
    }
}


@router.post(
    "",
    operation_id="send_events",
    summary="Tell what has happened",
    description="Stored first, then matched to triggers, waits and success criteria. (source, id) deduplicates.",
    status_code=202,
    responses=problems(413, 415, 422),
    openapi_extra=_REQUEST_BODY,
)
async def send(engine: EngineDep, body: Annotated[Any, Body()]) -> EventAnswers:
    if isinstance(body, dict):
        event, found = _read(body)
        if event is None:
            raise _invalid("The event is not valid; it was not kept.", found)
        return EventAnswers(items=[await _take(engine, event)])
    if not isinstance(body, list) or len(body) > MOST:
        what = f"{len(body):,} events are too many." if isinstance(body, list) else "This is not an event."
        raise _invalid(what, [Fault(what, f"Send one CloudEvent, or a list of at most {MOST:,}.")])
    return EventAnswers(items=await _take_all(engine, body))


def _invalid(detail: str, found: Sequence[Fault]) -> Unprocessable:
    problems = [ProblemDetail(pointer=fault.pointer, what=fault.what, remedy=fault.remedy) for fault in found]
    return Unprocessable(detail, problems[0].remedy, problems=problems)


def _read(given: Any) -> tuple[CloudEvent | None, list[Fault]]:
    try:
        return CloudEvent.model_validate(given), []
    except ValidationError as error:
        return None, faults(error, CloudEvent)


async def _take_all(engine: Engine, given: Sequence[Any]) -> list[EventAnswer]:
    """Events of one person one after another, those of different people beside each other."""
    answers: dict[int, EventAnswer] = {}
    of_subject: defaultdict[str | None, list[tuple[int, CloudEvent]]] = defaultdict(list)
    for index, item in enumerate(given):
        event, found = _read(item)
        if event is not None:
            of_subject[event.subject].append((index, event))
        else:
            answers[index] = _not_valid(item, index, found)
    places = asyncio.Semaphore(AT_ONCE)

    async def take(events: Sequence[tuple[int, CloudEvent]]) -> None:
        for index, event in events:
            async with places:
                answers[index] = await _take(engine, event)

    await asyncio.gather(*(take(events) for events in of_subject.values()))
    return [answers[index] for index in range(len(given))]


def _not_valid(item: Any, index: int, found: Sequence[Fault]) -> EventAnswer:
    id = item.get("id") if isinstance(item, dict) else None
    problems = [EventProblem(pointer=f"/{index}{each.pointer}", what=each.what, remedy=each.remedy) for each in found]
    return EventAnswer(
        id=id if isinstance(id, str) else None, outcome="invalid", detail=problems[0].what, problems=problems
    )


async def _take(engine: Engine, event: CloudEvent) -> EventAnswer:
    store = partial(_store, engine, event)
    try:
        return await engine.dispatcher.write(store)
    except IntegrityError:
        # The same event came twice at the same moment, about nobody whom we could have locked: now it is known.
        return await engine.dispatcher.write(store)


def _store(engine: Engine, event: CloudEvent, session: Session) -> EventAnswer:
    now = engine.clock()
    person, detail = _person(session, event.subject)
    taken = engine.core.events.take(
        session,
        Event(
            type=event.type,
            at=event.time.astimezone(UTC) if event.time is not None else now,
            person=person or "",
            subject=_subject(event.subject),
            data=event.data,
            source=event.source,
            id=event.id,
            cause=tuple(event.ferdcause),
        ),
        now,
    )
    if taken is None:
        return EventAnswer(id=event.id, outcome="duplicate", person=person)
    return EventAnswer(id=event.id, outcome="accepted" if person else "unmatched", person=person, detail=detail)


def _subject(subject: str | None) -> str:
    """A subject as it is kept: addresses as they are compared, so that they are found when they are to go (PART_8)."""
    kind, _, name = (subject or "").partition(":")
    return f"email:{email_key(name)}" if kind == "email" else subject or ""


def _person(session: Session, subject: str | None) -> tuple[str | None, str]:
    """The person that a subject names, or why there is none."""
    kind, _, name = (subject or "").partition(":")
    here = select(col(Person.id)).where(col(Person.deleted_at).is_(None)).limit(2)
    if kind == "person":
        moved = session.scalar(select(col(Person.merged_into)).where(col(Person.id) == name))
        found = session.scalars(here.where(col(Person.id) == (moved or name))).all()
    elif kind == "email":
        found = session.scalars(here.where(col(Person.email_key) == email_key(name))).all()
    else:
        return None, "The subject names no person: write person:ID or email:ADDRESS."
    if len(found) > 1:
        return None, "Several people share this address: write person:ID."
    return (found[0], "") if found else (None, "There is no such person.")
