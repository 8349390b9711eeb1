"""What would become of very many people, counted in one statement (TRIG_7).

The database puts together people who are alike in all that decides: the fields and memberships that conditions look
at, earlier participations. Each sort is then decided once, by the conditions themselves. So no operator is written a
second time in SQL, and the number is exact.

What looks at the data of single events cannot be put together: conditions on `event.…` and `form.…`, and the key of a
flow (TRIG_13). Where `can_count` says no, people have to be walked through page by page.
"""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Select, Subquery, and_, exists, func, literal, or_, select, type_coerce, union_all
from sqlmodel import Session, SQLModel, col

from activities.crm.embedded import EmbeddedCrm
from activities.crm.facts import HIDDEN
from activities.crm.groups import PROJECT, SELECTION, Kind
from activities.enrolling.candidates import narrowed, says, still_counts
from activities.records import PageRecords
from flows import conditions
from flows.conditions import Condition
from flows.definition import Flow
from flows.events import NARROWING, EventTrigger
from flows.facts import Facts
from flows.outcome import Refusal, Status
from flows.planning import Outline
from store.columns import Json
from store.flows import FlowRow
from store.journeys import EventRow, ParticipantRow
from store.people import Associate, Company, Person, SelectionMember

_CHUNK = 500  # people of a list in a statement
_PLAIN = "[A-Za-z][A-Za-z0-9_]*"  # a key that the database can be asked for without escaping
_MOST = 20  # sorts of triggers in a statement
_TABLES: dict[str, type[SQLModel]] = {"person": Person, "company": Company, "owner": Associate}


@dataclass(slots=True)
class Forecast:
    """What would become of people: how many would come in, and why the others would not."""

    enrolled: int = 0
    refused: Counter[Refusal] = field(default_factory=Counter)

    def add(self, refusal: Refusal | None, number: int = 1) -> None:
        """So many more to whom the same would happen; None: they would come in."""
        if refusal is None:
            self.enrolled += number
        else:
            self.refused[refusal] += number


class _Wish(NamedTuple):
    """What some triggers have in common: whether they let in again, and on what condition."""

    again: bool
    when: Condition | None = None


def can_count(flow: Flow) -> bool:
    """Whether people can be put together before a flow's triggers and filter are asked."""
    if flow.enrolment.key is not None or len(_wishes(flow)) > _MOST:
        return False
    triggers = [trigger for trigger in flow.enrolment.triggers if isinstance(trigger, EventTrigger)]
    asked = [each for each in (flow.enrolment.filter, *(trigger.when for trigger in triggers)) if each is not None]
    return all(
        path.partition(".")[0] in (*_TABLES, "participant")
        for condition in asked
        for path in conditions.fields(condition)
    )


def existing(session: Session, crm: EmbeddedCrm, flow: FlowRow, outline: Outline, now: datetime) -> Forecast:
    """Of everybody for whom a trigger holds, or whose event is stored: as `candidates.existing` finds them."""
    wishes = _wishes(outline.flow)
    found = [source for at, (_, triggers) in enumerate(wishes) for source in _sources(triggers, at, len(wishes))]
    forecast = Forecast()
    if found:
        every = union_all(*found).subquery()
        wanted = [func.max(every.c[_wish(at)]).label(_wish(at)) for at in range(len(wishes))]
        whom = select(every.c.person, *wanted).group_by(every.c.person).subquery()
        _count(session, crm, whom, [wish for wish, _ in wishes], flow, outline, now, forecast)
    return forecast


def joining(
    session: Session,
    crm: EmbeddedCrm,
    flow: FlowRow,
    outline: Outline,
    kind: Kind,
    group: str,
    people: Sequence[str],
    now: datetime,
) -> Forecast:
    """Of people who exist, if they came into a selection or project: those who set off no trigger are not counted."""
    wishes = [
        wish
        for wish, triggers in _wishes(outline.flow)
        if (names := narrowed(_of_group(triggers, kind), kind)) is None or group in names
    ]
    forecast = Forecast()
    for first in range(0, len(people) if wishes else 0, _CHUNK):
        listed = col(Person.id).in_(people[first : first + _CHUNK])
        whom = select(col(Person.id).label("person"), *_flags(range(len(wishes)), len(wishes))).where(listed).subquery()
        _count(session, crm, whom, wishes, flow, outline, now, forecast)
    return forecast


