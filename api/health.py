"""How the process is: alive, ready, and in numbers."""

import asyncio
from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from http import HTTPStatus

from fastapi import APIRouter, Response
from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    PlatformCollector,
    ProcessCollector,
    generate_latest,
)
from prometheus_client.core import GaugeMetricFamily
from pydantic import BaseModel, Field
from sqlalchemy import func, select
from sqlmodel import Session, col
from temporalio.service import RPCError

from api.engine import Engine, EngineDep
from api.errors import ApiProblem
from api.resource import problems
from flows.outcome import Status
from store.flows import FlowRow, Tally
from store.journeys import EffectRow, EffectStatus

PATIENCE = timedelta(seconds=3)

router = APIRouter(tags=["health"])


class Alive(BaseModel):
    """The process answers."""

    status: str = "ok"


class Ready(BaseModel):
    """What the process needs, and whether it answers."""

    store: bool = Field(description="The database.")
    temporal: bool = Field(description="The Temporal server.")


@router.get("/healthz", operation_id="healthz", summary="Whether the process lives")
async def healthz() -> Alive:
    return Alive()


class Unavailable(ApiProblem):
    """Something that the process needs does not answer."""

    status = HTTPStatus.SERVICE_UNAVAILABLE


@router.get("/readyz", operation_id="readyz", summary="Whether the store and Temporal answer", responses=problems(503))
async def readyz(engine: EngineDep) -> Ready:
    store, temporal = await asyncio.gather(_store(engine), _temporal(engine))
    if not (store and temporal):
        away = [name for name, answers in (("The database", store), ("Temporal", temporal)) if not answers]
        raise Unavailable(
            f"{' and '.join(away)} cannot be reached.", "Start it, or mend its address.", store=store, temporal=temporal
        )
    return Ready(store=store, temporal=temporal)


async def _store(engine: Engine) -> bool:
    try:
        async with asyncio.timeout(PATIENCE.total_seconds()):
            return await asyncio.to_thread(engine.db.ready)
    except TimeoutError:
        return False


async def _temporal(engine: Engine) -> bool:
    try:
        async with asyncio.timeout(PATIENCE.total_seconds()):
            return await engine.client.service_client.check_health()
    except (RPCError, TimeoutError):
        return False


@router.get("/metrics", operation_id="metrics", summary="Numbers for Prometheus", response_class=Response)
async def metrics(engine: EngineDep) -> Response:
    families = await engine.db.read(lambda session: list(_families(session)))
    registry = CollectorRegistry()
    ProcessCollector(registry=registry)
    PlatformCollector(registry=registry)
    registry.register(_Read(families))
    return Response(generate_latest(registry), media_type=CONTENT_TYPE_LATEST)


class _Read:
    """Numbers that were read already."""

    def __init__(self, families: list[GaugeMetricFamily]) -> None:
        self._families = families

    def collect(self) -> list[GaugeMetricFamily]:
        return self._families


def _families(session: Session) -> Iterator[GaugeMetricFamily]:
    participants = GaugeMetricFamily("ferd_participants", "Participants by flow and status.", labels=["flow", "status"])
    for (flow, status), number in sorted(_participants(session).items()):
        participants.add_metric([flow, status], number)
    yield participants
    effects = GaugeMetricFamily("ferd_effects_open", "Effects planned or unknown, by flow.", labels=["flow", "status"])
    query = (
        select(col(EffectRow.flow), col(EffectRow.status), func.count())
        .where(col(EffectRow.status).in_([EffectStatus.PLANNED, EffectStatus.UNKNOWN]))
        .group_by(col(EffectRow.flow), col(EffectRow.status))
        .order_by(col(EffectRow.flow), col(EffectRow.status))
    )
    for flow, status, number in session.execute(query):
        effects.add_metric([flow, EffectStatus(status).value], number)
    yield effects
    flows = GaugeMetricFamily("ferd_flows", "Flows by status.", labels=["status"])
    statuses = select(col(FlowRow.status), func.count()).where(~col(FlowRow.deleted)).group_by(col(FlowRow.status))
    for status, number in sorted(session.execute(statuses).all()):
        flows.add_metric([status.value], number)
    yield flows


def _participants(session: Session) -> Counter[tuple[str, str]]:
    """By flow and status; who belongs to an older generation is cancelled (LIFE_15)."""
    query = (
        select(
            col(Tally.flow),
            col(Tally.name),
            col(Tally.generation) < col(FlowRow.generation),
            func.sum(col(Tally.count)),
        )
        .join(FlowRow, col(FlowRow.id) == col(Tally.flow))
        .where(col(Tally.measure) == "status")
        .group_by(col(Tally.flow), col(Tally.name), col(Tally.generation), col(FlowRow.generation))
    )
    counts: Counter[tuple[str, str]] = Counter()
    for flow, name, older, number in session.execute(query):
        status = Status(name)
        counts[flow, Status.CANCELLED.value if older and status.inside else status.value] += int(number)
    return counts
