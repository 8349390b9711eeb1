"""Until when people wait, as everybody reads it (PART_6).

A journey that sleeps is not woken by a pause, nor while its flow is paused by an edit: what is stored is the plan that
it fell asleep with. Where waits stand still (LIFE_12), and where the step was edited since, the end is counted anew.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlmodel import Session, col

from activities.definitions import Definitions
from activities.life.pauses import Pauses
from flows.definition import Flow
from flows.moments import zone_or
from flows.steps.base import BaseStep
from store.flows import FlowRow
from store.journeys import ParticipantRow
from store.people import Person


def untils(
    session: Session, definitions: Definitions, found: Sequence[tuple[ParticipantRow, FlowRow]], now: datetime
) -> Mapping[str, datetime | None]:
    """Participant -> when it goes on at the latest; while its wait stands still, as if the pause ended now.

    None: without limit, at once, or never, for it has left. A few statements, however many they are.
    """
    ends: dict[str, datetime | None] = {}
    anew: list[tuple[ParticipantRow, BaseStep, Flow]] = []
    for row, flow in found:
        inside = row.status.inside and row.generation == flow.generation
        ends[row.id] = row.until if inside else None
        outline = definitions.current(session, flow)
        step = outline.step.get(row.step)
        freezes = outline.flow.settings.waits_during_pause == "freeze"
        if inside and step is not None and _rests_at(row, step) and (freezes or row.version < flow.version):
            anew.append((row, step, outline.flow))
    if anew:
        rows = [row for row, _, _ in anew]
        zones = _zones(session, rows)
        pauses = Pauses(
            session, {row.flow for row in rows}, [row.id for row in rows], since=min(row.since for row in rows)
        )
        for row, step, definition in anew:
            freezes = definition.settings.waits_during_pause == "freeze"
            frozen = pauses.frozen(row.flow, row.id, row.since, now) if freezes else timedelta()
            end = step.ends(definition, row.since, frozen, zone_or(zones.get(row.person), definition.zone), step)
            ends[row.id] = end or row.until
    return ends


def _rests_at(row: ParticipantRow, step: BaseStep) -> bool:
    """Whether it waits in the step, which is still what it was."""
    return not step.acts and row.plan.get("type") == "wait" and row.plan.get("kind") == step.kind


def _zones(session: Session, rows: Sequence[ParticipantRow]) -> dict[str, str | None]:
    of = select(col(Person.id), col(Person.time_zone)).where(col(Person.id).in_({row.person for row in rows}))
    return {person: zone for person, zone in session.execute(of)}
