"""TRIG_7: what is counted is what asking everybody singly gives, and what enrolling them then does."""

from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import product
from typing import Any, NamedTuple, cast, get_args
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from sqlalchemy import event
from sqlmodel import Session
from temporalio.client import Client

from activities.core import Core
from activities.editing import versions
from activities.enrolling import candidates, census
from activities.enrolling.census import Forecast
from activities.enrolling.jobs import PAGE
from flows.comparisons import Operator
from flows.definition import Flow
from flows.outcome import Status
from flows.planning import Outline
from store.database import Database
from store.enrolments import JobSource
from store.flows import FlowRow, FlowStatus
from store.journeys import EventRow, ParticipantRow
from store.people import Associate, Company, Person, Project, ProjectMember, Selection, SelectionMember
from store.work import Sale

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
DAY = timedelta(days=1)

# Text in other cases and encodings, text that is a number, a flag, a date; numbers that are no binary fractions.
TEXTS = [None, "NO", "no", " No ", "Å", "A\u030a", "å", "STRASSE", "straße", "1.10", "yes", "2026-03-01"]
ANY = [
    *TEXTS,
    0,
    1,
    1.1,
    0.30000000000000004,
    10**25,
    True,
    False,
    [],
    ["no", "Å"],
    {"b": "no"},
    "2026-03-01T23:30:00Z",
]
VALUES = [each for each in ANY if each is not None and not isinstance(each, list | dict)]
FIELDS = [
    "person.id", "person.name", "person.country", "person.created_at", "person.former_employee",
    "person.consent.email", "person.subscriptions", "person.custom.a", "person.custom.a.b", "person.custom.ø",
    "company.id", "company.name", "company.employees", "company.custom.a", "owner.name", "participant.enrolled_at",
]  # fmt: skip

_COMPARED = st.fixed_dictionaries(
    {"field": st.sampled_from(FIELDS), "op": st.sampled_from(get_args(Operator)), "value": st.sampled_from(VALUES)}
).map(lambda each: {**each, "value": [each["value"], "no"]} if each["op"] in ("in", "not_in") else each)
CONDITIONS = st.recursive(
    _COMPARED | st.sampled_from(["vip", "fair", "nobody"]).map(lambda group: {"member_of": group}),
    lambda inner: (
        st.lists(inner, min_size=1, max_size=3).map(lambda parts: {"any": parts})
        | st.lists(inner, min_size=1, max_size=2).map(lambda parts: {"all": parts})
        | inner.map(lambda part: {"not": part})
    ),
    max_leaves=4,
)
TRIGGERS = st.lists(
    st.builds(
        lambda wanted, more: {**wanted, **more},
        st.sampled_from(
            [
                {"event": "added_to_selection"},
                {"event": "added_to_selection", "selection": "vip"},
                {"event": "added_to_project", "project": "fair"},
                {"event": "form_submitted", "form": "5"},
                {"event": "sale_sold"},
                {"event": "order.placed"},
            ]
        ),
        st.fixed_dictionaries({}, optional={"again": st.booleans(), "when": CONDITIONS}),
    ),
    min_size=1,
    max_size=4,
)
ENROLMENTS = st.fixed_dictionaries(
    {"triggers": TRIGGERS, "once": st.booleans()}, optional={"filter": CONDITIONS, "exclude": st.just("staff")}
)
_FORM = {"form": "5"}
EVENTS: list[tuple[str, dict[str, Any], bool]] = [
    ("form_submitted", _FORM, False), ("form_submitted", {"form": 5}, False), ("form_submitted", _FORM, True),
    ("sale_sold", {"sale": "sold", "on": "person"}, False), ("sale_sold", {"sale": "open"}, False),
    ("sale_sold", {"on": "company"}, False), ("sale_sold", {}, False), ("order.placed", {"on": 1}, False),
]  # fmt: skip


class Somebody(NamedTuple):
    """A person, and what there is about it."""

    fields: dict[str, Any]
    deleted: bool
    groups: list[str]
    events: list[tuple[str, dict[str, Any], bool]]
    history: list[tuple[int, str, Status]]


