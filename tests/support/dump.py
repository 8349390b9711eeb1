"""Everything a store holds, to be compared: what must change nothing changes no row of any table."""

from typing import Any

from sqlalchemy import select
from sqlmodel import Session

from store.database import Database
from store.migrate import metadata

Contents = dict[str, list[tuple[Any, ...]]]


async def contents(db: Database) -> Contents:
    """Every row of every table, in the order of the keys."""

    def look(session: Session) -> Contents:
        tables = metadata().sorted_tables
        return {
            table.name: [tuple(row) for row in session.execute(select(table).order_by(*table.primary_key.columns))]
            for table in tables
        }

    return await db.read(look)
