"""Counters compared with the participants they count, and mended; run for every flow once a day, and by hand.

Counters change in the transactions that change participants, so both are right in any one moment. One statement reads
both in one moment, whatever goes on meanwhile, and what differs is added: nobody waits for it.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import partial
from typing import Any

import structlog
from sqlalchemy import ColumnElement, Select, String, cast, delete, func, literal, select, true, union_all
from sqlmodel import Session, col

from activities.counting.experiments import success_of
from activities.counting.tally import count
from activities.definitions import Definitions, UnknownFlow
from activities.rounds import rounds
from flows.outcome import Status
from store.database import Database, lock_flow
from store.flows import FlowRow, Recount, Tally
from store.journeys import ParticipantRow

log = structlog.get_logger(__name__)

EVERY = timedelta(minutes=10)
DAILY = timedelta(days=1)
# The day before yesterday's counters are in nobody's way any more, in whatever time zone: one shard holds them all.
SETTLED = timedelta(days=2)


@dataclass(frozen=True, slots=True)
class Mended:
    """A counter that was wrong: by how much it was too small."""

    generation: int
    measure: str
    name: str
    by: int


class Recounts:
    """Recounts flows. Runs beside every worker; several at once do no harm."""

    def __init__(self, db: Database, definitions: Definitions, clock: Callable[[], datetime]) -> None:
        self._db = db
        self._definitions = definitions
        self._clock = clock

    async def run(self) -> None:
        """Again and again until cancelled."""
        await rounds(self.once, EVERY, "recount_failed")

    async def once(self) -> int:
        """Recount every flow that was not within a day; answers how many that were."""
        due = await self._db.read(lambda session: _due(session, self._clock() - DAILY))
        for flow in due:
            mended = await self.recount(flow)
            if mended:
                log.warning("counters_mended", flow=flow, counters=len(mended))
        return len(due)

    async def recount(self, flow: str) -> list[Mended]:
        """Mend a flow's counters; answers those that were wrong. Raises UnknownFlow."""
        return await self._db.write(partial(self._recount, flow))

    def _recount(self, flow: str, session: Session) -> list[Mended]:
        lock_flow(session, f"recount {flow}", exclusive=True)  # two at once would mend twice
        row = session.get(FlowRow, flow)
        if row is None or row.deleted:
            raise UnknownFlow(flow)
        now = self._clock()
        today = self._definitions.current(session, row).flow.day(now)
        differences = session.connection().execute(_differences(session, flow))
        found = [Mended(generation, measure, name, int(by)) for generation, measure, name, by in differences]
        for each in found:
            count(session, flow, each.generation, 0, today, {(each.measure, each.name): each.by})  # type: ignore[dict-item]
        _fold(session, flow, today - SETTLED)
        session.merge(Recount(flow=flow, at=now, mended=len(found)))
        return found


def _due(session: Session, before: datetime) -> list[str]:
    query = (
        select(col(FlowRow.id))
        .outerjoin(Recount, col(Recount.flow) == col(FlowRow.id))
        .where(~col(FlowRow.deleted), col(Recount.at).is_(None) | (col(Recount.at) < before))
        .order_by(col(FlowRow.id))
    )
    return list(session.scalars(query))


def _differences(session: Session, flow: str) -> Select[Any]:
    """By how much each counter is too small: what there is, less what was counted."""
    row, generation = ParticipantRow, col(ParticipantRow.generation)

    def there(measure: str, name: Any, *where: ColumnElement[bool]) -> Select[Any]:
        return (
            select(generation, literal(measure).label("measure"), name.label("name"), func.count().label("n"))
            .where(col(row.flow) == flow, *where)
            .group_by(generation, *([] if measure == "enrolled" else [name]))
        )

    postgresql = session.get_bind().dialect.name == "postgresql"
    each = (func.jsonb_array_elements_text if postgresql else func.json_each)(col(row.passed)).table_valued("value")
    passed = (
        select(generation, literal("passed").label("measure"), each.c.value.label("name"), func.count().label("n"))
        .select_from(row)
        .join(each, true())
    )
    measures = ("enrolled", "status", "reason", "waiting", "passed", "arm")
    succeeded = cast(col(row.arm), String) + literal(success_of(""), literal_execute=True)
    both = union_all(
        there("enrolled", literal("")),
        there("status", col(row.status)),
        there("reason", col(row.reason), col(row.reason).is_not(None)),
        there("waiting", col(row.step), col(row.status) == Status.ACTIVE),
        there("arm", col(row.arm), col(row.arm).is_not(None)),
        there("arm", succeeded, col(row.arm).is_not(None), col(row.converted_at).is_not(None)),
        passed.where(col(row.flow) == flow).group_by(generation, each.c.value),
        select(col(Tally.generation), col(Tally.measure), col(Tally.name), -col(Tally.count)).where(
            col(Tally.flow) == flow, col(Tally.measure).in_(measures)
        ),
    ).subquery()
    by = func.sum(both.c.n)
    return (
        select(both.c.generation, both.c.measure, both.c.name, by)
        .group_by(both.c.generation, both.c.measure, both.c.name)
        .having(by != 0)
        .order_by(both.c.generation, both.c.measure, both.c.name)
    )


def _fold(session: Session, flow: str, before: date) -> None:
    """Old days need no shards: add them up in one, so that a year of a flow stays small."""
    place = (col(Tally.generation), col(Tally.measure), col(Tally.name), col(Tally.day))
    old = (col(Tally.flow) == flow, col(Tally.day) < before, col(Tally.shard) > 0)
    gone = session.connection().execute(delete(Tally).where(*old).returning(*place, col(Tally.count))).all()
    for generation, measure, name, day, number in gone:
        count(session, flow, generation, 0, day, {(measure, name): number})  # type: ignore[dict-item]
