"""What is counted: over time, and compared with what there is."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta

import pytest
from sqlmodel import Session, col, delete, func, select

from activities.counting.recount import Mended, Recounts
from activities.counting.statistics import over_time
from activities.counting.tally import Measure, count, counted
from activities.definitions import Definitions, UnknownFlow
from activities.editing import versions
from flows.outcome import Reason, Status
from store.columns import new_id
from store.database import Database
from store.flows import FlowRow, Tally
from store.journeys import ParticipantRow
from tests.flows.steps.arrival import flow_with

NOW = datetime(2026, 6, 10, 22, 30, tzinfo=UTC)
"""Half past midnight in Oslo, where the flow is."""
TODAY, DAY = date(2026, 6, 11), timedelta(days=1)
FLOW = flow_with({"id": "rest", "kind": "wait", "for": "1 day"})


@pytest.fixture
def db(database_url: str) -> Iterator[Database]:
    """A store with a flow."""
    db = Database(database_url)
    db.transact(lambda session: versions.create(session, FLOW, "", NOW - 9 * DAY) and None)
    yield db
    db.close()


def add(session: Session, status: Status, reason: Reason | None = None, *passed: str) -> None:
    """A participant, as rows that are counted nowhere."""
    session.add(
        ParticipantRow(
            id=new_id("par"),
            flow="f",
            person=new_id("per"),
            generation=1,
            version=1,
            status=status,
            reason=reason,
            step="rest",
            since=NOW,
            enrolled_at=NOW,
            plan={},
            passed=list(passed),
        )
    )


def changed(session: Session, days_ago: int, **changes: int) -> None:
    """Counters that changed on a day, by `measure__name`."""
    names: dict[tuple[Measure, str], int] = {
        (measure, name): change  # type: ignore[misc]
        for which, change in changes.items()
        for measure, _, name in [which.partition("__")]
    }
    count(session, "f", 1, days_ago, TODAY - days_ago * DAY, names)


def some_days(session: Session) -> None:
    changed(session, 8, enrolled=3, status__active=3, waiting__rest=3)
    changed(session, 2, status__active=-1, reason__completed=1, waiting__rest=-1, passed__rest=1, enrolled=1)
    changed(session, 2, status__active=1, waiting__rest=1)
    changed(session, 0, status__active=-1, reason__former_employee=1, waiting__rest=-1)


def test_statistics_over_time_tell_what_happened_and_how_things_stood(db: Database) -> None:
    """PART_6: by day, with what was before; by week, from Monday."""
    db.transact(some_days)
    row = db.look(lambda session: session.get_one(FlowRow, "f"))
    days = db.look(lambda session: over_time(session, row, TODAY - 3 * DAY, TODAY, "day"))
    assert [period.start for period in days] == [TODAY - 3 * DAY, TODAY - 2 * DAY, TODAY - DAY, TODAY]
    assert [(each.enrolled, each.active, each.finished) for each in days] == [
        (0, 3, 0),
        (1, 3, 1),
        (0, 3, 0),
        (0, 2, 0),
    ]
    assert [(each.steps["rest"].passed, each.steps["rest"].waiting) for each in days] == [
        (0, 3),
        (1, 3),
        (0, 3),
        (0, 2),
    ]
    assert days[-1].dropped_out == {"former_employee": 1}
    weeks = db.look(lambda session: over_time(session, row, TODAY - 8 * DAY, TODAY, "week"))
    assert [(each.start, each.enrolled, each.active) for each in weeks] == [
        (date(2026, 6, 1), 3, 3), (date(2026, 6, 8), 1, 2)
    ]  # fmt: skip


async def test_a_recount_mends_what_differs_and_nothing_else(db: Database) -> None:
    """What was counted twice, not at all, or of nobody; a second recount finds nothing."""

    def work(session: Session) -> None:
        add(session, Status.ACTIVE)
        add(session, Status.ACTIVE)
        add(session, Status.QUEUED)
        add(session, Status.FINISHED, Reason.COMPLETED, "rest")
        changed(session, 0, enrolled=4, status__active=1, status__queued=1, status__finished=1, waiting__rest=2)
        changed(session, 0, reason__completed=1, passed__rest=2, waiting__gone=1, refused__filter=7)

    db.transact(work)
    recounts = Recounts(db, Definitions(), lambda: NOW)
    assert await recounts.recount("f") == [
        Mended(1, "passed", "rest", -1), Mended(1, "status", "active", 1), Mended(1, "waiting", "gone", -1)
    ]  # fmt: skip
    assert await recounts.recount("f") == []
    numbers = db.look(lambda session: counted(session, "f"))
    assert {which: number for which, number in numbers.items() if number} == {
        (1, "enrolled", ""): 4,
        (1, "status", "active"): 2,
        (1, "status", "queued"): 1,
        (1, "status", "finished"): 1,
        (1, "reason", "completed"): 1,
        (1, "waiting", "rest"): 2,
        (1, "passed", "rest"): 1,
        (1, "refused", "filter"): 7,
    }
    with pytest.raises(UnknownFlow):
        await recounts.recount("nobody")


async def test_flows_are_recounted_once_a_day_and_old_days_take_one_row_each(db: Database) -> None:
    def shards(session: Session) -> None:
        for spread in range(8):
            count(session, "f", 1, spread, TODAY - 5 * DAY, {("refused", "filter"): 1})
            count(session, "f", 1, spread, TODAY, {("refused", "filter"): 1})

    db.transact(shards)
    recounts = Recounts(db, Definitions(), lambda: NOW)
    assert await recounts.once() == 1
    assert await recounts.once() == 0
    assert await Recounts(db, Definitions(), lambda: NOW + 1.1 * DAY).once() == 1
    rows = select(col(Tally.day), func.count(), func.sum(col(Tally.count))).group_by(col(Tally.day))
    found = db.look(lambda session: session.connection().execute(rows.order_by(col(Tally.day))).all())
    assert [tuple(each) for each in found] == [(TODAY - 5 * DAY, 1, 8), (TODAY, 8, 8)]


async def test_a_recount_beside_changes_is_exact(db: Database) -> None:
    """Participants come and go in transactions of their own while it counts again and again."""
    import asyncio

    def come(session: Session) -> None:
        add(session, Status.ACTIVE)
        changed(session, 0, enrolled=1, status__active=1, waiting__rest=1)

    recounts = Recounts(db, Definitions(), lambda: NOW)
    work = [db.write(come) for _ in range(40)]
    found = await asyncio.gather(*work, *(recounts.recount("f") for _ in range(6)))
    assert [mended for mended in found if mended] == []
    db.transact(lambda session: session.execute(delete(Tally)) and None)
    work = [db.write(come) for _ in range(20)]
    await asyncio.gather(*work, *(recounts.recount("f") for _ in range(6)))
    await recounts.recount("f")
    assert db.look(lambda session: counted(session, "f"))[1, "enrolled", ""] == 60
