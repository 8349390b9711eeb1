"""Whom a job proposes, page by page: members, a list, or those who match a flow's triggers already (TRIG_7, TRIG_11).

A page goes on after the place where the one before ended, and every page costs the same.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from heapq import merge
from itertools import groupby, islice

from sqlalchemy import (
    ColumnElement,
    Select,
    SQLColumnExpression,
    String,
    and_,
    case,
    cast,
    exists,
    false,
    func,
    literal,
    select,
)
from sqlmodel import Session, col

from activities.crm.groups import PROJECT, SELECTION, Kind
from flows.definition import Flow
from flows.events import EventTrigger
from flows.facts import Values
from store.enrolments import EnrolmentJob, JobPerson, JobSource
from store.journeys import EventRow
from store.people import SelectionMember
from store.work import Sale


@dataclass(frozen=True, slots=True)
class Occurrence:
    """Something about a person that a trigger may want; without a `type` the person is proposed as such."""

    person: str
    type: str = ""
    data: Values | None = None


@dataclass(frozen=True, slots=True)
class Page:
    """Some candidates, in order, and where the next page begins; empty: there are no more."""

    occurrences: Sequence[Occurrence]
    after: str


def listed(session: Session, job: EnrolmentJob, after: str, limit: int) -> Page:
    """The next people of a job that names its people: members of a selection, or a list."""
    if job.source in (JobSource.SELECTION, JobSource.SCHEDULE):
        members = select(col(SelectionMember.person)).where(
            col(SelectionMember.selection) == job.selection, col(SelectionMember.person) > after
        )
        people = session.scalars(members.order_by(col(SelectionMember.person)).limit(limit)).all()
        return Page([Occurrence(person) for person in people], people[-1] if people else after)
    rows = session.execute(
        select(col(JobPerson.number), col(JobPerson.person))
        .where(col(JobPerson.job) == job.id, col(JobPerson.number) > int(after or 0))
        .order_by(col(JobPerson.number))
        .limit(limit)
    ).all()
    people = [person for _, person in rows]
    kind = {JobSource.JOINED_SELECTION: SELECTION, JobSource.JOINED_PROJECT: PROJECT}.get(job.source)
    occurrences = [Occurrence(person) for person in people] if kind is None else joined(people, kind, job.selection)
    return Page(occurrences, str(rows[-1][0]) if rows else after)


def joined(people: Iterable[str], kind: Kind, group: str) -> list[Occurrence]:
    """That these people have come into a selection or project."""
    return [Occurrence(person, kind.event, {kind.noun: group}) for person in people]


def existing(session: Session, flow: Flow, after: str, limit: int) -> Page:
    """The next people, by their ids, for whom a trigger of the flow holds, or whose event is stored (TRIG_7).

    Of several events of one person the latest comes first. Schedules bring people in at their own time.
    """
    triggers = [trigger for trigger in flow.enrolment.triggers if isinstance(trigger, EventTrigger)]
    events = sorted({trigger.event for trigger in triggers} - {SELECTION.event, PROJECT.event})
    groups = {kind: narrowed(triggers, kind) for kind in (SELECTION, PROJECT)}
    found = [
        *(_people_with(session, event, after, limit) for event in events),
        *(_in_groups(session, kind, names, after, limit) for kind, names in groups.items()),
    ]
    people = [person for person, _ in islice(groupby(merge(*found)), limit)]
    of_person: defaultdict[str, list[Occurrence]] = defaultdict(list)
    for kind, names in groups.items():
        for each in _memberships(session, kind, names, people):
            of_person[each.person].append(each)
    if events:
        for each in _stored(session, events, people):
            of_person[each.person].append(each)
    return Page([each for person in people for each in of_person[person]], people[-1] if people else after)


def narrowed(triggers: Iterable[EventTrigger], kind: Kind) -> Sequence[str] | None:
    """The groups that triggers on joining one are narrowed to; None: some trigger wants any group."""
    names = [getattr(trigger, kind.noun) for trigger in triggers if trigger.event == kind.event]
    return None if None in names else sorted(set(names))


def _people_with(session: Session, event: str, after: str, limit: int) -> Sequence[str]:
    query = select(col(EventRow.person)).where(col(EventRow.type) == event, col(EventRow.person) > after)
    return session.scalars(query.distinct().order_by(col(EventRow.person)).limit(limit)).all()


def _in_groups(session: Session, kind: Kind, names: Sequence[str] | None, after: str, limit: int) -> Iterator[str]:
    person = col(kind.members.person)
    every: Select[str] = select(person).where(person > after).order_by(person).limit(limit)
    # A question for each group: each is answered from the primary key.
    queries = [every.distinct()] if names is None else [every.where(kind.group == name) for name in names]
    return merge(*(session.scalars(query).all() for query in queries))


def _memberships(
    session: Session, kind: Kind, names: Sequence[str] | None, people: Sequence[str]
) -> Iterator[Occurrence]:
    if names is not None and not names:
        return
    query = select(col(kind.members.person), kind.group).where(col(kind.members.person).in_(people))
    if names is not None:
        query = query.where(kind.group.in_(names))
    for person, group in session.execute(query.order_by(kind.group)):
        yield Occurrence(person, kind.event, {kind.noun: group})


def says(key: str, id: str | SQLColumnExpression[str]) -> ColumnElement[bool]:
    """In a query over events: the data name this id under the key; a number that looks like it is none."""
    return cast(col(EventRow.data)[key], String) == literal('"') + id + '"'


def still_counts() -> ColumnElement[bool]:
    """In a query over events: made by a human, about the person, and a sale is still what the event says of it.

    What a colleague bought enrols nobody, then or now.
    """
    states = case(_SALE_STATES, value=col(EventRow.type))
    changed = exists().where(
        says("sale", col(Sale.id)), col(Sale.person) == col(EventRow.person), col(Sale.state) != states
    )
    of_colleague = func.coalesce(says("on", "company"), false())
    return and_(~col(EventRow.machine), ~of_colleague, ~and_(col(EventRow.type).in_(_SALE_STATES), changed))


def _stored(session: Session, events: Sequence[str], people: Sequence[str]) -> Iterator[Occurrence]:
    query = (
        select(col(EventRow.person), col(EventRow.type), col(EventRow.data))
        .where(col(EventRow.person).in_(people), col(EventRow.type).in_(events), still_counts())
        .order_by(col(EventRow.at).desc(), col(EventRow.number).desc())
    )
    for person, type, data in session.execute(query.execution_options(yield_per=1_000)):
        yield Occurrence(person, type, data)


_SALE_STATES = {"sale_sold": "sold", "sale_lost": "lost"}
"""What a sale has to be still, for its event to hold."""
