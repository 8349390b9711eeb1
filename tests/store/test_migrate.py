"""Migrations make exactly the tables that the models describe, on both databases."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection, Enum, NullPool, Table, create_engine, inspect, make_url

from store.migrate import OPTIONS, metadata, upgrade


@pytest.fixture
def connection(database_url: str) -> Iterator[Connection]:
    url = make_url(database_url)
    driver = "sqlite" if url.get_backend_name() == "sqlite" else "postgresql+psycopg"
    with create_engine(url.set(drivername=driver), poolclass=NullPool).connect() as connection:
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


@pytest.mark.parametrize("table", metadata().sorted_tables, ids=lambda table: table.name)
def test_closed_choices_are_stored_as_text(table: Table) -> None:
    """SQLModel would store an enum's names ('QUEUED'), while partial indexes and people compare values ('queued')."""
    assert not [column for column in table.columns if isinstance(column.type, Enum)]
