"""A PostgreSQL server of the system's package in a temporary folder."""

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg
from psycopg import sql

from tests.support.ports import free_port

START_SECONDS = 120


class NotInstalled(Exception):
    """PostgreSQL is not on this machine; the message says how to get it."""


@dataclass(frozen=True)
class PostgresServer:
    """A running server on the loopback address; the user is `postgres`, without a password."""

    port: int

    def url(self, database: str) -> str:
        return f"postgresql://postgres@127.0.0.1:{self.port}/{database}"

    def create(self, database: str, template: str = "template1") -> None:
        self._run(sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(sql.Identifier(database), sql.Identifier(template)))

    def drop(self, database: str) -> None:
        self._run(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(database)))

    def _run(self, statement: sql.Composed) -> None:
        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            connection.execute(statement)


def binaries() -> Path:
    """The folder with initdb and postgres: Debian's newest, else the one on PATH."""
    debian = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda found: int(found.parts[-3]))
    if debian:
        return debian[-1].parent
    found = shutil.which("initdb")
    if found is None:
        raise NotInstalled("PostgreSQL is not installed: apt-get install postgresql, or brew install postgresql")
    return Path(found).resolve().parent


@contextmanager
def postgres_server() -> Iterator[PostgresServer]:
    """Start a server without durability, which tests do not need, and stop it at the end."""
    folder, port = binaries(), free_port()
    # PostgreSQL refuses to run as root.
    user = _unprivileged() if os.geteuid() == 0 else None
    group, others = (None, None) if user is None else (pwd.getpwuid(user).pw_gid, ())
    home = Path(tempfile.mkdtemp(prefix="ferd-postgres-"))
    if user is not None:
        shutil.chown(home, user, group)
    options = {
        "listen_addresses": "127.0.0.1",
        "port": str(port),
        "unix_socket_directories": str(home),
        "fsync": "off",
        "synchronous_commit": "off",
        "full_page_writes": "off",
        "max_connections": "200",
    }
    data = str(home / "data")
    initdb = [str(folder / "initdb"), "-D", data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--no-locale", "-N"]
    serve = [str(folder / "postgres"), "-D", data, *(f"--{name}={value}" for name, value in options.items())]
    try:
        with (home / "log").open("w") as log:
            subprocess.run(
                initdb, check=True, cwd=home, stdout=log, stderr=log, user=user, group=group, extra_groups=others
            )
            server = subprocess.Popen(
                serve, cwd=home, stdout=log, stderr=log, user=user, group=group, extra_groups=others
            )
        try:
            _wait_until_ready(PostgresServer(port), server)
            yield PostgresServer(port)
        finally:
            server.send_signal(signal.SIGINT)  # PostgreSQL's fast shutdown
            server.wait(START_SECONDS)
    except (subprocess.CalledProcessError, TimeoutError) as error:
        raise RuntimeError(f"PostgreSQL did not start:\n{(home / 'log').read_text()}") from error
    finally:
        shutil.rmtree(home, ignore_errors=True)


def _unprivileged() -> int:
    try:
        return pwd.getpwnam("postgres").pw_uid
    except KeyError:
        return pwd.getpwnam("nobody").pw_uid


def _wait_until_ready(server: PostgresServer, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + START_SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        try:
            psycopg.connect(server.url("postgres")).close()
        except psycopg.OperationalError:
            time.sleep(0.05)
        else:
            return
    raise TimeoutError
