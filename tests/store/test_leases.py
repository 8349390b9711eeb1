"""Work that is a row is done by one worker at a time, and not lost with it."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import text
from sqlmodel import Session, col, select

from store.database import Database
from store.leases import lease
from store.pulling import ToldRow

NOW = datetime(2026, 12, 1, tzinfo=UTC)
UNTIL = NOW + timedelta(minutes=2)


@pytest.fixture
def db(database_url: str) -> Iterator[Database]:
    db = Database(database_url)
    rows = [ToldRow(id=id, event="e", key=1, due=NOW) for id in "ab"]
    db.transact(lambda session: session.add_all(rows))
    yield db
    db.close()


def take(session: Session, now: datetime, most: int = 1) -> Sequence[ToldRow]:
    due = select(ToldRow).where(col(ToldRow.due) <= now).order_by(col(ToldRow.id)).limit(most)
    return lease(session, due, UNTIL)


def test_what_one_worker_has_no_other_does_until_it_is_given_up_as_lost(db: Database) -> None:
    (first,) = db.transact(lambda session: take(session, NOW))
    (second,) = db.transact(lambda session: take(session, NOW))
    assert (first.id, second.id) == ("a", "b")
    assert not db.transact(lambda session: take(session, UNTIL - timedelta(seconds=1)))
    again = db.transact(lambda session: take(session, UNTIL, most=2))
    assert [row.id for row in again] == ["a", "b"]


def test_what_another_worker_is_just_taking_is_left_out_and_not_waited_for(db: Database) -> None:
    if db.sqlite:
        pytest.skip("one writer at a time")

    def other(session: Session) -> Sequence[ToldRow]:
        session.connection().execute(text("SET LOCAL lock_timeout = '1s'"))
        return take(session, NOW)

    def both(session: Session) -> tuple[Sequence[ToldRow], Sequence[ToldRow]]:
        return take(session, NOW), db.transact(other)

    (first,), (second,) = db.transact(both)
    assert (first.id, second.id) == ("a", "b")
