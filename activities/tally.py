"""Counters kept in the transactions that change what they count; read as sums over their shards."""

from collections.abc import Mapping
from typing import Literal

from sqlalchemy import func, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlmodel import Session, col

from store.flows import Tally

SHARDS = 8

Measure = Literal["enrolled", "status", "reason", "waiting", "passed", "success", "refused"]
Changes = Mapping[tuple[Measure, str], int]


def count(session: Session, flow: str, generation: int, spread: int, changes: Changes) -> None:
    """Add to counters of a flow's generation. `spread` picks the shard: give a participant's number."""
    rows = [
        {
            "flow": flow,
            "generation": generation,
            "measure": measure,
            "name": name,
            "shard": spread % SHARDS,
            "count": change,
        }
        for (measure, name), change in sorted(changes.items())  # one order everywhere: no deadlock
        if change
    ]
    if not rows:
        return
    dialect = postgresql if session.get_bind().dialect.name == "postgresql" else sqlite
    insert = dialect.insert(Tally)
    session.connection().execute(
        insert.on_conflict_do_update(
            index_elements=["flow", "generation", "measure", "name", "shard"],
            set_={"count": Tally.__table__.c["count"] + insert.excluded["count"]},  # type: ignore[attr-defined]
        ),
        rows,
    )


def counted(session: Session, flow: str) -> dict[tuple[int, str, str], int]:
    """All counters of a flow: (generation, measure, name) -> count. A few hundred rows at the most."""
    total = func.sum(col(Tally.count))
    query = (
        select(col(Tally.generation), col(Tally.measure), col(Tally.name), total)
        .where(col(Tally.flow) == flow)
        .group_by(col(Tally.generation), col(Tally.measure), col(Tally.name))
    )
    return {(row[0], row[1], row[2]): int(row[3]) for row in session.connection().execute(query)}
