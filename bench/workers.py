"""`python -m bench.workers ferd|by-hand`: one worker process, set up by ferd's settings, until it is ended."""

import asyncio
import signal
import sys
from urllib.parse import urlsplit

from temporalio.client import Client
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.envconfig import ClientConfig
from temporalio.worker import Worker

import worker as ferd
from bench.by_hand_activities import ByHandActivities
from bench.by_hand_contract import TASK_QUEUE
from bench.by_hand_workflow import WelcomeWorkflow
from settings import Settings, load_settings
from store.database import Database


async def by_hand(settings: Settings) -> None:
    """The hand-written journey's worker, with the SDK's own defaults, as ferd's."""
    client = await Client.connect(**ClientConfig.load_client_connect_config(), data_converter=pydantic_data_converter)
    database = Database(settings.database_url.get_secret_value())
    smtp = urlsplit(settings.smtp_url.get_secret_value())
    activities = ByHandActivities(database, smtp.hostname or "", smtp.port or 0)
    ended = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, ended.set)
    async with Worker(
        client,
        task_queue=TASK_QUEUE,
        workflows=[WelcomeWorkflow],
        activities=[activities.send_email, activities.update_person],
    ):
        await ended.wait()
    database.close()


if __name__ == "__main__":
    asyncio.run({"ferd": ferd.main, "by-hand": by_hand}[sys.argv[1]](load_settings()))
