"""How long pause and resume take to answer, with few and with many people inside, the worker idle and busy."""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from statistics import median

from sqlmodel import Session

from bench.reference import flow
from bench.sides import Ferd, carry, now
from bench.stand import Pair
from flows.outcome import Status
from store.columns import new_id
from store.flows import FlowRow
from store.inserts import insert_new
from store.journeys import ParticipantRow
from workflows.contract import Command, Perform, Wait

FEW, MANY = 100, 10_000
PAIRS = 20
BUSY_JOURNEYS = 60
SETTLED = 30


@dataclass(frozen=True, slots=True)
class Answers:
    """How long each command took to answer, in seconds."""

    pause: Sequence[float]
    resume: Sequence[float]

    @property
    def median(self) -> float:
        """Of the pauses."""
        return median(self.pause)

    @property
    def worst(self) -> float:
        """Of the pauses."""
        return max(self.pause)


@dataclass(frozen=True, slots=True)
class Pauses:
    """People inside -> answers."""

    idle: dict[int, Answers]
    busy: dict[int, Answers]


async def measure(pair: Pair) -> Pauses:
    """Fill two flows, then pause and resume them in turns, first with nothing else to do and then beside journeys."""
    ferd = pair.ferd
    flows = {size: f"{ferd.flow}-{size}" for size in (FEW, MANY)}
    for size, name in flows.items():
        await ferd.run(flow(name, wait="30 days"))
        await ferd.core.db.write(partial(_fill, flow=name, number=size))
    idle = await _answers(ferd, flows)
    journeys = asyncio.create_task(carry(ferd, pair.people(BUSY_JOURNEYS), BUSY_JOURNEYS))
    busy = await _answers(ferd, flows)
    await journeys
    return Pauses(idle, busy)


async def _answers(ferd: Ferd, flows: dict[int, str]) -> dict[int, Answers]:
    took: dict[int, tuple[list[float], list[float]]] = {size: ([], []) for size in flows}
    for _ in range(PAIRS):
        for size, name in flows.items():
            took[size][0].append(await _timed(ferd, name, "pause"))
            took[size][1].append(await _timed(ferd, name, "resume"))
    for name in flows.values():
        await _settled(ferd, name)
    return {size: Answers(*both) for size, both in took.items()}


async def _timed(ferd: Ferd, flow: str, given: Command) -> float:
    begun = time.monotonic()
    await ferd.command(flow, given)
    return time.monotonic() - begun


async def _settled(ferd: Ferd, flow: str) -> None:
    """Until the background work of the last command is done: the next measurement begins as this one did."""
    async with asyncio.timeout(SETTLED):
        while True:
            row = await ferd.core.db.read(lambda session: session.get_one(FlowRow, flow))
            if row.applied_epoch == row.epoch:
                return
            await asyncio.sleep(0.02)


def _fill(session: Session, flow: str, number: int) -> None:
    """People who wait in the flow's second step; rows alone, for no journey is due."""
    at = now()
    then = Perform(position=2, version=1, step="again", kind="send_email")
    plan = Wait(
        position=2, version=1, step="breathe", kind="wait", until=at + timedelta(days=30), then=then
    ).model_dump(mode="json")
    insert_new(
        session,
        ParticipantRow,
        [
            {
                "number": None,
                "id": new_id("par"),
                "flow": flow,
                "person": f"{flow}-{each}",
                "key": "",
                "generation": 1,
                "version": 1,
                "status": Status.ACTIVE,
                "position": 2,
                "step": "breathe",
                "since": at,
                "until": at + timedelta(days=30),
                "plan": plan,
                "passed": ["hello"],
                "awaits": [],
                "held": [],
                "holding": False,
                "started": True,
                "success_before": False,
                "enrolled_at": at,
                "cause": [flow],
                "event": {},
                "kept": {},
            }
            for each in range(number)
        ],
    )
