"""What a person can do about one participant: pause, resume, cancel, retry, skip, remove (PART_4, SAFE_3).

Each is one transaction on the locked participant; its journey is woken after it and finds the answer in the store.
"""

from datetime import datetime

from sqlalchemy import delete, func, select
from sqlmodel import Session, col

from activities.counting import experiments
from activities.counting.tally import Measure, count
from activities.dispatcher import StartJourney, WakeJourney, ask, wake
from activities.journeys.holds import reasons
from activities.journeys.places import give_up
from activities.journeys.standing import Rules, Standing
from activities.ledger import key_of, let_go
from activities.life import draining
from flows.outcome import Reason, Status
from flows.planning import Line
from flows.steps.base import Leave
from store.flows import FlowRow
from store.journeys import AddressClaim, EffectRow, EffectStatus, EventUse, JournalRow, MessageRow, ParticipantRow
from store.outside import ScriptRun
from store.pauses import PauseRow

ATTENTION = ("failing", "lost")
"""Holds that only a person ends."""


class OperationRefused(Exception):
    """As this participant stands, that cannot be done; nothing has changed."""

    def __init__(self, participant: str, what: str, remedy: str, possible: list[str]) -> None:
        super().__init__(what)
        self.participant, self.what, self.remedy, self.possible = participant, what, remedy, possible


def status_of(row: ParticipantRow, flow: FlowRow) -> Status:
    """The status as everybody reads it: who belongs to an older generation is cancelled (LIFE_15)."""
    return Status.CANCELLED if row.status.inside and row.generation < flow.generation else row.status


def reason_of(row: ParticipantRow, flow: FlowRow) -> Reason | None:
    """Why the participation ended, read in the same way."""
    if row.status.inside and row.generation < flow.generation:
        return flow.end_of(row.generation)
    return row.reason


def holds_of(row: ParticipantRow, flow: FlowRow) -> list[str]:
    """Every reason why this participant may not move on now; they add up (PART_4)."""
    if not status_of(row, flow).inside:
        return []
    return reasons(row, flow)


def possible(row: ParticipantRow, flow: FlowRow) -> list[str]:
    """What can be done about this participant now."""
    if not status_of(row, flow).inside:
        return ["remove"]
    failing, stuck = "failing" in row.held, any(hold in row.held for hold in ATTENTION)
    return [
        *(["retry"] if stuck else []),
        *(["skip"] if failing else []),
        "resume" if "paused" in row.held else "pause",
        "cancel",
        "remove",
    ]


