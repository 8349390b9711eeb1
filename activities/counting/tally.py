"""Counters kept in the transactions that change what they count; read as sums over their shards."""

from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import date, timedelta
from typing import Any, Literal, cast

from sqlalchemy import ColumnElement, Date, Insert, func, literal_column, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlmodel import Session, col

from store.database import at_end
from store.flows import Tally

SHARDS = 8
_PLACE = ("flow", "generation", "measure", "name", "day", "shard")

Measure = Literal["enrolled", "status", "reason", "waiting", "passed", "refused", "arm"]
Changes = Mapping[tuple[Measure, str], int]
By = Literal["day", "week", "month"]
Counts = Counter[tuple[str, int, Measure, str, date, int]]


def count(session: Session, flow: str, generation: int, spread: int, day: date, changes: Changes) -> None:
    """Add to counters of a flow's generation, on a day. `spread` picks the shard: give a participant's number.

    Written as the transaction's last, all at once: counters are what many transactions share, and locked shortly.
    """
    counts = Counter({(flow, generation, *which, day, spread % SHARDS): change for which, change in changes.items()})
    if session.in_nested_transaction():
        _write(session, counts)  # to be undone with it
    else:
        session.info.setdefault("counted", Counter()).update(counts)
        at_end(session, _write_collected)


def _write_collected(session: Session) -> None:
    _write(session, session.info.pop("counted", Counter()))


def _write(session: Session, counts: Counts) -> None:
    rows = [
        {**dict(zip(_PLACE, place, strict=True)), "count": change}
        for place, change in sorted(counts.items())  # one order everywhere: no deadlock
        if change
    ]
    if rows:
        session.connection().execute(_ADD[session.get_bind().dialect.name], rows)


def _add(dialect: Any) -> Insert:
    insert = dialect.insert(Tally)
    total = Tally.__table__.c["count"] + insert.excluded["count"]  # type: ignore[attr-defined]
    return cast(Insert, insert.on_conflict_do_update(index_elements=_PLACE, set_={"count": total}))


_ADD: dict[str, Insert] = {"postgresql": _add(postgresql), "sqlite": _add(sqlite)}


def counted_over_time(
    session: Session, flow: str, first: date, last: date, by: By
) -> Iterator[tuple[date, Measure, str, int]]:
    """What changed in a flow's counters, by the first day of each period: (day, measure, name, change).

    All that was before `first`, the first day of a period, is told as of the day before it.
    """
    place = (col(Tally.measure), col(Tally.name))
    query = select(*place, func.sum(col(Tally.count))).where(col(Tally.flow) == flow)
    connection, day = session.connection(), col(Tally.day)
    for measure, name, total in connection.execute(query.where(day < first).group_by(*place)):
        yield first - timedelta(days=1), cast(Measure, measure), name, int(total)
    start = _START[session.get_bind().dialect.name][by]
    periods = query.add_columns(start).where(day.between(first, last)).group_by(*place, start)
    for measure, name, change, when in connection.execute(periods):
        yield when, cast(Measure, measure), name, int(change)


def _sql(written: str) -> ColumnElement[date]:
    return literal_column(written, Date)


# The first day of the period that a day is in. Weeks begin on Monday.
_START: dict[str, dict[By, ColumnElement[date]]] = {
    "postgresql": {
        "day": _sql("tally.day"),
        "week": _sql("date_trunc('week', tally.day)::date"),
        "month": _sql("date_trunc('month', tally.day)::date"),
    },
    "sqlite": {
        "day": _sql("tally.day"),
        "week": _sql("date(tally.day, 'weekday 0', '-6 days')"),
        "month": _sql("date(tally.day, 'start of month')"),
    },
}


def counted(session: Session, flow: str) -> dict[tuple[int, str, str], int]:
    """All counters of a flow: (generation, measure, name) -> count. A few hundred at the most."""
    _write_collected(session)
    total = func.sum(col(Tally.count))
    query = (
        select(col(Tally.generation), col(Tally.measure), col(Tally.name), total)
        .where(col(Tally.flow) == flow)
        .group_by(col(Tally.generation), col(Tally.measure), col(Tally.name))
    )
    return {(row[0], row[1], row[2]): int(row[3]) for row in session.connection().execute(query)}
