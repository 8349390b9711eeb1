"""What enrolling costs beside the bare start of the same workflow. No worker takes the journeys up meanwhile."""

import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from statistics import median
from uuid import uuid4

from sqlmodel import Session

from activities.core import Core
from bench.reference import flow
from bench.sides import Ferd, gather, now
from bench.stand import Pair
from store.enrolments import JobSource
from store.flows import FlowRow
from workflows.contract import JourneyInput, Perform, journey_id

QUEUE = "nobody"
TURNS = 3
# More than a page of a bulk enrolment.
NUMBER = 300


@dataclass
class Enrolments:
    """Starts a second in each turn."""

    single: list[float] = field(default_factory=list)
    bulk: list[float] = field(default_factory=list)
    bare: list[float] = field(default_factory=list)

    @property
    def single_ratio(self) -> float:
        """One call each over bare starts: the median over neighbouring turns."""
        return _over(self.single, self.bare)

    @property
    def bulk_ratio(self) -> float:
        """All in one call over bare starts."""
        return _over(self.bulk, self.bare)


def _over(ours: Sequence[float], theirs: Sequence[float]) -> float:
    return median(one / other for one, other in zip(ours, theirs, strict=True))


async def measure(pair: Pair) -> Enrolments:
    """One call a person, all people in one call, and bare starts, in turns."""
    ferd = pair.ferd
    idle = Ferd(
        Core.build(ferd.core.db, ferd.client, task_queue=QUEUE), ferd.client, ferd.worker, f"{ferd.flow}-enrolments"
    )
    await idle.run(flow(idle.flow))
    found = Enrolments()
    for _ in range(TURNS):
        found.single.append(await _rate(lambda people: gather(idle.start, people), pair.people(NUMBER)))
        found.bare.append(await _rate(lambda people: _bare(idle, people), pair.people(NUMBER)))
        found.bulk.append(await _rate(lambda people: _bulk(idle, people), pair.people(NUMBER)))
    return found


async def _rate(work: Callable[[Sequence[str]], Awaitable[object]], people: Sequence[str]) -> float:
    begun = time.monotonic()
    await work(people)
    return len(people) / (time.monotonic() - begun)


async def _bulk(ferd: Ferd, people: Sequence[str]) -> None:
    """As POST /v1/flows/{id}/enrolments does, and then the flow's background work."""

    def begin(session: Session) -> None:
        flow = session.get_one(FlowRow, ferd.flow)
        ferd.core.jobs.begin(session, flow, JobSource.PEOPLE, now(), people=people)

    await ferd.core.db.write(begin)
    await ferd.core.background.settle(ferd.flow, lambda _: None)


async def _bare(ferd: Ferd, people: Sequence[str]) -> None:
    async def start(person: str) -> None:
        plan = Perform(position=1, version=1, step="hello", kind="send_email", summary="Send e-mail welcome-mail")
        await ferd.client.start_workflow(
            "Journey",
            JourneyInput(flow=ferd.flow, participant=person, plan=plan),
            id=journey_id(ferd.flow, uuid4().hex),
            task_queue=QUEUE,
        )

    await gather(start, people)
