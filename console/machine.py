"""The parts of ferd on one machine: what each runs, when it is ready, who comes before whom.

Temporal (unless one is named by TEMPORAL_ADDRESS or a profile), the mailbox (unless FERD_SMTP_URL names a relay), the
worker and the API are processes of their own; each writes to a log in the data folder.
"""

import asyncio
import os
import sys
import time
from collections.abc import Awaitable, Coroutine, Sequence
from contextlib import suppress
from typing import Any

import httpx2
from temporalio.api.enums.v1 import TaskQueueType
from temporalio.api.taskqueue.v1 import TaskQueue
from temporalio.api.workflowservice.v1 import DescribeTaskQueueRequest
from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode

import temporal_server
from api import mailbox
from console import ports
from console.client import base_url
from console.database import migrate
from console.parts import Part, Running
from console.shell import Failure, out, say
from console.temporal import connect_config, given_server, unreachable
from settings import Settings
from workflows.contract import SEARCH_ATTRIBUTES, TASK_QUEUE

_LOOPBACK = mailbox.HOST
_ANSWER_TIME = 3.0
"""Seconds that a part which starts may take for an answer before it is asked again."""


class Machine:
    """One run of everything. `start`, then `stop`; `hurry` ends all by force."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self.own_temporal = given_server() is None
        self._temporal = connect_config(settings)
        self.own_mailbox = mailbox.is_local(settings)
        self._environment = {
            **os.environ,
            "NO_COLOR": "1",
            "PYTHONUNBUFFERED": "1",
            **({"TEMPORAL_ADDRESS": self._temporal["target_host"]} if self.own_temporal else {}),
        }
        self._running: list[Running] = []

    async def start(self) -> None:
        """Start everything, in order. Raises Failure; then `stop` ends what has started."""
        settings = self._settings
        self._check_ports()
        logs = settings.home / "logs"
        logs.mkdir(mode=0o700, parents=True, exist_ok=True)
        first = [self._temporal_part()] if self.own_temporal else []
        first += [self._mailbox_part()] if self.own_mailbox else []
        await _all(_step("Database", asyncio.to_thread(migrate, settings)), *map(self._begin, first))
        await self._register()
        await _all(self._begin(await self._worker_part()), self._begin(self._api_part()))

    async def stop(self) -> None:
        """End everything: who asks first, what they ask last."""
        for running in self._running:
            running.release()
        order = ["API", "Worker", "Mailbox", "Temporal"]
        for running in sorted(self._running, key=lambda running: order.index(running.part.name)):
            await running.stop()

    def hurry(self) -> None:
        """Do not wait for anything to end by itself."""
        for running in self._running:
            running.kill()

    def _check_ports(self) -> None:
        settings = self._settings
        local: dict[str, int] = {}
        if self.own_temporal:
            local |= {"FERD_TEMPORAL_PORT": settings.temporal_port, "FERD_TEMPORAL_UI_PORT": settings.temporal_ui_port}
        if self.own_mailbox:
            local |= {"FERD_MAILBOX_PORT": settings.mailbox_port}
        own = {"FERD_PORT": (settings.host, settings.port)}
        if settings.public_port is not None:
            own["FERD_PUBLIC_PORT"] = settings.public_host, settings.public_port
        ports.check(own | {name: (_LOOPBACK, port) for name, port in local.items()})

    async def _begin(self, part: Part) -> None:
        log = self._settings.home / "logs" / f"{part.name.lower()}.log"
        running = Running(part, log, self._environment)
        self._running.append(running)
        await _step(part.name, running.start())

    async def _register(self) -> None:
        """Make the search attributes known; where that is not allowed say which command does it."""
        client = await self._client()
        try:
            await temporal_server.register(client, SEARCH_ATTRIBUTES)
        except temporal_server.TemporalServerError as error:
            raise Failure(str(error)) from error
        except RPCError as error:
            if error.status not in (RPCStatusCode.PERMISSION_DENIED, RPCStatusCode.UNIMPLEMENTED):
                raise Failure(f"Temporal does not answer as it should: {error.message}") from error
            say("Search attributes cannot be registered from here. Once, someone who may has to run:", "yellow")
            say(f"  {temporal_server.register_command(client.namespace, SEARCH_ATTRIBUTES)}")

    async def _client(self) -> Client:
        try:
            async with asyncio.timeout(20):
                return await Client.connect(**self._temporal)
        except (RuntimeError, TimeoutError) as error:
            raise unreachable(self._settings) from error

    def _temporal_part(self) -> Part:
        settings = self._settings
        try:
            command = temporal_server.start_dev_command(
                settings.temporal_port, settings.temporal_ui_port, settings.home / "temporal.db", ip=_LOOPBACK
            )
        except temporal_server.TemporalServerError as error:
            raise Failure(str(error)) from error

        async def ready() -> bool:
            if not await _listens(settings.temporal_port):
                return False
            with suppress(RPCError, RuntimeError, TimeoutError):
                async with asyncio.timeout(_ANSWER_TIME):
                    client = await Client.connect(**self._temporal)
                    await temporal_server.register(client, ())
                    return True
            return False

        return Part("Temporal", command, ready)

    def _mailbox_part(self) -> Part:
        settings = self._settings
        command = [
            *(sys.executable, "-P", "-m", "postbox", "--host", _LOOPBACK),
            *("--port", str(settings.mailbox_port), "--folder", str(mailbox.folder(settings))),
        ]
        return Part("Mailbox", command, lambda: _listens(settings.mailbox_port))

    async def _worker_part(self) -> Part:
        client = await self._client()
        before = await _pollers(client)

        async def ready() -> bool:
            nonlocal before
            with suppress(RPCError, TimeoutError):
                async with asyncio.timeout(_ANSWER_TIME):
                    now = await _pollers(client)
                    # Temporal remembers workers for minutes after they ended: only a new one is ours.
                    if now - before:
                        before = now
                        return True
            return False

        # Kinder than it needs to be with little to do, and still within the time that people wait for Ctrl-C.
        return Part("Worker", _ferd("worker"), ready, grace=8.0)

    def _api_part(self) -> Part:
        url = f"{base_url(self._settings)}/readyz"

        async def ready() -> bool:
            with suppress(httpx2.HTTPError):
                async with httpx2.AsyncClient(timeout=_ANSWER_TIME) as client:
                    return (await client.get(url)).is_success
            return False

        return Part("API", _ferd("api"), ready, grace=4.0)


async def _step(name: str, work: Awaitable[None]) -> None:
    began = time.monotonic()
    await work
    out.print(f"  [green]✓[/] {name} [dim]{time.monotonic() - began:.1f} s[/]")


async def _all(*work: Coroutine[Any, Any, None]) -> None:
    """All of it at once; the first failure stops the rest and is raised."""
    tasks = [asyncio.create_task(each) for each in work]
    try:
        await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _listens(port: int) -> bool:
    try:
        _, writer = await asyncio.open_connection(_LOOPBACK, port)
    except OSError:
        return False
    writer.close()
    return True


async def _pollers(client: Client) -> set[str]:
    """Who has asked for work on our task queue of late."""
    answer = await client.workflow_service.describe_task_queue(
        DescribeTaskQueueRequest(
            namespace=client.namespace,
            task_queue=TaskQueue(name=TASK_QUEUE),
            task_queue_type=TaskQueueType.TASK_QUEUE_TYPE_WORKFLOW,
        )
    )
    return {poller.identity for poller in answer.pollers}


def _ferd(command: str) -> Sequence[str]:
    return (sys.executable, "-P", "-m", "cli", command)