PEOPLE = st.lists(
    st.builds(
        Somebody,
        st.fixed_dictionaries(
            {
                "country": st.sampled_from(TEXTS),
                "first_name": st.sampled_from(TEXTS),
                "created_at": st.sampled_from([NOW, NOW - DAY, NOW - 2 * DAY]),
                "former_employee": st.booleans(),
                "consent": st.sampled_from([{}, {"email": "granted"}]),
                "subscriptions": st.sampled_from([[], ["no", "news"]]),
                "custom": st.dictionaries(st.sampled_from(["a", "ø"]), st.sampled_from(ANY)),
                "company": st.sampled_from([None, "small", "large"]),
                "our_contact": st.sampled_from([None, "kari"]),
            }
        ),
        st.sampled_from([False, False, False, True]),
        st.lists(st.sampled_from(["vip", "staff", "fair"]), unique=True),
        st.lists(st.sampled_from(EVENTS), max_size=2),
        st.lists(
            st.tuples(st.integers(1, 2), st.sampled_from(["", "other"]), st.sampled_from(list(Status))), max_size=1
        ),
    ),
    min_size=4,
    max_size=14,
)


def every_sort() -> list[Somebody]:
    """All that decides, combined: deleted, excluded, earlier participations, the filter, by what one comes."""
    histories: list[list[tuple[int, str, Status]]] = [
        [], [(2, "", Status.ACTIVE)], [(1, "", Status.ACTIVE)], [(2, "", Status.FINISHED)],
        [(2, "other", Status.QUEUED)],
    ]  # fmt: skip
    staff: list[list[str]] = [[], ["staff"]]
    ways: list[tuple[list[str], list[tuple[str, dict[str, Any], bool]]]] = [
        (["vip"], []), ([], EVENTS[:1]), (["vip"], EVENTS[:1]),
    ]  # fmt: skip
    return [
        Somebody({"created_at": NOW, "country": country}, deleted, [*excluded, *way[0]], way[1], history)
        for deleted, excluded, history, country, way in product((False, True), staff, histories, ("no", "SE"), ways)
    ]


class Undone(Exception):
    """Ends a transaction without keeping it."""


@pytest.fixture(scope="module", params=["sqlite_databases", "postgres_databases"])
def core(request: pytest.FixtureRequest) -> Iterator[Core]:
    """All that decides, without a Temporal: nothing is told to it here."""
    databases = request.getfixturevalue(request.param)
    url = databases.create()
    db = Database(url)
    yield Core.build(db, cast(Client, None))
    db.close()
    databases.drop(url)


def put(session: Session, people: list[Somebody], enrolment: dict[str, Any]) -> tuple[FlowRow, Outline]:
    """The people, and a flow in its second generation that takes them."""
    times: Any = {"created_at": NOW, "updated_at": NOW}
    session.add_all(
        [
            *(Selection(id=id, name=id, **times) for id in ("vip", "staff")),
            Project(id="fair", name="fair", **times),
            Associate(id="kari", name="NO", **times),
            Company(id="small", name="Å", name_key="å", employees=200, custom={"a": "1.1"}, **times),
            Company(id="large", name="no", name_key="no", **times),
        ]
    )
    session.flush()
    flow = Flow.model_validate(
        {"id": f"census-{uuid4().hex}", "name": "c", "time_zone": "Europe/Oslo", "enrolment": enrolment, "steps": []}
    )
    versions.create(session, flow, "", NOW)
    row = session.get_one(FlowRow, flow.id)
    row.status, row.generation = FlowStatus.RUNNING, 2
    for number, each in enumerate(people):
        deleted = NOW if each.deleted else None
        session.add(Person(id=f"per{number}", updated_at=NOW, deleted_at=deleted, **each.fields))
    session.flush()
    for number, each in enumerate(people):
        session.add_all(rows_of(f"per{number}", each, flow.id))
    # Someone who is gone and has left an event behind, and sales of which one is no longer what was told of it.
    session.add_all(rows_of("gone", Somebody({}, False, [], EVENTS[:1], []), flow.id))
    for state in ("sold", "open"):
        session.add(Sale(id=state, person="per0", title=state, stage=state, state=state, **times))
    session.flush()
    return row, Outline(flow)


def rows_of(person: str, each: Somebody, flow: str) -> Iterator[Any]:
    for group in each.groups:
        if group == "fair":
            yield ProjectMember(project=group, person=person, at=NOW)
        else:
            yield SelectionMember(selection=group, person=person, at=NOW)
    for at, (type, data, machine) in enumerate(each.events):
        id = f"{person}-{at}"
        yield EventRow(
            id=id, source="t", external_id=id, type=type, person=person, at=NOW, received_at=NOW, data=data,
            machine=machine,
        )  # fmt: skip
    for generation, key, status in each.history:
        yield ParticipantRow(
            id=f"par-{person}", flow=flow, person=person, key=key, generation=generation, version=1, status=status,
            since=NOW, enrolled_at=NOW, plan={},
        )  # fmt: skip


