"""Brings a database's tables up to date.

After a change of tables, write the next revision by comparing an empty, migrated database with the models, read it, and
commit it:

    python -m store.migrate "what changed"
    ruff check --fix store/migrations && ruff format store/migrations

Migrations go forward only: a release that must go back is restored from a backup.
"""

import pkgutil
import sys
import tempfile
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any, Literal

from alembic import command
from alembic.autogenerate.api import AutogenContext
from alembic.config import Config
from sqlalchemy import JSON, Connection, Engine, Enum, MetaData, String, create_engine, event, make_url, text
from sqlalchemy.pool import NullPool
from sqlmodel import AutoString, SQLModel

import store
from store.columns import Amount, Choice, Moment

_LOCK = 0x66657264  # "ferd": any constant of our own


def upgrade(url: str, revision: str = "head") -> None:
    """Make or update the tables of the database at `url`, up to a revision; nothing where they are up to date.

    Processes that start together take turns. Raises sqlalchemy.exc.OperationalError if the database cannot be reached.
    """
    _run(url, lambda config: command.upgrade(config, revision))


def revise(message: str) -> None:
    """Write a revision that makes the tables equal to the models."""
    with tempfile.TemporaryDirectory() as folder:
        url = f"sqlite:///{folder}/migrated.db"
        upgrade(url)
        _run(url, lambda config: command.revision(config, message, autogenerate=True))


def metadata() -> MetaData:
    """The tables of every module in this package."""
    for module in pkgutil.iter_modules(store.__path__, "store."):
        if not module.ispkg and module.name != __name__:
            import_module(module.name)
    return SQLModel.metadata


def _render(kind: str, item: Any, context: AutogenContext) -> str | Literal[False]:
    """Column types in plain SQLAlchemy: a migration must not change its meaning when our code does."""
    if kind != "type":
        return False
    if isinstance(item, Moment):
        return "sa.DateTime(timezone=True)"
    if isinstance(item, JSON):
        context.imports.add("from sqlalchemy.dialects import postgresql")
        return 'sa.JSON().with_variant(postgresql.JSONB(), "postgresql")'
    # Closed choices are text, so that a new one needs no migration.
    if isinstance(item, AutoString | Amount | Choice | Enum | String):
        return "sa.String()"
    return False


OPTIONS: dict[str, Any] = {"render_item": _render, "compare_server_default": True, "transactional_ddl": True}
"""How Alembic compares models with tables, and writes and applies the difference."""


def _run(url: str, work: Callable[[Config], object]) -> None:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations").replace("%", "%%"))
    engine = _engine(url)
    try:
        with engine.begin() as connection:
            if connection.dialect.name == "postgresql":
                connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
            config.attributes["connection"] = connection
            work(config)
    finally:
        engine.dispose()


def _engine(url: str) -> Engine:
    parsed = make_url(url)
    if parsed.get_backend_name() != "sqlite":
        return create_engine(parsed.set(drivername="postgresql+psycopg"), poolclass=NullPool)
    engine = create_engine(parsed, poolclass=NullPool, connect_args={"isolation_level": None, "timeout": 30})

    @event.listens_for(engine, "begin")
    def began(connection: Connection) -> None:
        # Python's driver would commit before each change of a table; one transaction holds the whole upgrade instead.
        connection.exec_driver_sql("BEGIN IMMEDIATE")

    return engine


if __name__ == "__main__":
    revise(" ".join(sys.argv[1:]) or sys.exit('say what changed: python -m store.migrate "what changed"'))
