"""The worker: `ferd worker`, and `FerdPlugin` for a team's own worker.

    client = await Client.connect("localhost:7233", plugins=[FerdPlugin(load_settings())])
    async with Worker(client, task_queue="ferd", workflows=[TheirOwn]):
        ...

The plugin brings ferd's workflows, its activities with their database and mail connections, the pydantic converter and
the sandbox settings. Pass it to `Client.connect` only: workers made with that client take it from there.
"""

import asyncio
import signal
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from typing import Any

from temporalio.client import Client
from temporalio.contrib.pydantic import PydanticPayloadConverter
from temporalio.converter import DataConverter
from temporalio.envconfig import ClientConfig
from temporalio.plugin import SimplePlugin
from temporalio.worker import Worker, WorkerConfig

import telemetry
from activities.core import Core, now
from activities.crm.suppression import Suppression
from activities.files import StoredFiles
from activities.journeys.pace import Limits
from activities.mail.smtp import SmtpMail
from activities.mail.tokens import Tokens
from activities.outside import choice, webhook
from activities.outside.superoffice.client import Access, SuperOffice
from activities.outside.superoffice.copying import Copy
from activities.outside.superoffice.effects import SuperOfficeCrm
from activities.outside.superoffice.lists import Lists
from activities.outside.superoffice.pulling import Pull
from activities.outside.superoffice.reading import Reading
from activities.outside.superoffice.telling import Following
from activities.ports import Ports
from activities.responses.handing import Handing
from activities.responses.notices import Notices
from activities.responses.outbox import Outbox, Waiting
from activities.scripts.runs import ScriptRunner
from activities.sms.twilio import TwilioSms
from activities.upkeep.retention import Retention
from activities.web import Web
from activities.webhooks.calls import WebhookCalls
from activities.webhooks.deliveries import Deliveries
from flows.ports import CallWebhook, Email, Port, Sms
from flows.steps.base import Channel
from flows.units import Rate
from settings import Settings
from store.database import Database
from workflows.contract import TASK_QUEUE, control_queue
from workflows.flow import FlowWorkflow
from workflows.journey import JourneyWorkflow
from workflows.recurrence import RecurrenceWorkflow
from workflows.repeat import RepeatWorkflow

# Longer than a mail takes: who is at work when the worker is asked to end may answer.
GRACE = timedelta(seconds=25)
# Activities at once, and mail connections: a mail that has passed the gate never queues for a connection.
AT_ONCE = 32


class FerdPlugin(SimplePlugin):
    """All of ferd for a Temporal client and its workers.

    Each worker gets a store and a mail connection of its own, opened when it starts and closed when it ends.
    """

    def __init__(self, settings: Settings) -> None:
        super().__init__(
            "ferd",
            data_converter=_with_pydantic,
            workflows=[JourneyWorkflow, FlowWorkflow, RepeatWorkflow, RecurrenceWorkflow],
            interceptors=telemetry.interceptors(),
        )
        self._settings = settings
        self._rooms: dict[str, _Room] = {}
        self._control_queues: set[str] = set()

    def configure_worker(self, config: WorkerConfig) -> WorkerConfig:
        """Add our workflows and activities."""
        queue = config["task_queue"]
        if queue in self._control_queues:
            return config
        config = super().configure_worker(config)
        room = _Room(self._settings, config["client"], queue)
        config["activities"] = [*(config.get("activities") or ()), *room.core.activities(room.ports)]
        if not config.get("graceful_shutdown_timeout"):
            config["graceful_shutdown_timeout"] = GRACE
        if not config.get("max_concurrent_activities") and not config.get("tuner"):
            config["max_concurrent_activities"] = AT_ONCE
        if not config.get("max_concurrent_local_activities") and not config.get("tuner"):
            # Who finds no place in time goes the common way without having asked the store for anything.
            config["max_concurrent_local_activities"] = AT_ONCE
        self._rooms[queue] = room
        self._control_queues.add(control_queue(queue))
        return config

    async def run_worker(self, worker: Worker, next: Callable[[Worker], Awaitable[None]]) -> None:
        """Run with the sweep beside it, and with a worker of its own for commands."""
        if worker.task_queue in self._control_queues:
            await next(worker)
        else:
            async with self._rooms[worker.task_queue].open():
                await next(worker)


