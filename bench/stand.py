"""What is measured on: one Temporal server, one mail server, and a worker process for each side."""

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from functools import partial
from itertools import count, islice
from pathlib import Path

import aiosmtplib
from temporalio.client import Client
from temporalio.contrib.pydantic import pydantic_data_converter

import temporal_server
from activities.core import Core
from bench.processes import Process, module, process
from bench.sides import ByHand, Ferd, add_people
from settings import Settings
from store.database import Database
from store.migrate import upgrade
from tests.support.ports import free_port
from worker import FerdPlugin
from workflows.contract import SEARCH_ATTRIBUTES

KEY = "bench-" * 6
PEOPLE = 4_000
LOOPBACK = "127.0.0.1"


@dataclass(frozen=True, slots=True)
class Stand:
    """The servers that both sides share."""

    folder: Path
    address: str
    temporal: Process
    smtp_port: int
    client: Client

    async def mails(self) -> int:
        """How many mails the mail server has taken."""
        async with aiosmtplib.SMTP(hostname=LOOPBACK, port=self.smtp_port, local_hostname="localhost") as smtp:
            answer = await smtp.vrfy("all")
        return int(answer.message)


@dataclass(frozen=True, slots=True)
class Pair:
    """Both sides, on one kind of database. `people` gives people who took part in nothing yet."""

    ferd: Ferd
    by_hand: ByHand
    _ids: Iterator[str]

    def people(self, number: int) -> Sequence[str]:
        """The next people."""
        people = list(islice(self._ids, number))
        if len(people) < number:
            raise RuntimeError("All people are used up: raise PEOPLE.")
        return people


@asynccontextmanager
async def stand(folder: Path) -> AsyncIterator[Stand]:
    """Start the servers; they end with the block."""
    smtp_port = free_port()
    async with temporal(folder) as (process_of_it, client):
        with process(module("bench.sink", str(smtp_port)), folder / "sink.log"):
            address = client.service_client.config.target_host
            yield Stand(folder, address, process_of_it, smtp_port, client)


@asynccontextmanager
async def temporal(folder: Path) -> AsyncIterator[tuple[Process, Client]]:
    """A development server with its file in the folder; it ends with the block."""
    port = free_port()
    command = temporal_server.start_dev_command(port, free_port(), folder / "temporal.db")
    with process(command, folder / "temporal.log") as server:
        client = await _connected(f"{LOOPBACK}:{port}")
        await temporal_server.register(client, SEARCH_ATTRIBUTES)
        yield server, client


@asynccontextmanager
async def pair(on: Stand, ferd_url: str, by_hand_url: str, name: str) -> AsyncIterator[Pair]:
    """Both sides with their workers, on the databases given; `name` tells this pair's people and flows from others'."""
    with _worker(on, "ferd", ferd_url, name) as ferd_worker, _worker(on, "by-hand", by_hand_url, name) as hand_worker:
        settings = Settings.model_validate(
            {
                "home": on.folder,
                "api_key": KEY,
                "secret_keys": [KEY],
                "database_url": ferd_url,
                "smtp_url": _smtp_url(on),
            }
        )
        client = await Client.connect(on.address, plugins=[FerdPlugin(settings)])
        ids = [f"{name}-{number:05}" for number in range(PEOPLE)]
        hand_database, database = Database(by_hand_url), Database(ferd_url)
        try:
            for each in (hand_database, database):
                await each.write(partial(add_people, people=ids))
            ferd = Ferd(Core.build(database, client), client, ferd_worker, f"reference-{name}")
            await ferd.set_up()
            yield Pair(ferd, ByHand(on.client, hand_worker), iter(ids))
        finally:
            hand_database.close()
            database.close()


@contextmanager
def _worker(on: Stand, side: str, url: str, name: str) -> Iterator[Process]:
    upgrade(url)
    environment = {
        "TEMPORAL_ADDRESS": on.address,
        "FERD_HOME": str(on.folder),
        "FERD_API_KEY": KEY,
        "FERD_SECRET_KEYS": KEY,
        "FERD_DATABASE_URL": url,
        "FERD_SMTP_URL": _smtp_url(on),
    }
    with process(module("bench.workers", side), on.folder / f"{side}-{name}.log", **environment) as worker:
        yield worker


def _smtp_url(on: Stand) -> str:
    return f"smtp://{LOOPBACK}:{on.smtp_port}"


async def _connected(address: str) -> Client:
    """A client like a team's own, once the server answers."""
    for attempt in count(1):
        try:
            return await Client.connect(address, data_converter=pydantic_data_converter)
        except RuntimeError:
            if attempt == 200:
                raise
            await asyncio.sleep(0.1)
    raise AssertionError("unreachable")
