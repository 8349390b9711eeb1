"""`python -m bench`: measure, and write bench/results.md. Loopback only; ends by itself within nine minutes."""

import asyncio
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path

from sqlalchemy.exc import OperationalError

from bench import enrolments, journeys, pauses, report, statistics
from bench.machine import Machine
from bench.stand import pair, stand
from tests.support.postgresql import NotInstalled, PostgresServer, postgres_server

RESULTS = Path(__file__).with_name("results.md")
LIMIT, ENDING = 530, 10
SQLITE_SECONDS, POSTGRES_SECONDS = 75, 75


async def main(folder: Path, postgres: PostgresServer | None, notes: list[str]) -> report.Results:
    """Measure everything, on SQLite and, if there is one, on PostgreSQL."""
    end = asyncio.get_running_loop().time() + LIMIT - ENDING
    machine = Machine.here(folder)
    async with stand(folder) as servers:
        sqlite = {side: f"sqlite:///{folder / side}.db" for side in ("ferd", "by-hand")}
        async with pair(servers, sqlite["ferd"], sqlite["by-hand"], "sqlite") as both:
            print("Journeys on SQLite", flush=True)
            found = [await journeys.measure(servers, both, "SQLite", SQLITE_SECONDS)]
            print("Pause and resume", flush=True)
            paused = await pauses.measure(both)
            print("Enrolments", flush=True)
            enrolled = await enrolments.measure(both)
        numbers = None
        if postgres is not None:
            for side in sqlite:
                postgres.create(side)
            try:
                async with (
                    asyncio.timeout_at(end),
                    pair(servers, postgres.url("ferd"), postgres.url("by-hand"), "postgresql") as both,
                ):
                    print("Journeys on PostgreSQL", flush=True)
                    found.append(await journeys.measure(servers, both, "PostgreSQL", POSTGRES_SECONDS))
            except TimeoutError:
                notes.append("PostgreSQL was not measured: no time was left.")
            print("Statistics on PostgreSQL", flush=True)
            try:
                postgres.create("statistics")
                numbers = await statistics.measure(postgres.url("statistics"))
            except OperationalError as error:
                notes.append(f"Statistics were not measured: {type(error.orig).__name__}.")
    return report.Results(machine, found, enrolled, paused, numbers, notes)


async def _within_limit(folder: Path, postgres: PostgresServer | None, notes: list[str]) -> report.Results:
    async with asyncio.timeout(LIMIT):
        return await main(folder, postgres, notes)


if __name__ == "__main__":
    with ExitStack() as opened:
        notes: list[str] = []
        folder = Path(opened.enter_context(tempfile.TemporaryDirectory(prefix="ferd-bench-")))
        server: PostgresServer | None = None
        try:
            server = opened.enter_context(postgres_server())
            notes.append("PostgreSQL ran without fsync, as in the tests.")
        except NotInstalled as error:
            notes.append(f"PostgreSQL was not measured. {error}.")
        try:
            results = asyncio.run(_within_limit(folder, server, notes))
        except TimeoutError:
            sys.exit(f"Not done within {LIMIT} s; bench/results.md is as it was. Run it on a less busy machine.")
    page = report.write(results)
    RESULTS.write_text(page)
    print(page)
