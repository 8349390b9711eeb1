"""Effects are queued by the thousand: pause, end and stop are answered at once, and nothing begins afterwards.

Nine flows share the people, each of whom has a mail due. Three flows get their commands while no worker takes
activities, three while there is no worker at all, three beside a worker whose every place is taken by a mail that is
being handed over (LIFE_3, LIFE_5, LIFE_8, LIFE_10, LIFE_15).
"""

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from functools import partial
from threading import Event
from typing import Any

from aiosmtpd.smtp import SMTP, Envelope
from aiosmtpd.smtp import Session as SmtpSession
from sqlmodel import Session, col, func, select
from temporalio.api.enums.v1 import TaskQueueType
from temporalio.api.taskqueue.v1 import TaskQueue
from temporalio.api.workflowservice.v1 import DescribeTaskQueueRequest
from temporalio.client import Client
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.worker import Worker

from bench.proofs.enrolling import sweep
from bench.proofs.findings import Findings, expect
from bench.sides import add_people
from flows.outcome import Status
from store.enrolments import JobSource
from store.flows import FlowRow
from store.journeys import EffectRow, EffectStatus, ParticipantRow
from tests.support.inbox import Inbox
from tests.support.running import Running, running
from tests.support.waiting import eventually
from tests.support.world import World, mail, now
from workflows.contract import Command
from workflows.flow import FlowWorkflow
from workflows.journey import JourneyWorkflow

COMMANDS: Sequence[Command] = ("pause", "end", "stop")
SITUATIONS = ("no worker for effects", "no worker at all", "a busy worker")
# Places of the busy worker.
AT_ONCE = 6
ANSWER = 0.5  # seconds
PATIENCE = 3_600
# So long after the last was enrolled some are still not queued: a busy server may not have taken up all of them.
STALLED = 60


class Door(Inbox):
    """A mail server that lets everybody wait with their mail until it is opened."""

    def __init__(self) -> None:
        super().__init__()
        self.waiting = 0
        self.opened = Event()

    async def handle_DATA(self, server: SMTP, session: SmtpSession, envelope: Envelope) -> str:
        """Called by aiosmtpd."""
        self.waiting += 1
        await asyncio.to_thread(self.opened.wait)
        return await super().handle_DATA(server, session, envelope)


async def prove(world: World, door: Door, number: int, found: Findings) -> None:
    """With `number` people. The world has no worker, and `door` as its inbox."""
    each = number // (len(SITUATIONS) * len(COMMANDS))
    names = {(situation, given): f"{given}-{at}" for at, situation in enumerate(SITUATIONS) for given in COMMANDS}
    async with running(world) as ferd:
        client = await Client.connect(
            world.client.service_client.config.target_host, data_converter=pydantic_data_converter
        )
        # Without a cache: no task is kept for this worker when it is gone.
        no_effects = Worker(
            client, task_queue=world.queue, workflows=[JourneyWorkflow, FlowWorkflow], max_cached_workflows=0
        )
        async with no_effects:
            begun = time.monotonic()
            # Filled first, first in the queue: the flows whose effects a worker is to be busy with.
            flows = {place: await _filled(world, name, each) for place, name in reversed(names.items())}
            total = each * len(flows)
            await _all_queued(world, total)
            found.note("effects queued", f"{total:,}, in {time.monotonic() - begun:.0f} s")
            await _commands(ferd, flows, SITUATIONS[0], each, found)
        await _commands(ferd, flows, SITUATIONS[1], each, found)
        async with Worker(world.client, task_queue=world.queue, max_concurrent_activities=AT_ONCE):
            try:
                await eventually(lambda: _waiting(door), lambda waiting: waiting == AT_ONCE, seconds=PATIENCE)
                busy = await _commands(ferd, flows, SITUATIONS[2], each, found)
            finally:
                door.opened.set()
            expect("mails that were being handed over", sum(busy.values()), AT_ONCE)
            begun = time.monotonic()
            await _drained(world, flows)
            found.note("the queue worked off, without an effect, in", f"{time.monotonic() - begun:.0f} s")
        for place, flow in flows.items():
            effects = await world.stored.effects(flow)
            expect(f"effects of {names[place]}", len(effects), busy.get(flow, 0))
            expect(f"settled in {names[place]}", all(each.status is EffectStatus.DONE for each in effects), True)
        expect("mails", len(door.mails), AT_ONCE)
    found.note("mails of what began after an answer", 0)


