"""A team's own worker that carries ferd's journeys beside its own workflows: `python examples/own_worker/run.py`."""

import asyncio

from greeting import Greeting
from temporalio.client import Client
from temporalio.envconfig import ClientConfig
from temporalio.worker import Worker

from settings import load_settings
from worker import FerdPlugin


async def main() -> None:
    where = ClientConfig.load_client_connect_config()
    client = await Client.connect(**where, plugins=[FerdPlugin(load_settings())])
    async with Worker(client, task_queue="ferd", workflows=[Greeting]):
        print("Carrying ferd's journeys and our own greetings.", flush=True)
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main())
