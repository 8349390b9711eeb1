"""`python -m bench.proofs [--share 0.1] [--postgresql] [--source selection|list|csv] [queue|enrolling|adapters]`.

Loopback only. Each proof ends by itself, and with exit status 1 when something does not hold. One of full size writes
its figures and the machine to bench/proofs/NAME.md.
"""

import argparse
import asyncio
import logging
import sys
import tempfile
from collections.abc import Awaitable, Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import get_args

from temporalio.testing import WorkflowEnvironment

from bench.machine import Machine
from bench.proofs import adapters, crms, enrolling, queue
from bench.proofs.findings import DoesNotHold, Findings
from bench.proofs.providers import Misfortune
from bench.stand import temporal
from store.migrate import upgrade
from tests.support.postgresql import postgres_server
from tests.support.world import world as make_world
from workflows.contract import TASK_QUEUE

# How many get a workflow too, of a hundred: a development server starts fifty to a hundred a second.
STARTED = 5
# Less than two pages could not be broken off half way.
LEAST = 600
# With fewer journeys perhaps nothing would go wrong.
FEW = 12


@dataclass(frozen=True, slots=True)
class Given:
    """What a proof works with: a Temporal server, a database, a folder, and how much of the full size."""

    env: WorkflowEnvironment
    url: str
    folder: Path
    share: float
    source: enrolling.Source
    found: Findings


async def _queue(given: Given) -> None:
    door = queue.Door()
    async with make_world(given.env, given.url, given.folder, worker=False, inbox=door) as world:
        await queue.prove(world, door, int(20_000 * given.share), given.found)


async def _enrolling(given: Given) -> None:
    number = int(100_000 * given.share)
    for into, people in (("paused", number), ("running", number * STARTED // 100)):
        given.found.note(f"into a {into} flow", "")
        async with make_world(given.env, given.url, given.folder, worker=False, queue=TASK_QUEUE) as world:
            await enrolling.prove(world, max(people, LEAST), given.found, paused=into == "paused", source=given.source)


async def _adapters(given: Given) -> None:
    logging.getLogger("temporalio").setLevel(logging.ERROR)  # of every try that failed it would tell
    for name, adapter in adapters.ADAPTERS.items():
        make = partial(make_world, given.env, given.url, given.folder)
        async with adapter(make, Misfortune(silent=True)) as one:
            await adapters.prove(one, name, max(FEW, int(crms.MOST * given.share)), given.found)


@dataclass(frozen=True, slots=True)
class Proof:
    """What is proven, how, and how many minutes it may take."""

    what: str
    run: Callable[[Given], Awaitable[None]]
    minutes: int = 60


PROOFS = {
    "queue": Proof("20,000 effects are queued: pause, end and stop", _queue, minutes=90),
    "adapters": Proof(
        "1,000 journeys through each adapter, a fifth of whose calls are done and not heard of", _adapters
    ),
    "enrolling": Proof("100,000 people are enrolled in one call, and a process is killed half way", _enrolling),
}


async def main(name: str, databases: Mapping[str, str], folder: Path, asked: argparse.Namespace) -> None:
    """One proof, on each database. Raises DoesNotHold, and TimeoutError."""
    proof, machine, page = PROOFS[name], Machine.here(folder), []
    print(f"{proof.what} (x {asked.share:g})", flush=True)
    for database, url in databases.items():
        print(database, flush=True)
        upgrade(url)
        found, room = Findings(), folder / database
        room.mkdir()
        async with asyncio.timeout(proof.minutes * 60), temporal(room) as (_, client):
            env = WorkflowEnvironment.from_client(client)
            await proof.run(Given(env, url, room, asked.share, asked.source, found))
        if found.slow and asked.share == 1:
            raise DoesNotHold("; ".join(found.slow))
        page += ["", f"## {database}", "", *found.page()]
    if asked.share == 1:
        head = [f"# {proof.what}", "", f"`python -m bench.proofs {name}` writes this page. {machine}"]
        Path(__file__).with_name(f"{name}.md").write_text("\n".join([*head, *page, ""]))


def _asked() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.proofs", description="Proofs of full size.")
    parser.add_argument("names", nargs="*", choices=[*PROOFS, []], help="which; all, if none is named")
    parser.add_argument("--share", type=float, default=1, help="of the full size, such as 0.1; writes no page")
    parser.add_argument("--postgresql", action="store_true", help="also on PostgreSQL")
    parser.add_argument("--source", choices=get_args(enrolling.Source), default="selection", help="whom to enrol")
    return parser.parse_args()


if __name__ == "__main__":
    asked = _asked()
    for name in asked.names or PROOFS:
        with ExitStack() as opened:
            folder = Path(opened.enter_context(tempfile.TemporaryDirectory(prefix="ferd-proof-")))
            databases = {"SQLite": f"sqlite:///{folder / 'ferd.db'}"}
            if asked.postgresql:
                server = opened.enter_context(postgres_server())
                server.create(name)
                databases["PostgreSQL"] = server.url(name)
            try:
                asyncio.run(main(name, databases, folder, asked))
            except (DoesNotHold, TimeoutError) as error:
                sys.exit(f"{name} does not hold: {error or 'it took too long'}")
