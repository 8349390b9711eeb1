"""Inserting what may be there already, on both databases."""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy.dialects import postgresql, sqlite
from sqlmodel import Session, SQLModel

_CHUNK = 500  # rows in a statement: SQLite takes 32,766 values


def insert_new(session: Session, table: type[SQLModel], rows: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Insert the rows whose key is not there yet and answer these; the others stay as they are.

    Waits for another transaction that is inserting the same key.
    """
    insert = sqlite.insert if session.get_bind().dialect.name == "sqlite" else postgresql.insert
    key = list(table.__table__.primary_key.columns)  # type: ignore[attr-defined]
    inserted: set[tuple[Any, ...]] = set()
    for first in range(0, len(rows), _CHUNK):
        statement = insert(table).values([dict(row) for row in rows[first : first + _CHUNK]])
        done = session.execute(statement.on_conflict_do_nothing().returning(*key))
        inserted.update(tuple(row) for row in done)
    return [row for row in rows if tuple(row[column.name] for column in key) in inserted]