def walked(core: Core, session: Session, row: FlowRow, outline: Outline) -> Forecast:
    """Everybody asked singly."""
    forecast, after = Forecast(), ""
    while True:
        page, answers = core.jobs._rehearse(
            lambda session, after: candidates.existing(session, outline.flow, after, PAGE),
            after,
            row,
            outline,
            NOW,
            session,
        )
        if not page.occurrences:
            return forecast
        after = page.after
        for answer in answers:
            forecast.add(answer)


def enrolled(core: Core, session: Session, row: FlowRow, **given: Any) -> tuple[int, dict[str, int]]:
    """What enrolling them leads to: who matches already, or the members of a selection."""
    job = core.jobs.begin(session, row, JobSource.SELECTION if given else JobSource.EXISTING, NOW, **given)
    while core.jobs.page(session, row.id, row.epoch, NOW) is not None:
        session.refresh(job)
    return job.enrolled, job.refusals


def told(forecast: Forecast) -> tuple[int, dict[str, int]]:
    """A forecast as a job tells what became of people."""
    return forecast.enrolled, {reason.value: number for reason, number in forecast.refused.items()}


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(people=PEOPLE, enrolment=ENROLMENTS)
@example(
    people=every_sort(),
    enrolment={
        "triggers": [
            {"event": "added_to_selection", "selection": "vip"},
            {"event": "form_submitted", "form": "5", "again": True},
        ],
        "filter": {"field": "person.country", "op": "is", "value": "NO"},
        "exclude": "staff",
    },
)
def test_TRIG_7_counted_is_walked_is_what_enrolling_does(
    core: Core, people: list[Somebody], enrolment: dict[str, Any]
) -> None:
    def compare(session: Session) -> None:
        row, outline = put(session, people, enrolment)
        assert census.can_count(outline.flow)
        counted = census.existing(session, core.crm, row, outline, NOW)
        assert counted == walked(core, session, row, outline)
        assert told(counted) == enrolled(core, session, row)
        again = bool(len(people) % 2)
        members = core.jobs.who_is_in(session, row, "vip", again, NOW)
        assert told(members) == enrolled(core, session, row, selection="vip", again=again)
        raise Undone

    with pytest.raises(Undone):
        core.db.transact(compare)


def test_TRIG_7_a_crowd_is_counted_in_one_statement(core: Core) -> None:
    """However many people and triggers there are, and whatever the filter looks at."""
    statements: list[str] = []

    def heard(_: Any, __: Any, statement: str, *___: Any) -> None:
        statements.append(statement)

    def look(session: Session) -> None:
        condition = {"any": [{"field": "person.country", "op": "is", "value": "no"}, {"member_of": "vip"}]}
        triggers = [{"event": "added_to_selection"}, {"event": "order.placed", "when": condition}]
        crowd = [Somebody({"created_at": NOW, "country": "NO"}, False, ["vip"], EVENTS[7:], []) for _ in range(600)]
        row, outline = put(session, crowd, {"triggers": triggers, "filter": condition, "exclude": "staff"})
        engine = core.db.engines[0]
        event.listen(engine, "before_cursor_execute", heard)
        counted = census.existing(session, core.crm, row, outline, NOW)
        event.remove(engine, "before_cursor_execute", heard)
        assert counted == Forecast(600, Counter())
        assert len(statements) == 1
        raise Undone

    with pytest.raises(Undone):
        core.db.transact(look)


@pytest.mark.parametrize(
    "enrolment",
    [
        {"key": "event.order_id"},
        {"filter": {"field": "event.amount", "op": "set"}},
        {"triggers": [{"event": "order.placed", "when": {"field": "form.a", "op": "set"}}]},
    ],
)
def test_TRIG_7_what_looks_at_single_events_is_walked(enrolment: dict[str, Any]) -> None:
    """Their own data decide: they cannot be put together."""
    flow = {"id": "walked", "name": "w", "enrolment": enrolment, "steps": []}
    assert not census.can_count(Flow.model_validate(flow))