def members(
    session: Session, crm: EmbeddedCrm, flow: FlowRow, outline: Outline, selection: str, again: bool, now: datetime
) -> Forecast:
    """Of the members of a selection, if they were proposed as such."""
    whom = select(col(SelectionMember.person), *_flags([0], 1)).where(col(SelectionMember.selection) == selection)
    forecast = Forecast()
    _count(session, crm, whom.subquery(), [_Wish(again)], flow, outline, now, forecast)
    return forecast


# --- whom ----------------------------------------------------------------------------------------------------------


def _wishes(flow: Flow) -> list[tuple[_Wish, list[EventTrigger]]]:
    """The triggers on events, those together that differ only in what they listen to."""
    wishes: dict[str, tuple[_Wish, list[EventTrigger]]] = {}
    for trigger in flow.enrolment.triggers:
        if isinstance(trigger, EventTrigger):
            # As written: to Python 1 and true are the same.
            written = f"{trigger.again} {trigger.when.model_dump_json() if trigger.when is not None else ''}"
            wishes.setdefault(written, (_Wish(trigger.again, trigger.when), []))[1].append(trigger)
    return list(wishes.values())


def _sources(triggers: Sequence[EventTrigger], at: int, of: int) -> Iterator[Select[*tuple[Any, ...]]]:
    """Who is in a group that these triggers want, or has an event that they want; they are the wish `at`."""
    flags = _flags([at], of)
    for kind in (SELECTION, PROJECT):
        names = narrowed(_of_group(triggers, kind), kind)
        if names is None:
            yield select(col(kind.members.person), *flags)
        elif names:
            yield select(col(kind.members.person), *flags).where(kind.group.in_(names))
    wanted = [
        and_(col(EventRow.type) == trigger.event, *(says(key, name) for key, name in narrowings.items()))
        for trigger in triggers
        if trigger.event not in (SELECTION.event, PROJECT.event)
        for narrowings in [_narrowings(trigger)]
    ]
    if wanted:
        yield select(col(EventRow.person), *flags).where(or_(*wanted), col(EventRow.person) != "", still_counts())


def _of_group(triggers: Sequence[EventTrigger], kind: Kind) -> list[EventTrigger]:
    """Those that joining a group of this kind can set off: narrowed to a form, say, none can."""
    return [trigger for trigger in triggers if not _narrowings(trigger, besides=kind.noun)]


def _narrowings(trigger: EventTrigger, besides: str = "") -> dict[str, str]:
    return {key: name for key in NARROWING if key != besides and (name := getattr(trigger, key)) is not None}


def _wish(at: int) -> str:
    return f"wish_{at}"


def _flags(which: Sequence[int], of: int) -> list[ColumnElement[int]]:
    """For each wish a column: whether it is one of these."""
    return [literal(int(at in which)).label(_wish(at)) for at in range(of)]


# --- counting ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Looks:
    """What conditions look at: the groups, and the columns, (root, name, and one key of `custom` or "")."""

    groups: Sequence[str]
    columns: Sequence[tuple[str, str, str]]

    @classmethod
    def of(cls, asked: Sequence[Condition], exclude: str | None) -> "_Looks":
        groups = {reference.name for condition in asked for reference in conditions.selections(condition)}
        columns = {("person", "deleted_at", "")}
        for condition in asked:
            for path in conditions.fields(condition):
                root, name, key, *_ = *path.split("."), "", ""
                if (root, name) == ("person", "name"):
                    columns |= {("person", "first_name", ""), ("person", "last_name", "")}
                elif root in _TABLES and name in _TABLES[root].model_fields.keys() - HIDDEN:
                    columns.add((root, name, key if name == "custom" and re.fullmatch(_PLAIN, key) else ""))
        return cls(sorted(groups | ({exclude} if exclude is not None else set())), sorted(columns))


