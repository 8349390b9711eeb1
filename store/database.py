"""Transactions: how the rest of ferd reads and writes.

Work against the store is plain synchronous code, `work(session)`. A call runs it as one transaction, from async code in
a thread of our own, so that the event loop never waits for a disk. SQLite takes one writer at a time: writers share one
connection and queue for it in order, readers have their own and never wait. PostgreSQL takes many; two transactions
that get in each other's way are tried again.
"""

import asyncio
import fcntl
import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from hashlib import blake2b
from threading import Lock
from typing import Any, TypeVar

from sqlalchemy import Engine, create_engine, event, make_url, text
from sqlalchemy.exc import DBAPIError, OperationalError
from sqlmodel import Session

T = TypeVar("T")

AS_WRITTEN: dict[str, Any] = {"autoflush": False}
"""Execution options of a read that needs nothing of what this transaction has yet to write: so that is written once."""

_CONFLICTS = {"40001", "40P01"}  # serialization failure, deadlock: PostgreSQL asks for another try
_TRIES = 5
_POSTGRES_CONNECTIONS = 16
_BRAKES = 0x6272616B65  # "brake": any constant of our own
_NEWCOMERS = 0x6E6577  # "new": another
_LOCK_ALONE = text("SELECT pg_advisory_xact_lock(:key)")
_LOCK_SHARED = text(f"SELECT pg_advisory_xact_lock_shared(:key), pg_advisory_xact_lock_shared({_BRAKES})")
_LOCK_NEWCOMER = text(f"SELECT pg_advisory_xact_lock_shared({_NEWCOMERS}), pg_advisory_xact_lock(:key)")
_SQLITE_READERS = 4
_BUSY = 30  # seconds that SQLite waits for another process


class Database:
    """One store, by URL. `close()` when done."""

    def __init__(self, url: str) -> None:
        self.url = make_url(url)
        self.sqlite = self.url.get_backend_name() == "sqlite"
        if self.sqlite:
            self._writer = _sqlite(self.url.render_as_string(False), size=1, begin="BEGIN IMMEDIATE")
            self._reader = _sqlite(self.url.render_as_string(False), size=_SQLITE_READERS, begin="BEGIN")
        else:
            self._writer = self._reader = create_engine(
                self.url.set(drivername="postgresql+psycopg"),
                pool_size=_POSTGRES_CONNECTIONS,
                pool_pre_ping=True,
                hide_parameters=True,  # errors reach logs, values are personal (SAFE_4)
            )
        file = self.url.database if self.sqlite else None
        in_file = file not in (None, "", ":memory:")
        self._turns = os.open(f"{file}.turns", os.O_RDWR | os.O_CREAT, 0o600) if in_file else None
        self._one_thread = Lock()
        writers = 1 if self.sqlite else _POSTGRES_CONNECTIONS
        self._write_threads = ThreadPoolExecutor(writers, "ferd-write")
        self._read_threads = ThreadPoolExecutor(_SQLITE_READERS, "ferd-read")

    @property
    def engines(self) -> tuple[Engine, ...]:
        """The engines in use, for instrumentation."""
        return (self._writer,) if self._reader is self._writer else (self._writer, self._reader)

    async def write(self, work: Callable[[Session], T]) -> T:
        """Run `work` as one transaction: all of it is kept, or nothing if it raises. May run more than once."""
        return await asyncio.get_running_loop().run_in_executor(self._write_threads, self.transact, work)

    async def read(self, work: Callable[[Session], T]) -> T:
        """Run `work` in a transaction that only reads."""
        return await asyncio.get_running_loop().run_in_executor(self._read_threads, self.look, work)

    def transact(self, work: Callable[[Session], T]) -> T:
        """`write` for synchronous callers."""
        for attempt in range(1, _TRIES + 1):
            try:
                with self._turn(), Session(self._writer, expire_on_commit=False) as session, session.begin():
                    answer = work(session)
                    for at_end in session.info.pop("at_end", {}).values():
                        at_end(session)
                    return answer
            except DBAPIError as error:
                if attempt == _TRIES or getattr(error.orig, "sqlstate", None) not in _CONFLICTS:
                    raise
        raise AssertionError("unreachable")

    @contextmanager
    def _turn(self) -> Iterator[None]:
        """On SQLite, this process's turn among those that write to the same file.

        SQLite itself makes who finds the file locked sleep and try again, for up to a tenth of a second, while a busy
        writer comes back at once: a command could wait for seconds behind a worker. The kernel lets them queue.
        """
        if self._turns is None:
            yield
            return
        with self._one_thread:
            fcntl.flock(self._turns, fcntl.LOCK_EX)
            try:
                yield
            finally:
                fcntl.flock(self._turns, fcntl.LOCK_UN)

    def look(self, work: Callable[[Session], T]) -> T:
        """`read` for synchronous callers."""
        with Session(self._reader, expire_on_commit=False) as session:
            return work(session)

    def ready(self) -> bool:
        """Whether the store answers."""
        try:
            return bool(self.look(lambda session: session.connection().scalar(text("SELECT 1"))))
        except OperationalError:
            return False

    def scrub(self) -> None:
        """Leave nothing of what was erased in SQLite's log beside the file. PostgreSQL's VACUUM does so in its time."""
        if self.sqlite:
            with self._turn(), closing(self._writer.raw_connection()) as connection:
                # A reader that is under way is waited for shortly: writers stand behind us. What stays goes next time.
                for pragma in ("busy_timeout=1000", "wal_checkpoint(TRUNCATE)", f"busy_timeout={_BUSY * 1000}"):
                    connection.cursor().execute(f"PRAGMA {pragma}")

    def close(self) -> None:
        """End the threads and connections; running transactions finish first."""
        self._write_threads.shutdown()
        self._read_threads.shutdown()
        for engine in self.engines:
            engine.dispose()
        if self._turns is not None:
            os.close(self._turns)
            self._turns = None


