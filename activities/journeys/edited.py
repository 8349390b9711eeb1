"""Where edits have left people: who stands at a step that is gone, and who is to be planned afresh (EDIT_3, EDIT_5)."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlmodel import Session, col

from activities.definitions import Definitions
from flows.calendar import only_on
from flows.definition import Flow
from flows.edits import Edit
from flows.outcome import Status
from flows.steps.base import Action, BaseStep
from store.flows import FlowRow
from store.journeys import ParticipantRow


@dataclass(frozen=True, slots=True)
class Removed:
    """A participant stands at a step that was removed: it goes on at `place` (None: the end), not before `until`."""

    step: BaseStep
    place: str | None
    until: datetime | None

    @property
    def text(self) -> str:
        """For the journal."""
        return f"the step was removed: on to {self.place or 'the end of the flow'}"


def removed(
    session: Session, definitions: Definitions, row: ParticipantRow, flow: FlowRow, now: datetime
) -> Removed | None:
    """What became of the step where the participant stands, if an edit removed it; nearly always None."""
    outline = definitions.current(session, flow)
    same = outline.step.get(row.step)
    if not row.step or (same is not None and row.version == flow.version):
        return None
    version, step = last_with(session, definitions, row.flow, row.version, row.step)
    if same is not None and same.kind == step.kind:
        return None
    place: str | None = row.step
    for number in range(version, flow.version):
        if place is not None:
            before, after = (definitions.outline(session, row.flow, at) for at in (number, number + 1))
            place = Edit(before, after).place(place, row.passed)
    return Removed(step, place, _not_before(row, step, outline.flow, now))


def last_with(session: Session, definitions: Definitions, flow: str, version: int, step: str) -> tuple[int, BaseStep]:
    """The step as the latest version that has it says, counted back from this one; and which that is."""
    while (found := definitions.outline(session, flow, version).step.get(step)) is None:
        version -= 1
    return version, found


def _not_before(row: ParticipantRow, step: BaseStep, flow: Flow, now: datetime) -> datetime | None:
    """Who stands at an action with a planned time, or that acts on some weekdays only, goes on only then (EDIT_5)."""
    if not isinstance(step, Action) or step.id in row.passed:
        return None
    at = row.until or now
    if step.only_on:
        at = only_on(at, step.only_on, flow.zone)
    return at if at > now else None


def to_wake(session: Session, definitions: Definitions, flow: str) -> dict[int, list[str]]:
    """Version -> steps of it at which people stand whose plan was made by it, and who are to be planned afresh."""
    row = session.get_one(FlowRow, flow)
    now = definitions.current(session, row)
    standing = session.execute(
        select(col(ParticipantRow.version), col(ParticipantRow.step))
        .where(col(ParticipantRow.flow) == flow, col(ParticipantRow.generation) == row.generation)
        .where(col(ParticipantRow.status) == Status.ACTIVE, col(ParticipantRow.version) < row.version)
        .distinct()
    )
    edits: dict[int, Edit] = {}
    found: dict[int, list[str]] = {}
    for version, step in standing:
        if version not in edits:
            edits[version] = Edit(definitions.outline(session, flow, version), now)
        if edits[version].replans(step):
            found.setdefault(version, []).append(step)
    return found
