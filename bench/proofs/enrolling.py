"""Very many people enrolled in one call, by processes of which one is killed half way: no double, no gap (TRIG_11).

Into a paused flow, where they queue, or into a running one, where each gets a workflow that nobody takes up.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from typing import Any, Literal

from sqlmodel import Session, col, func, select

from activities.core import Core
from bench.proofs.findings import Findings, expect
from bench.sides import add_people
from flows.outcome import Status
from store.enrolments import EnrolmentJob
from store.inserts import insert_new
from store.journeys import ParticipantRow
from store.people import Selection, SelectionMember
from tests.support.processes import python
from tests.support.running import Running, running
from tests.support.running import expect as answered
from tests.support.waiting import eventually
from tests.support.world import World, now, wait

Source = Literal["selection", "list", "csv"]

CHUNK = 1_000  # people in a transaction
PATIENCE = 3_600
# By how much a process may grow after its first page, in MiB, however many people there are.
GROWTH = 64


@dataclass(slots=True)
class Run:
    """What one process has said: how many were enrolled so far, when, and its memory in KiB."""

    said: list[tuple[int, float, int]] = field(default_factory=list)

    def hear(self, line: bytes) -> None:
        """`enrolled 250, refused 0 81234`, or the word of another page."""
        first, *words, memory = line.decode().replace(",", "").split()
        if first == "enrolled":
            self.said.append((int(words[0]), time.monotonic(), int(memory)))

    @property
    def rate(self) -> float:
        """People a second."""
        (first, begun, _), (last, ended, _) = self.said[0], self.said[-1]
        return (last - first) / max(ended - begun, 0.001)

    @property
    def growth(self) -> float:
        """MiB since its first page."""
        return (self.said[-1][2] - self.said[0][2]) / 1024

    def __str__(self) -> str:
        return f"{self.rate:.0f} a second; {self.said[-1][2] / 1024:.0f} MiB, {self.growth:.0f} since its first page"


async def prove(
    world: World, number: int, found: Findings, *, paused: bool = False, source: Source = "selection"
) -> None:
    """Enrol `number` people. The world has no worker, and the usual task queue, on which the processes start."""
    flow = await world.flow("crowd", wait("rest", "30 days"))
    if paused:
        await world.command(flow, "pause")
    people = [f"{flow}-{at:06}" for at in range(number)]
    async with running(world) as ferd:
        begun = time.monotonic()
        path = await _call(ferd, flow, people, source)
        found.note(f"the call with {number:,} people ({source})", f"{time.monotonic() - begun:.1f} s")
        first, second = Run(), Run()
        async with python(world, "-m", "bench.proofs.enroller", flow) as process:
            assert process.stdout is not None
            while not first.said or first.said[-1][0] < number // 2:
                line = await process.stdout.readline()
                expect("the process that is to be killed is still at work", bool(line), True)
                first.hear(line)
            process.kill()
        found.note("the process that was killed", first)
        half = await ferd.get(path)
        expect("killed half way", 0 < half["enrolled"] < number and not half["done"], True)
        async with python(world, "-m", "bench.proofs.enroller", flow) as process:
            assert process.stdout is not None
            async for line in process.stdout:
                second.hear(line)
        found.note("the process that went on", second)
        job = await ferd.get(path)
    expect("the job", (job["enrolled"], job["refused"], job["done"]), (number, 0, True))
    await _each_once(world, flow, people)
    found.note("enrolled, each once and in order", f"{number:,}")
    expect(f"grew by less than {GROWTH} MiB", max(first.growth, second.growth) < GROWTH, True)
    if not paused:
        await _each_started(world, flow, number)
        found.note("workflows, after the sweep", f"{number:,}")


async def _call(ferd: Running, flow: str, people: Sequence[str], source: Source) -> str:
    """One call that enrols everybody; answers where the job is to be seen."""
    world = ferd.world
    if source == "csv":
        file = "\n".join(("external_id,email", *(f"{each},{each}@x.example" for each in people)))
        path, headers = f"/v1/flows/{flow}/enrolments", {"content-type": "text/csv"}
        made: Any = answered(202, await ferd.api.post(path, content=file, headers=headers))
    else:
        for first in range(0, len(people), CHUNK):
            await world.db.write(partial(_put, flow, people[first : first + CHUNK]))
        if source == "list":
            made = await ferd.post(f"/flows/{flow}/enrolments", {"people": people}, 202)
        else:
            made = await ferd.post(f"/flows/{flow}/participants", {"selection": flow}, 202)
    return f"/flows/{flow}/enrolments/{made['job']['id']}"


def _put(selection: str, people: Sequence[str], session: Session) -> None:
    """People, and members of a selection."""
    at = now()
    add_people(session, people)
    insert_new(session, Selection, [{"id": selection, "name": selection, "created_at": at, "updated_at": at}])
    insert_new(session, SelectionMember, [{"selection": selection, "person": each, "at": at} for each in people])


async def _each_once(world: World, flow: str, people: Sequence[str]) -> None:
    row = ParticipantRow

    def look(session: Session) -> tuple[int, int]:
        query = select(func.count(), func.count(col(row.person).distinct())).where(col(row.flow) == flow)
        return session.exec(query).one()

    expect("participations, people", await world.db.read(look), (len(people), len(people)))
    job = await world.db.read(
        lambda session: session.scalars(select(EnrolmentJob).where(col(EnrolmentJob.flow) == flow)).one()
    )
    expect("refused", job.refused, 0)


async def _each_started(world: World, flow: str, number: int) -> None:
    """What the kill has kept from being started, the sweep starts."""
    await sweep(world)
    journeys = f"FerdFlow = '{flow}' AND WorkflowType = 'Journey'"

    async def known() -> int:
        return (await world.client.count_workflows(journeys)).count

    def all_of_them(count: int) -> bool:
        return count >= number

    count = await eventually(known, all_of_them, seconds=PATIENCE, pause=0.1)
    expect("workflows", count, number)


async def sweep(world: World) -> None:
    """Start what a kill, or a server that was too busy to answer in time, has kept from being started."""
    later = Core.build(world.db, world.client, task_queue=world.queue, clock=lambda: now() + timedelta(minutes=2))
    unstarted = col(ParticipantRow.status) == Status.ACTIVE, ~col(ParticipantRow.started)
    while await world.stored.count(ParticipantRow, *unstarted):
        await later.sweep.once()
