"""Migrations make exactly the tables that the models describe, on both databases."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import JSON, Connection, Enum, MetaData, NullPool, Table, create_engine, inspect, make_url, select
from sqlmodel import Session, col

from store.journeys import EffectRow
from store.migrate import OPTIONS, metadata, upgrade
from store.pending import PendingEffect
from tests.support.postgresql import PostgresServer


@contextmanager
def connected(to: str) -> Iterator[Connection]:
    url = make_url(to)
    driver = "sqlite" if url.get_backend_name() == "sqlite" else "postgresql+psycopg"
    with create_engine(url.set(drivername=driver), poolclass=NullPool).connect() as connection:
        yield connection


@pytest.fixture
def connection(database_url: str) -> Iterator[Connection]:
    with connected(database_url) as connection:
        yield connection


def test_migrations_equal_models(connection: Connection) -> None:
    context = MigrationContext.configure(connection, opts=OPTIONS)
    assert compare_metadata(context, metadata()) == []


def test_upgrade_again_changes_nothing(database_url: str, connection: Connection) -> None:
    before = sorted(inspect(connection).get_table_names())
    upgrade(database_url)
    assert sorted(inspect(connection).get_table_names()) == before
    assert {"person", "flow", "participant", "alembic_version"} <= set(before)


def test_processes_that_start_together_take_turns(tmp_path: Path) -> None:
    program = f"from store.migrate import upgrade; upgrade('sqlite:///{tmp_path}/new.db')"
    root = Path(__file__).parents[2]
    started = [subprocess.Popen([sys.executable, "-c", program], cwd=root) for _ in range(3)]
    assert [process.wait(timeout=120) for process in started] == [0, 0, 0]


@pytest.fixture(params=["sqlite", "postgresql"])
def empty_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The URL of a database without any table."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path}/empty.db"
    else:
        server: PostgresServer = request.getfixturevalue("postgres_server")
        server.create("empty")
        yield server.url("empty")
        server.drop("empty")


def test_mails_of_forms_that_wait_are_kept_by_the_update(empty_url: str) -> None:
    """They were in a table of their own, in no order; what they are of was known by the message alone."""
    upgrade(empty_url, "2c8854026581")
    with connected(empty_url) as connection, connection.begin():
        for effect, minute in (("late", 9), ("early", 5)):
            at = datetime(2026, 11, 30, 12, minute, tzinfo=UTC)
            of = {"effect": effect, "person": "kari"}
            _insert(connection, "effect", key=effect, planned_at=at)
            _insert(connection, "message", **of, id=effect, step="form:join", content=f"mail-{effect}", at=at)
            _insert(connection, "reply", **of, email={"subject": effect}, due=at, made_at=at)
    upgrade(empty_url)
    with connected(empty_url) as connection, Session(connection) as session:
        found = session.scalars(select(PendingEffect).order_by(col(PendingEffect.number))).all()
        assert [(row.effect, row.person, row.source, row.what) for row in found] == [
            ("early", "kari", "form:join", "Send e-mail mail-early"),
            ("late", "kari", "form:join", "Send e-mail mail-late"),
        ]
        assert [(row.request, row.due) for row in found] == [({"subject": row.effect}, row.made_at) for row in found]
        assert set(session.scalars(select(col(EffectRow.person)))) == {"kari"}


def _insert(connection: Connection, name: str, **given: object) -> None:
    """A row of an older table; what else it has to have is empty."""
    table = Table(name, MetaData(), autoload_with=connection)
    needed = {column.name: column.type for column in table.columns if not column.nullable and column.name not in given}
    empty = {column: {} if isinstance(type, JSON) else type.python_type() for column, type in needed.items()}
    connection.execute(table.insert(), {**empty, **given})


@pytest.mark.parametrize("table", metadata().sorted_tables, ids=lambda table: table.name)
def test_closed_choices_are_stored_as_text(table: Table) -> None:
    """SQLModel would store an enum's names ('QUEUED'), while partial indexes and people compare values ('queued')."""
    assert not [column for column in table.columns if isinstance(column.type, Enum)]