class _Room:
    """What one worker acts with."""

    def __init__(self, settings: Settings, client: Client, queue: str) -> None:
        self._client = client
        self._queue = queue
        self._db = Database(settings.database_url.get_secret_value())
        suppression = Suppression(settings.signing_keys, keep=settings.keep_blocked)
        self.web = Web(private=settings.private_webhooks)
        elsewhere, crm = choice.elsewhere(settings.crm), _crm(settings, self._db, self.web)
        self.core = Core.build(
            self._db,
            client,
            task_queue=queue,
            suppression=suppression,
            elsewhere=elsewhere,
            limits=_limits(settings),
        )
        self.retention = Retention(self._db, settings.retention_full, settings.retention_thin, now)
        self.mail = SmtpMail(
            settings.smtp_url.get_secret_value(),
            settings.public_url,
            Tokens([key.get_secret_value() for key in settings.secret_keys]),
            StoredFiles(self._db),
            now,
            connections=AT_ONCE,
        )
        self.sms = TwilioSms(
            settings.sms_url,
            settings.sms_account,
            settings.sms_token.get_secret_value(),
            settings.public_url,
            connections=AT_ONCE,
        )
        self.scripts = ScriptRunner(self._db, settings.scripts, now)
        self.deliveries = Deliveries(self._db, self.web, now)
        self.followers = _followers(settings, self.core, self.web)
        self.ports: Ports = {
            Email: self.mail,
            Sms: self.sms,
            CallWebhook: WebhookCalls(self._db, self.web, now),
            **dict.fromkeys(elsewhere.requests, crm),
        }
        channels: Sequence[Channel] = ("email", "crm") if elsewhere.requests else ("email",)
        waiting: Sequence[Waiting] = (Notices(), *(Handing(self.core.crm, elsewhere, channel) for channel in channels))
        self.outboxes = [Outbox(self._db, self.ports, now, each) for each in waiting]

    @asynccontextmanager
    async def open(self) -> AsyncIterator[None]:
        """Sweep and take commands until left; then close the connections."""
        control = Worker(self._client, task_queue=control_queue(self._queue), activities=self.core.control_activities())
        loops = (
            self.core.sweep,
            self.core.recounts,
            self.retention,
            self.scripts,
            self.deliveries,
            *self.outboxes,
            *self.followers,
        )
        beside = [asyncio.create_task(loop.run()) for loop in loops]
        try:
            async with control:
                yield
        finally:
            for task in beside:
                task.cancel()
            await asyncio.gather(*beside, return_exceptions=True)
            await self.mail.close()
            await self.web.close()
            await self.sms.close()
            self._db.close()


def _crm(settings: Settings, db: Database, web: Web) -> Port[Any]:
    """The port that takes to another CRM what leaves our store for it."""
    if settings.crm == "superoffice":
        return SuperOfficeCrm(db, _superoffice(settings, web), now)
    secret = settings.crm_secret.get_secret_value() if settings.crm_secret else ""
    return webhook.WebhookCrm(db, web, webhook.CrmAddress(settings.crm_url or "", secret), now)


def _superoffice(settings: Settings, web: Web) -> SuperOffice:
    access = Access(
        url=settings.crm_url or "",
        token_url=settings.superoffice_token_url,
        client_id=settings.superoffice_client,
        client_secret=settings.superoffice_client_secret.get_secret_value(),
        refresh_token=settings.crm_secret.get_secret_value() if settings.crm_secret else "",
    )
    return SuperOffice(web, access, now)


def _followers(settings: Settings, core: Core, web: Web) -> tuple[Following | Pull, ...]:
    """What keeps the copy of another CRM true."""
    if settings.crm != "superoffice":
        return ()
    client, copy = _superoffice(settings, web), Copy(core.crm, now)
    reading, lists = Reading(client), Lists(client, now, kept=timedelta())
    return (
        Following(core.dispatcher, reading, copy, core.events, now),
        Pull(core.dispatcher, reading, lists, copy, now),
    )


def _limits(settings: Settings) -> Limits:
    rates: dict[Channel, str | None] = {"email": settings.rate_email, "sms": settings.rate_sms}
    caps: dict[Channel, str | None] = {"email": settings.cap_email, "sms": settings.cap_sms}
    return Limits(_given(rates), _given(caps))


def _given(limits: Mapping[Channel, str | None]) -> dict[Channel, Rate]:
    return {channel: Rate.parse(limit) for channel, limit in limits.items() if limit is not None}


def _with_pydantic(converter: DataConverter | None) -> DataConverter:
    """Our models on the wire, in JSON; a codec that was set stays."""
    return replace(converter or DataConverter.default, payload_converter_class=PydanticPayloadConverter)


async def connect(settings: Settings) -> Client:
    """A client for the Temporal server of the usual TEMPORAL_ variables or profile, else for the one of `ferd up`."""
    config = ClientConfig.load_client_connect_config()
    config.setdefault("target_host", f"127.0.0.1:{settings.temporal_port}")
    return await Client.connect(**config, plugins=[FerdPlugin(settings)])


async def main(settings: Settings) -> None:
    """Run a worker until SIGTERM or SIGINT; who is at work may finish."""
    telemetry.configure("ferd-worker")
    ended = asyncio.Event()
    for name in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(name, ended.set)
    async with Worker(await connect(settings), task_queue=TASK_QUEUE):
        await ended.wait()