def _count(
    session: Session,
    crm: EmbeddedCrm,
    whom: Subquery,
    wishes: Sequence[_Wish],
    flow: FlowRow,
    outline: Outline,
    now: datetime,
    forecast: Forecast,
) -> None:
    """Decide about each sort of these people, in the order of `Enrolment`'s refusals."""
    enrolment = outline.flow.enrolment
    asked = [each for each in (enrolment.filter, *(wish.when for wish in wishes)) if each is not None]
    looks = _Looks.of(asked, enrolment.exclude)
    for number, sort in _sorts(session, whom, len(wishes), flow, looks):
        members = {("", group) for at, group in enumerate(looks.groups) if sort[f"group_{at}"]}
        facts = _facts(session, crm, sort, looks, members, now)

        def true(condition: Condition | None, facts: Facts = facts) -> bool:
            return condition is None or conditions.holds(condition, facts, outline.flow.zone)

        wanted = [wish for at, wish in enumerate(wishes) if sort[_wish(at)] and true(wish.when)]
        if not wanted:
            continue
        if not sort["known"] or sort["person_deleted_at_"] is not None:
            forecast.add(Refusal.UNKNOWN_PERSON, number)
        elif ("", enrolment.exclude) in members:
            forecast.add(Refusal.EXCLUDED, number)
        elif sort["active"]:
            forecast.add(Refusal.ALREADY_ACTIVE, number)
        elif sort["before"] and enrolment.once and not any(wish.again for wish in wanted):
            forecast.add(Refusal.ONCE, number)
        else:
            forecast.add(None if true(enrolment.filter) else Refusal.FILTER, number)


def _sorts(
    session: Session, whom: Subquery, wishes: int, flow: FlowRow, looks: _Looks
) -> Iterator[tuple[int, dict[str, Any]]]:
    """How many people there are of each sort, and what they have in common, by the names of the columns."""
    row = ParticipantRow
    before = and_(col(row.flow) == flow.id, col(row.person) == whom.c.person, col(row.key) == "")
    active = and_(before, col(row.generation) == flow.generation, col(row.status).in_([Status.ACTIVE, Status.QUEUED]))
    one_by_one = (
        select(
            *(whom.c[_wish(at)] for at in range(wishes)),
            col(Person.id).is_not(None).label("known"),
            exists().where(before).label("before"),
            exists().where(active).label("active"),
            *(_is_in(group, whom).label(f"group_{at}") for at, group in enumerate(looks.groups)),
            *(_value(session, *place).label("_".join(place)) for place in looks.columns),
        )
        .select_from(whom)
        .outerjoin(Person, col(Person.id) == whom.c.person)
        .outerjoin(Company, col(Company.id) == col(Person.company))
        .outerjoin(Associate, col(Associate.id) == col(Person.our_contact))
        .subquery()
    )
    sorts = select(func.count(), *one_by_one.c).group_by(*one_by_one.c).execution_options(yield_per=1_000)
    for number, *values in session.execute(sorts):
        yield number, dict(zip(one_by_one.c.keys(), values, strict=True))


def _value(session: Session, root: str, name: str, key: str) -> ColumnElement[Any]:
    """A column, or a list with one value of it, as it is written: SQLite would round a single number."""
    column = col(getattr(_TABLES[root], name))
    if not key:
        return type_coerce(column, getattr(_TABLES[root], name).type)
    if session.get_bind().dialect.name == "sqlite":
        return func.json_extract(column, f"$.{key}", f"$.{key}", type_=Json)
    return func.jsonb_build_array(column[key], type_=Json)


def _is_in(group: str, whom: Subquery) -> ColumnElement[bool]:
    return or_(
        *(
            exists().where(kind.group == group, col(kind.members.person) == whom.c.person)
            for kind in (SELECTION, PROJECT)
        )
    )


def _facts(
    session: Session,
    crm: EmbeddedCrm,
    sort: dict[str, Any],
    looks: _Looks,
    members: set[tuple[str, str]],
    now: datetime,
) -> Facts:
    """What conditions see of a person of this sort, who has no id here."""
    of: dict[str, dict[str, Any]] = {root: {} for root in _TABLES}
    for root, name, key in looks.columns:
        value = sort[f"{root}_{name}_{key}"]
        if key:
            of[root].setdefault(name, {})[key] = value[0] if value else None
        else:
            of[root][name] = value
    person = of["person"]
    if "first_name" in person and "last_name" in person:
        person["name"] = " ".join(part for part in (person["first_name"], person["last_name"]) if part)
    return Facts(
        now=now, since=now, participant="", enrolled_at=now,
        person=person, company=of["company"], owner=of["owner"], service_owner={},
        records=PageRecords(session, "", crm, members, looks.groups),
    )  # fmt: skip
