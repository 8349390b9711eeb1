"""What an edit will do to whom, before it is saved (EDIT_6, EDIT_7).

Asked and saved in one transaction, with the flow's lock held alone, so that saving does exactly that. The people of a
touched step are counted by the database, divided by what decides: who came when, and whose clock counts.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, time, timedelta
from functools import partial
from typing import Literal
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, and_, case, exists, false, func, not_, or_, select
from sqlmodel import Session, col

from activities.counting.tally import counted
from activities.definitions import Definitions
from activities.journeys.edited import last_with
from activities.life.pauses import frozen_for_all
from flows.definition import Flow
from flows.edits import Edit, own_settings
from flows.moments import zone_or
from flows.outcome import Status
from flows.steps.base import BaseStep
from store.flows import FlowRow
from store.journeys import ParticipantRow
from store.pauses import PauseRow
from store.people import Person

Change = Literal["unchanged", "added", "removed", "moved", "edited"]
_INSTANT = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Span:
    """From the earliest to the latest."""

    earliest: datetime
    latest: datetime


@dataclass(frozen=True, slots=True)
class StepEffect:
    """What an edit does to those who stand at a step now. The four numbers add up to `standing`.

    unaffected  they go on as planned
    replanned   they stay, and go on within `after` instead of `before`; None: without limit, or each by what they do
    moved_on    they go on to `on_to` (None: the end), at once, or where their time was planned, then: `after`
    refused     the edit is not possible while they are there, for the reason `why`
    """

    step: str
    kind: str
    summary: str
    change: Change
    standing: int = 0
    unaffected: int = 0
    replanned: int = 0
    moved_on: int = 0
    refused: int = 0
    before: Span | None = None
    after: Span | None = None
    on_to: str | None = None
    why: str = ""


class StepsOccupied(Exception):
    """The guard refuses the edit: people stand where it removes or moves something (EDIT_6). Nothing was changed."""

    def __init__(self, flow: str, effects: Sequence[StepEffect]) -> None:
        self.flow = flow
        self.refused = [effect for effect in effects if effect.refused]
        super().__init__("; ".join(effect.why for effect in self.refused))


def effects(session: Session, definitions: Definitions, flow: FlowRow, edit: Edit, now: datetime) -> list[StepEffect]:
    """For each step of the current version, then of the new one, what saving the new one does to whom."""
    tallies = counted(session, flow.id)
    standing = {
        step: count
        for (generation, measure, step), count in tallies.items()
        if measure == "waiting" and generation == flow.generation and count > 0 and step
    }
    kept = _kept(edit, standing) if edit.before.flow.settings.guard_occupied_steps else {}
    found = []
    for _, step in edit.before.flow.walk():
        people = _People(session, flow, step.id, standing.get(step.id, 0))
        found.append(_refused(edit, step, people, *kept[step.id]) if step.id in kept else _of(edit, step, people, now))
    for id in sorted(standing.keys() - edit.before.step.keys()):
        version, step = last_with(session, definitions, flow.id, flow.version, id)
        gone = Edit(definitions.outline(session, flow.id, version), edit.after)
        found.append(_moved_on(gone, step, _People(session, flow, id, standing[id])))
    found += [_effect(edit, step) for _, step in edit.after.flow.walk() if not edit.stays(step.id)]
    return found


def _kept(edit: Edit, standing: Mapping[str, int]) -> dict[str, tuple[int, str]]:
    """What the guard refuses: step -> how many are there, and why."""
    found: dict[str, tuple[int, list[str]]] = {}
    for kept in edit.guarded():
        there = sum(standing.get(step, 0) for step in kept.where)
        if there:
            most, reasons = found.get(kept.step, (0, []))
            are = "1 is" if there == 1 else f"{there} are"
            found[kept.step] = max(most, there), [*reasons, f"{kept.what}: {are} there"]
    return {step: (there, "; ".join(reasons)) for step, (there, reasons) in found.items()}


@dataclass(frozen=True, slots=True)
class _People:
    """Who stands at a step of a flow."""

    session: Session
    flow: FlowRow
    step: str
    count: int

    @property
    def _there(self) -> ColumnElement[bool]:
        return and_(
            col(ParticipantRow.flow) == self.flow.id,
            col(ParticipantRow.step) == self.step,
            col(ParticipantRow.generation) == self.flow.generation,
            col(ParticipantRow.status) == Status.ACTIVE,
        )

    def planned(self) -> tuple[int, Span | None]:
        """How many have a time at which they go on, and from when to when."""
        until = col(ParticipantRow.until)
        query = select(func.count(until), func.min(until), func.max(until)).where(self._there)
        count, earliest, latest = self.session.connection().execute(query).one()
        return count, Span(earliest, latest) if earliest and latest else None

    @property
    def _apart(self) -> ColumnElement[bool]:
        """Who was paused alone once: more than the flow's pauses may have stood still for them (LIFE_12)."""
        return exists().where(col(PauseRow.flow) == self.flow.id, col(PauseRow.participant) == col(ParticipantRow.id))

    def apart(self) -> list[tuple[str, str | None, datetime, datetime | None]]:
        """Those one by one: who, whose clock counts, when they came, and until when they wait."""
        row = ParticipantRow
        query = (
            select(col(row.id), col(Person.time_zone), col(row.since), col(row.until))
            .outerjoin(Person, col(Person.id) == col(row.person))
            .where(self._there, self._apart)
        )
        return [(id, zone, since, until) for id, zone, since, until in self.session.connection().execute(query)]

    def zones(self) -> list[tuple[str | None, datetime, datetime]]:
        """Whose clocks count, and when the first and the last with that clock came."""
        since, zone = col(ParticipantRow.since), col(Person.time_zone)
        query = (
            select(zone, func.min(since), func.max(since))
            .select_from(ParticipantRow)
            .outerjoin(Person, col(Person.id) == col(ParticipantRow.person))
            .where(self._there, not_(self._apart))
            .group_by(zone)
        )
        return [(name, first, last) for name, first, last in self.session.connection().execute(query)]

    def divided(self, zone: str | None, over: Sequence[Span]) -> tuple[int, int, Span | None, Span | None]:
        """Of those with this clock: how many came within `over`, how many else, when those came, and their plans."""
        since, until = col(ParticipantRow.since), col(ParticipantRow.until)
        inside = or_(false(), *(since.between(span.earliest, span.latest) for span in over))
        left = not_(inside)
        query = (
            select(
                func.count(case((inside, 1))),
                func.count(case((left, 1))),
                *(of(case((left, moment))) for moment in (since, until) for of in (func.min, func.max)),
            )
            .select_from(ParticipantRow)
            .outerjoin(Person, col(Person.id) == col(ParticipantRow.person))
            .where(self._there, not_(self._apart))
            .where(col(Person.time_zone).is_(None) if zone is None else col(Person.time_zone) == zone)
        )
        gone, stay, first, last, early, late = self.session.connection().execute(query).one()
        return gone, stay, Span(first, last) if first else None, Span(early, late) if early else None