class Participants:
    """Carries out what a person asks for. Every method raises UnknownParticipant, and OperationRefused where named."""

    def __init__(self, rules: Rules) -> None:
        self._rules = rules

    def pause(self, session: Session, participant: str, now: datetime) -> Standing:
        """Hold this participant where it stands; already paused is fine. Refused once it has left."""
        here = self._inside(session, participant, now)
        if "paused" not in here.row.held:
            here.put_on_hold("paused")
            self._told(here, "paused", "paused by hand")
            wake(session, here.row, here.now)
        return here

    def resume(self, session: Session, participant: str, now: datetime) -> Standing:
        """End the hold that `pause` made; it goes on when no other is left. Refused once it has left."""
        here = self._inside(session, participant, now)
        if "paused" in here.row.held:
            here.take_off_hold("paused")
            self._told(here, "resumed", "resumed by hand")
            wake(session, here.row, here.now)
        return here

    def cancel(self, session: Session, participant: str, now: datetime) -> Standing:
        """Take it out of the flow; already cancelled is fine. Refused if it has left otherwise."""
        here = Standing.lock(session, participant, now, self._rules)
        if status_of(here.row, here.flow) is Status.CANCELLED:
            return here
        _check_inside(here)
        here.leave(Leave(Reason.BY_HAND, "cancelled by hand"))
        wake(session, here.row, here.now)
        return here

    def retry(self, session: Session, participant: str, now: datetime) -> Standing:
        """Try the failing step again, or start a lost journey again from its position. Refused if it is neither."""
        here = self._inside(session, participant, now)
        held = [hold for hold in ATTENTION if hold in here.row.held]
        if not held:
            raise _refused(here, "It is neither failing nor lost.", "Retry only what stands in the attention list.")
        for hold in held:
            here.take_off_hold(hold)
        effect = session.get(EffectRow, key_of(here.row.id, here.row.step))
        if effect is not None and effect.status is EffectStatus.FAILED:
            effect.planned_at, effect.tries = now, 0  # a day of tries again (SAFE_2)
        self._told(here, "retried", f"retried by hand: was {' and '.join(held)}")
        if "lost" in held:
            here.row.holding = False
            row = here.row
            ask(session, StartJourney(row.flow, row.id, row.person, here.plan, here.flow.name, again=True))
        wake(session, here.row, here.now)
        return here

    def skip(self, session: Session, participant: str, now: datetime) -> Standing:
        """Leave the failing step undone and go on to the next. Refused if no step fails."""
        here = self._inside(session, participant, now)
        row = here.row
        if "failing" not in row.held:
            raise _refused(here, "No step of it is failing.", "Skip only what is failing.")
        here.take_off_hold("failing")
        # The journey walks on when it is woken, through the gate: not while the flow is paused.
        here.mark_passed(row.step)
        let_go(session, row.id, EffectStatus.UNKNOWN, now, "no answer, and then the step was skipped by hand")
        self._told(here, "skipped", "skipped by hand")
        wake(session, here.row, here.now)
        return here

    def remove(self, session: Session, participant: str, now: datetime) -> None:
        """Remove it with all record of the participation: it then counts as never enrolled (PART_4)."""
        here = Standing.lock(session, participant, now, self._rules)
        row = here.row
        changes: dict[tuple[Measure, str], int] = {("status", row.status.value): -1}
        if row.status is Status.ACTIVE:
            changes["waiting", row.step] = -1
        if row.reason is not None:
            changes["reason", row.reason.value] = -1
        flow, place = here.outline.flow, (row.flow, row.generation, row.number or 0)
        last_line = select(col(JournalRow.step), func.max(JournalRow.at)).where(col(JournalRow.participant) == row.id)
        went_on = {step: at for step, at in session.execute(last_line.group_by(col(JournalRow.step)))}
        for step in row.passed:  # each is taken back on the day that it was counted on
            count(session, *place, flow.day(went_on.get(step, row.ended_at or now)), {("passed", step): -1})
        count(session, *place, flow.day(row.enrolled_at), {("enrolled", ""): -1})
        count(session, *place, flow.day(row.ended_at or now), changes)
        experiments.uncount(session, row, flow)
        for table in (JournalRow, EffectRow, EventUse, MessageRow, AddressClaim, ScriptRun, PauseRow):
            session.execute(delete(table).where(col(table.participant) == row.id))
        session.execute(delete(PauseRow).where(col(PauseRow.flow) == row.flow, col(PauseRow.participant) == row.id))
        if row.status is Status.ACTIVE:
            give_up(session, row, here.flow, now)
            ask(session, WakeJourney(row.flow, row.id))
        session.delete(row)
        draining.left(session, here.flow, row.id)

    def _inside(self, session: Session, participant: str, now: datetime) -> Standing:
        here = Standing.lock(session, participant, now, self._rules)
        _check_inside(here)
        return here

    def _told(self, here: Standing, event: str, text: str) -> None:
        step = here.outline.step.get(here.row.step)
        here.tell(Line(here.row.step, step.kind if step is not None else "", event, text))


def _check_inside(here: Standing) -> None:
    status = status_of(here.row, here.flow)
    if not status.inside:
        raise _refused(
            here, f"The participation is over: {status.value.replace('_', ' ')}.", "Enrol the person again if need be."
        )


def _refused(here: Standing, what: str, remedy: str) -> OperationRefused:
    return OperationRefused(here.row.id, what, remedy, possible(here.row, here.flow))
