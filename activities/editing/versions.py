"""Saving flows: every save is a new immutable version (EDIT_1)."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import delete, func, select
from sqlmodel import Session, col

from activities.definitions import Definitions
from activities.dispatcher import FlowChanged, ask
from activities.editing.effects import StepEffect, StepsOccupied, effects
from activities.life import schedules
from activities.life.commands import check_runnable, locked
from activities.life.lifecycle import TABLE
from flows.catalog import Catalog
from flows.definition import Flow
from flows.edits import Edit
from flows.events import EventTrigger
from flows.planning import Outline
from store.database import lock_flow
from store.flows import FlowRow, FlowStatus, FlowTrigger, FlowVersion


def editable(status: FlowStatus, current: Flow) -> bool:
    """Whether a flow of this status can be edited; where the flow decides, its current version does (EDIT_2)."""
    return TABLE[status].edit == "yes" or (TABLE[status].edit == "if allowed" and current.settings.edit_while_running)


class FlowExists(Exception):
    """A flow with this id exists, or existed: a deleted flow's id is never used again (LIFE)."""

    def __init__(self, flow: str) -> None:
        self.flow = flow
        super().__init__(f"there is, or was, a flow {flow}")


class EditRefused(Exception):
    """The flow's status does not allow an edit (EDIT_2)."""

    def __init__(self, flow: str, status: FlowStatus) -> None:
        self.flow, self.status = flow, status
        super().__init__(f"the flow {flow} is {status.value} and cannot be edited now")


class StaleEdit(Exception):
    """Somebody saved another version meanwhile; nothing was changed."""

    def __init__(self, flow: str, expected: int, version: int) -> None:
        self.flow, self.expected, self.version = flow, expected, version
        super().__init__(f"the flow {flow} is at version {version}, not {expected}")


@dataclass(frozen=True, slots=True)
class Edited:
    """What an edit has done, or would do: the version that it makes, and for each step what happens to whom."""

    flow: FlowRow
    version: int
    edit: Edit
    effects: list[StepEffect]


def create(session: Session, flow: Flow, source: str, now: datetime, *, author: str = "", note: str = "") -> FlowRow:
    """Save a new flow as a draft (LIFE_1)."""
    lock_flow(session, flow.id, exclusive=True)
    if session.get(FlowRow, flow.id) is not None:
        raise FlowExists(flow.id)
    row = FlowRow(id=flow.id, name=flow.name or flow.id, created_at=now, changed_at=now)
    session.add(row)
    session.flush()
    _keep(session, row, flow, source, now, author, note)
    return row


def replace(
    session: Session,
    definitions: Definitions,
    catalog: Catalog,
    flow: Flow,
    source: str,
    now: datetime,
    *,
    author: str = "",
    note: str = "",
    expected: int | None = None,
    dry_run: bool = False,
) -> Edited:
    """Save a new version of a flow. `expected` is the version that was edited; a later one makes it stale.

    With `dry_run` nothing is saved, and an edit that the guard would refuse is answered like any other. Raises
    UnknownFlow, StaleEdit, EditRefused, StepsOccupied, and NotRunnable for a flow that runs; then nothing has changed.
    """
    row = locked(session, flow.id)
    if expected is not None and expected != row.version:
        raise StaleEdit(flow.id, expected, row.version)
    current = definitions.current(session, row)
    if not editable(row.status, current.flow):
        raise EditRefused(flow.id, row.status)
    latest = session.scalar(select(func.max(col(FlowVersion.version))).where(col(FlowVersion.flow) == flow.id)) or 0
    edit = Edit(current, Outline(flow))
    found = effects(session, definitions, row, edit, now)
    if dry_run:
        return Edited(row, latest + 1, edit, found)
    if any(effect.refused for effect in found):
        raise StepsOccupied(flow.id, found)
    if row.status is FlowStatus.RUNNING:
        check_runnable(flow, catalog)
    row.version = latest + 1
    row.name, row.changed_at = flow.name or flow.id, now
    row.epoch += 1  # who stands in an edited step is woken in the background
    _keep(session, row, flow, source, now, author, note)
    ask(session, FlowChanged(flow.id, row.name))
    return Edited(row, row.version, edit, found)


def _keep(session: Session, row: FlowRow, flow: Flow, source: str, now: datetime, author: str, note: str) -> None:
    definition = flow.model_dump(mode="json", by_alias=True, exclude_defaults=True)
    session.add(
        FlowVersion(
            flow=row.id, version=row.version, source=source, definition=definition, author=author, note=note, at=now
        )
    )
    schedules.by_file(session, row, flow, now)
    session.execute(delete(FlowTrigger).where(col(FlowTrigger.flow) == row.id))
    events = {trigger.event for trigger in flow.enrolment.triggers if isinstance(trigger, EventTrigger)}
    session.add_all(FlowTrigger(flow=row.id, number=number, event=event) for number, event in enumerate(sorted(events)))