def _effect(edit: Edit, step: BaseStep, people: _People | None = None) -> StepEffect:
    """What the edit does to a step, if it concerns nobody there."""
    change: Change = "unchanged"
    if step.id not in edit.before.step or not edit.stays(step.id):
        change = "added" if edit.after.step.get(step.id) is step else "removed"
    elif step.id in edit.moved:
        change = "moved"
    elif own_settings(step) != own_settings(edit.after.step[step.id]):
        change = "edited"
    standing = people.count if people is not None else 0
    return StepEffect(step.id, step.kind, step.label(), change, standing=standing, unaffected=standing)


def _refused(edit: Edit, step: BaseStep, people: _People, there: int, why: str) -> StepEffect:
    """Whoever is on the branches of a step counts where the guard keeps the step or the branch."""
    return replace(_effect(edit, step, people), standing=there, unaffected=0, refused=there, why=why)


def _moved_on(edit: Edit, step: BaseStep, people: _People) -> StepEffect:
    place = edit.place(step.id)
    planned = people.planned()[1] if step.acts else None
    effect = _effect(edit, step, people)
    return replace(effect, unaffected=0, moved_on=people.count, before=planned, after=planned, on_to=place)


def _of(edit: Edit, step: BaseStep, people: _People, now: datetime) -> StepEffect:
    if not people.count or not edit.replans(step.id):
        return _effect(edit, step, people)
    if not edit.stays(step.id):
        return _moved_on(edit, step, people)
    old, new = edit.before.flow, edit.after.flow
    later = edit.after.step[step.id]
    if step.timing(old) == later.timing(new):
        return _effect(edit, step, people)
    if step.acts:
        count, planned = people.planned()
        return replace(_effect(edit, step, people), unaffected=people.count - count, replanned=count, before=planned)
    return _rescheduled(edit, step, people, now)