async def _filled(world: World, name: str, number: int) -> str:
    """A running flow with so many people, each with a mail due."""
    flow = await world.flow(name, mail("first"), mail("second"))
    people = [f"{flow}-{at:06}" for at in range(number)]
    await world.db.write(partial(add_people, people=people))

    def begin(session: Session) -> None:
        world.core.jobs.begin(session, session.get_one(FlowRow, flow), JobSource.PEOPLE, now(), people=people)

    await world.db.write(begin)
    await world.core.background.settle(flow, lambda _: None)
    return flow


async def _queued(world: World) -> int:
    """Activities that wait for a worker."""
    request = DescribeTaskQueueRequest(
        namespace=world.client.namespace,
        task_queue=TaskQueue(name=world.queue),
        task_queue_type=TaskQueueType.TASK_QUEUE_TYPE_ACTIVITY,
        report_stats=True,
    )
    return (await world.client.workflow_service.describe_task_queue(request)).stats.approximate_backlog_count


async def _all_queued(world: World, total: int) -> None:
    try:
        await eventually(lambda: _queued(world), lambda queued: queued >= total, seconds=STALLED, pause=0.1)
    except TimeoutError:
        await sweep(world)
        await eventually(lambda: _queued(world), lambda queued: queued >= total, seconds=PATIENCE, pause=0.1)


async def _waiting(door: Door) -> int:
    return door.waiting


async def _commands(
    ferd: Running, flows: Mapping[tuple[str, Command], str], situation: str, number: int, found: Findings
) -> Mapping[str, int]:
    """Give each command to its flow and look at everyone at once; answers how many effects each flow had begun."""
    under_way: dict[str, int] = {}
    for given in COMMANDS:
        flow = flows[situation, given]
        planned = await ferd.world.stored.count(
            EffectRow, col(EffectRow.flow) == flow, col(EffectRow.status) == EffectStatus.PLANNED
        )
        await ferd.get(f"/flows/{flow}")  # as an operator who has the page open
        begun = time.monotonic()
        answer = await ferd.post(f"/flows/{flow}/{given}")
        found.took(f"{given}, {situation}", time.monotonic() - begun, at_most=ANSWER)
        expect(f"under_way of {given}, {situation}", answer["under_way"], planned)
        shown: Counter[str] = Counter()
        async for each in _participants(ferd, flow):
            shown["paused" if "flow paused" in each["held"] else each["status"]] += 1
        expect(f"as everyone reads after {given}", dict(shown), {"paused" if given == "pause" else "cancelled": number})
        under_way[flow] = planned
    return under_way


async def _participants(ferd: Running, flow: str) -> AsyncIterator[Any]:
    """Everyone in a flow, as the API shows them."""
    cursor = ""
    while cursor is not None:
        page = await ferd.get(f"/flows/{flow}/participants", limit=1_000, cursor=cursor)
        for each in page["items"]:
            yield each
        cursor = page["next_cursor"]


async def _drained(world: World, flows: Mapping[tuple[str, Command], str]) -> None:
    """Until every journey has come to its gate: those of paused flows hold, all others are closed."""
    ids = list(flows.values())

    def left(session: Session) -> int:
        row = ParticipantRow
        inside = select(func.count()).where(col(row.flow).in_(ids), col(row.status) == Status.ACTIVE, ~col(row.holding))
        return session.scalars(inside).one()

    await eventually(lambda: world.db.read(left), lambda number: number == 0, seconds=PATIENCE, pause=0.2)
    await eventually(lambda: _queued(world), lambda queued: queued == 0, seconds=PATIENCE, pause=0.2)
