"""A fresh, migrated database for each test: a copy of one that was migrated once in the run."""

import sqlite3
from contextlib import closing
from itertools import count
from pathlib import Path
from typing import Protocol

from tests.support.postgresql import PostgresServer


class Databases(Protocol):
    def create(self) -> str:
        """Make a database and answer its URL."""

    def drop(self, url: str) -> None:
        """Remove a database that `create` made, whoever is still connected."""


class SqliteDatabases:
    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._numbers = count(1)
        self._template = folder / "template.db"
        _migrate(f"sqlite:///{self._template}")

    def create(self) -> str:
        path = self._folder / f"test_{next(self._numbers)}.db"
        with closing(sqlite3.connect(self._template)) as template, closing(sqlite3.connect(path)) as copy:
            template.backup(copy)
        return f"sqlite:///{path}"

    def drop(self, url: str) -> None:
        for path in self._folder.glob(Path(url.removeprefix("sqlite:///")).name + "*"):
            path.unlink()


class PostgresDatabases:
    TEMPLATE = "ferd_template"

    def __init__(self, server: PostgresServer) -> None:
        self._server = server
        self._numbers = count(1)
        server.create(self.TEMPLATE)
        _migrate(server.url(self.TEMPLATE))

    def create(self) -> str:
        name = f"test_{next(self._numbers)}"
        self._server.create(name, self.TEMPLATE)
        return self._server.url(name)

    def drop(self, url: str) -> None:
        self._server.drop(url.rpartition("/")[2])


def _migrate(url: str) -> None:
    # Imported late: tests of pure code run without the store.
    from store.migrate import upgrade

    upgrade(url)