def _rescheduled(edit: Edit, step: BaseStep, people: _People, now: datetime) -> StepEffect:
    """A rest of another length: whose time is up goes on, the others stay for the rest of it (EDIT_4)."""
    old, flow, later = edit.before.flow, edit.after.flow, edit.after.step[step.id]
    apart = people.apart()
    stood, still = (frozen_for_all(people.session, each, now, [who for who, *_ in apart]) for each in (old, flow))
    moved_on = replanned = 0
    before: list[datetime] = []
    after: list[datetime] = []
    timed = True
    for name, first, last in people.zones():
        zone = zone_or(name, flow.zone)
        ends = partial(_end, later, flow, zone, step, still, "")
        timed = timed and ends(first) is not None and ends(last) is not None
        over = list(_over(ends, Span(first, last), now, zone)) if timed else []
        gone, stay, came, planned = people.divided(name, over)
        moved_on, replanned = moved_on + gone, replanned + stay
        # What is stored is the plan of the last time that they were woken: an edit and a pause may have come since.
        was = partial(_end, step, old, zone_or(name, old.zone), step, stood, "")
        before += _span(was, came, planned)
        after += _span(ends, came, None) if timed else ()
    for who, name, since, until in apart:
        end = _end(later, flow, zone_or(name, flow.zone), step, still, who, since)
        if timed and _is_up(end, now):
            moved_on += 1
            continue
        replanned += 1
        before += [at for at in (_end(step, old, zone_or(name, old.zone), step, stood, who, since) or until,) if at]
        timed = timed and end is not None
        after += [end] if end is not None else []
    return replace(
        _effect(edit, step, people),
        unaffected=0,
        replanned=replanned,
        moved_on=moved_on,
        before=Span(min(before), max(before)) if before else None,
        after=Span(min(after), max(after)) if after and timed else None,
        on_to=edit.after.after(step.id) if moved_on else None,
    )


def _span(ends: Callable[[datetime], datetime | None], came: Span | None, otherwise: Span | None) -> list[datetime]:
    """When the first and the last go on who came within a span, or what is known `otherwise`."""
    found = [end for since in (came.earliest, came.latest) if (end := ends(since)) is not None] if came else []
    return found or ([otherwise.earliest, otherwise.latest] if otherwise else [])


def _end(
    later: BaseStep,
    flow: Flow,
    zone: ZoneInfo,
    before: BaseStep,
    still: Callable[[datetime, str], timedelta],
    who: str,
    since: datetime,
) -> datetime | None:
    return later.ends(flow, since, still(since, who), zone, before)


def _over(ends: Callable[[datetime], datetime | None], came: Span, now: datetime, zone: ZoneInfo) -> Iterator[Span]:
    """When those came whose time is up. Within one local day who came earlier goes on earlier."""
    day = came.earliest.astimezone(zone).date()
    start = came.earliest
    while start <= came.latest:
        day += timedelta(days=1)
        end = min(came.latest, datetime.combine(day, time(), zone).astimezone(UTC) - _INSTANT)
        if _is_up(ends(end), now):
            yield Span(start, end)
        elif _is_up(ends(start), now):
            low, high = 0, (end - start) // _INSTANT
            while high - low > 1:
                middle = (low + high) // 2
                low, high = (middle, high) if _is_up(ends(start + middle * _INSTANT), now) else (low, middle)
            yield Span(start, start + low * _INSTANT)
        start = end + _INSTANT


def _is_up(end: datetime | None, now: datetime) -> bool:
    return end is not None and end <= now