def at_end(session: Session, work: Callable[[Session], None]) -> None:
    """Have something done once, as the last of this transaction; asked for twice, it is done once."""
    session.info.setdefault("at_end", {})[work] = work


def lock_flow(session: Session, flow: str, *, exclusive: bool = False) -> None:
    """Take the flow's lock until the transaction ends: effects and enrolments share it, commands take it alone.

    Who shares it also shares the lock of the brakes for all flows. SQLite needs none: its writers already take turns.
    """
    if session.get_bind().dialect.name == "postgresql":
        session.connection().execute(_LOCK_ALONE if exclusive else _LOCK_SHARED, {"key": _key(flow)})


def lock_brakes(session: Session) -> None:
    """Take the lock of the brakes for all flows alone: no effect and no enrolment begins meanwhile (LIFE_16)."""
    if session.get_bind().dialect.name == "postgresql":
        session.connection().execute(_LOCK_ALONE, {"key": _BRAKES})


def lock_newcomers(session: Session, address: str | None = None) -> None:
    """Before somebody is looked for who may be new: nobody else makes a person of this address meanwhile, or of any.

    Taken before all other locks. Without it two who look at once would both find nobody, and make the person twice.
    """
    if session.get_bind().dialect.name == "postgresql":
        if address is None:
            session.connection().execute(_LOCK_ALONE, {"key": _NEWCOMERS})
        else:
            session.connection().execute(_LOCK_NEWCOMER, {"key": _key(f"address {address}")})


def _key(name: str) -> int:
    return int.from_bytes(blake2b(name.encode(), digest_size=8).digest(), "big", signed=True)


def _sqlite(url: str, *, size: int, begin: str) -> Engine:
    engine = create_engine(
        url,
        pool_size=size,
        max_overflow=0,
        pool_timeout=60,
        hide_parameters=True,
        connect_args={"check_same_thread": False, "timeout": _BUSY, "isolation_level": None},
    )

    @event.listens_for(engine, "connect")
    def connected(connection: Any, _record: Any) -> None:
        # WAL lets readers read while one writes. FULL: a commit survives a power cut, or a mail that was sent could be
        # forgotten and sent again (SAFE_1).
        # secure_delete: what is erased is overwritten (PART_8).
        for pragma in (
            "journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "cache_size=-65536", "secure_delete=ON"
        ):  # fmt: skip
            connection.execute(f"PRAGMA {pragma}")

    @event.listens_for(engine, "begin")
    def began(connection: Any) -> None:
        # A writer that first reads and then wants to write would meet another one half way: take the lock at once.
        connection.exec_driver_sql(begin)

    return engine
