"""What an edit is said to do to whom, and what it then does: any people in any two versions of a flow (EDIT_7)."""

from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, cast
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, Phase, example, given, settings
from hypothesis import strategies as st
from sqlmodel import Session
from temporalio.client import Client

from activities.core import Core
from activities.counting.tally import count
from activities.editing import versions
from activities.editing.effects import StepEffect
from flows.definition import Flow
from flows.edits import Edit
from flows.outcome import Status
from flows.planning import Outline
from store.database import Database
from store.flows import FlowRow, FlowStatus
from store.journeys import ParticipantRow
from store.people import Person
from tests.flows.steps.arrival import flow_with
from tests.flows.strategies import CATALOG

NOW = datetime(2026, 3, 30, 9, 30, tzinfo=UTC)
"""A Monday; the day before, the clocks of Oslo went an hour ahead."""

LENGTHS = st.builds(
    lambda amount, unit: f"{amount} {unit}", st.integers(1, 9), st.sampled_from(["hours", "days", "workdays"])
)
KINDS: st.SearchStrategy[dict[str, Any]] = st.one_of(
    st.fixed_dictionaries({"kind": st.just("wait"), "for": LENGTHS}),
    st.fixed_dictionaries(
        {"kind": st.just("wait"), "until_weekday": st.sampled_from(["mon", "thu"]), "at": st.just("11:00")}
    ),
    st.fixed_dictionaries({
        "kind": st.just("wait_for_action"),
        "actions": st.just([{"event": "order.placed"}]),
        "within": LENGTHS | st.just("none"),
    }),
    st.fixed_dictionaries(
        {"kind": st.just("send_email"), "content": st.just("welcome-mail")},
        optional={"only_on": st.lists(st.sampled_from(["mon", "tue", "sun"]), min_size=1, unique=True)},
    ),
)  # fmt: skip


@st.composite
def steps(draw: st.DrawFn) -> list[dict[str, Any]]:
    """Some steps of a few, in any order, some of them on a branch."""
    found = [{"id": id, **draw(KINDS)} for id in draw(st.lists(st.sampled_from("abcde"), min_size=1, unique=True))]
    inside = draw(st.integers(0, len(found)))
    if draw(st.booleans()):
        return found
    branch = {"name": "all", "share": "100 percent", "steps": found[:inside]}
    split = {"id": "s", "kind": "split", "branches": [branch]}
    return draw(st.sampled_from([[split, *found[inside:]], [*found[inside:], split]]))


PEOPLE = st.lists(
    st.tuples(
        st.integers(0, 4),
        st.integers(1, 24 * 14 * 60),
        st.sampled_from([None, "Europe/Oslo", "America/New_York", "Asia/Kolkata"]),
    ),
    min_size=1,
    max_size=12,
)
"""Where one stands, since how many minutes, and by whose clock."""


class Undone(Exception):
    """Ends a transaction without keeping it."""


@pytest.fixture(scope="module")
def core(sqlite_databases: Any) -> Iterator[Core]:
    """All that decides, without a Temporal: nothing is told to it here."""
    url = sqlite_databases.create()
    db = Database(url)
    yield Core.build(db, cast(Client, None))
    db.close()
    sqlite_databases.drop(url)


def version(id: str, steps: list[dict[str, Any]]) -> Flow:
    """A flow that can be edited while it runs, and guards nothing."""
    email = {"from": "hello@fjord.example", "reply_to": "same_as_from"}
    return flow_with(*steps, id=id, settings={"edit_while_running": True, "guard_occupied_steps": False}, email=email)


def settle_in(
    core: Core, session: Session, flow: Flow, people: list[tuple[int, int, str | None]]
) -> list[ParticipantRow]:
    """People who stand somewhere in the flow and have not gone on by now."""
    versions.create(session, flow, "", NOW - timedelta(days=30))
    session.get_one(FlowRow, flow.id).status = FlowStatus.RUNNING
    places = [step for _, step in flow.walk() if step.kind != "split"]
    there = []
    for number, (place, minutes, zone) in enumerate(people):
        since, step = NOW - timedelta(minutes=minutes), places[place % len(places)]
        person = Person(id=f"per{number}", time_zone=zone, created_at=since, updated_at=since)
        row = ParticipantRow(
            id=f"par{number}", flow=flow.id, person=person.id, generation=1, version=1, status=Status.ACTIVE,
            step=step.id, since=since, enrolled_at=since, position=2,
            plan={"type": "perform", "position": 2, "version": 1, "step": step.id, "kind": step.kind},
        )  # fmt: skip
        session.add_all([person, row])
        session.flush()
        count(session, flow.id, 1, number, since.date(), {("waiting", step.id): 1, ("status", "active"): 1})
        core.steps.look(session, row.id, since)
        if row.until is None or row.until > NOW:
            there.append(row)
        else:
            row.status = Status.CANCELLED
            count(session, flow.id, 1, number, since.date(), {("waiting", row.step): -1})
    session.flush()
    return there


def check(effect: StepEffect, happened: Counter[str], ends: list[datetime], counted_in_workdays: bool) -> None:
    """Whether what was said is what happened to those who stood at a step."""
    assert effect.moved_on == happened["moved"], effect
    assert effect.unaffected + effect.replanned == happened["stayed"] + happened["replanned"], effect
    assert effect.replanned >= happened["replanned"], effect
    if effect.after is not None and effect.replanned and not counted_in_workdays:
        assert (effect.after.earliest, effect.after.latest) == (min(ends), max(ends)), effect


@settings(
    max_examples=60,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(before=steps(), after=steps(), people=PEOPLE)
@example(
    before=[{"id": "a", "kind": "wait", "for": "9 workdays"}],
    after=[{"id": "a", "kind": "wait", "for": "1 workdays"}],
    people=[(0, minutes, None) for minutes in range(60, 60 * 24 * 6, 60 * 7)],
)
def test_EDIT_7_what_a_dry_run_says_is_what_happens(
    core: Core, before: list[dict[str, Any]], after: list[dict[str, Any]], people: list[tuple[int, int, str | None]]
) -> None:
    def work(session: Session) -> None:
        id = uuid4().hex  # versions are kept in memory, and this one is undone
        old, new = version(id, before), version(id, after)
        stood = [(row, row.step, row.since, row.until) for row in settle_in(core, session, old, people)]
        told = versions.replace(session, core.definitions, CATALOG, new, "", NOW, dry_run=True)
        assert versions.replace(session, core.definitions, CATALOG, new, "", NOW).effects == told.effects
        edit = Edit(Outline(old), Outline(new))
        happened: dict[str, Counter[str]] = {id: Counter() for id in edit.before.step}
        ends: dict[str, list[datetime]] = {id: [] for id in edit.before.step}
        for row, step, since, until in stood:
            if edit.replans(step):  # only these are woken
                core.steps.look(session, row.id, NOW)
            stays = row.status.inside and row.step == step and row.since == since and edit.stays(step)
            happened[step]["moved" if not stays else "stayed" if row.until == until else "replanned"] += 1
            if stays and row.until is not None:
                ends[step].append(row.until)
        for effect in told.effects:
            if effect.change != "added":
                later = edit.after.step.get(effect.step)
                check(effect, happened[effect.step], ends[effect.step], "workdays" in str(later))
        raise Undone

    with pytest.raises(Undone):
        core.db.transact(work)
