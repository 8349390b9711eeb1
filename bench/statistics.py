"""What a flow's numbers and the dry run of an edit cost with a million people inside, on PostgreSQL.

The rows are made by the database itself; nobody goes anywhere.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from statistics import median
from uuid import uuid4

from sqlalchemy import text
from sqlmodel import Session

from activities.counting.recount import Recounts
from activities.counting.statistics import over_time, statistics
from activities.definitions import Definitions
from activities.editing import versions
from activities.editing.effects import effects
from bench.sides import now
from flows.definition import Flow
from flows.edits import Edit
from flows.outcome import Status
from flows.planning import Outline
from store.database import Database
from store.flows import FlowRow
from store.journeys import ParticipantRow
from store.migrate import upgrade

PEOPLE = 1_000_000
DAYS, WEEK = timedelta(days=365), timedelta(days=7)
TURNS = 5
# Rows for which the database has no more time than this are not measured.
LONGEST = "90s"


@dataclass(frozen=True, slots=True)
class Numbers:
    """Seconds, the median over some turns; of a recount, of one."""

    people: int
    now: float
    month: float
    year: float
    dry_run: float
    recount: float


def flow(days: int) -> Flow:
    """Six mails with waits between them."""
    steps: list[dict[str, object]] = []
    for number in range(6):
        steps += [
            {"id": f"mail-{number}", "kind": "send_email", "content": "welcome-mail"},
            {"id": f"wait-{number}", "kind": "wait", "for": f"{days} days"},
        ]
    return Flow.model_validate({"id": "bench", "time_zone": "Europe/Oslo", "steps": steps})


async def measure(url: str, people: int = PEOPLE) -> Numbers:
    """Fill a store and ask it."""
    upgrade(url)
    db, definitions = Database(url), Definitions()
    try:
        db.transact(lambda session: _fill(session, people))
        row = db.look(lambda session: session.get_one(FlowRow, "bench"))
        today, old = now().date(), Outline(flow(9))
        edit = Edit(old, Outline(flow(5)))
        begun = time.monotonic()
        mended = await Recounts(db, definitions, now).recount("bench")
        recount = time.monotonic() - begun
        assert mended, "the counters were made up"
        return Numbers(
            people,
            now=_time(db, lambda session: statistics(session, row, old)),
            month=_time(db, lambda session: over_time(session, row, today - timedelta(days=29), today, "day")),
            year=_time(db, lambda session: over_time(session, row, today - DAYS, today, "week")),
            dry_run=_time(db, lambda session: effects(session, definitions, row, edit, now())),
            recount=recount,
        )
    finally:
        db.close()


def _time(db: Database, work: Callable[[Session], object]) -> float:
    times = []
    for _ in range(TURNS):
        begun = time.monotonic()
        db.look(work)
        times.append(time.monotonic() - begun)
    return median(times)


def _fill(session: Session, people: int) -> None:
    """Everybody waits in one of six waits since some time of the last week; a year of counters for every step."""
    session.connection().execute(text(f"SET LOCAL statement_timeout = '{LONGEST}'"))
    versions.create(session, flow(9), "", now() - DAYS)
    first = ParticipantRow(
        id=uuid4().hex, flow="bench", person="p", generation=1, version=1, status=Status.ACTIVE, step="wait-0",
        since=now(), until=now() + WEEK, plan={"type": "wait"}, passed=["mail-0"], enrolled_at=now(),
    )  # fmt: skip
    session.add(first)
    session.flush()
    made = {
        "id": "'par_' || n",
        "person": "'per_' || n",
        "step": "'wait-' || n % 6",
        "since": "t.since - n % 604800 * interval '1 second'",
        "until": "t.until - n % 604800 * interval '1 second'",
        "enrolled_at": "t.enrolled_at - n % 604800 * interval '1 second'",
    }
    columns = [column.name for column in ParticipantRow.__table__.columns if column.name != "number"]  # type: ignore[attr-defined]
    values = ", ".join(made.get(name, f't."{name}"') for name in columns)
    names = ", ".join(f'"{name}"' for name in columns)
    session.connection().execute(
        text(f"INSERT INTO participant ({names}) SELECT {values} FROM participant t, generate_series(2, :people) n"),
        {"people": people},
    )
    session.connection().execute(
        text(
            "INSERT INTO tally (flow, generation, measure, name, day, shard, count) "
            "SELECT 'bench', 1, m.measure, m.name, d::date, s, 40 "
            "FROM generate_series(CAST(:first AS timestamptz), CAST(:last AS timestamptz), interval '1 day') d, "
            "generate_series(0, 7) s, "
            "(VALUES ('enrolled', ''), ('status', 'active'), ('reason', 'completed'), ('reason', 'former_employee')"
            " UNION ALL SELECT measure, step || n FROM generate_series(0, 5) n, "
            "(VALUES ('passed', 'mail-'), ('passed', 'wait-'), ('waiting', 'wait-')) w (measure, step)"
            ") m (measure, name)"
        ),
        {"first": now() - DAYS, "last": now()},
    )
    session.connection().execute(text("ANALYZE"))
