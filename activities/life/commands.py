"""A flow's commands and how one takes effect (LIFE).

A command is one transaction that takes the flow's lock alone: it costs the same with nobody and with a million people
inside, and needs no worker. What follows from it (releasing, cancelling) is background work.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from sqlalchemy import delete as sql_delete
from sqlalchemy import update
from sqlmodel import Session, col

from activities import ledger
from activities.definitions import Definitions, UnknownFlow
from activities.dispatcher import FlowChanged, ask
from activities.enrolling.jobs import EnrolmentJobs
from activities.life import pauses
from activities.life.lifecycle import ENDS, TABLE, allowed, leading_to_delete
from activities.webhooks.telling import write_down
from flows.catalog import Catalog
from flows.checks import problems
from flows.definition import Flow
from flows.outcome import Reason
from flows.problems import Problem
from store.database import lock_flow
from store.enrolments import EnrolmentJob, JobSource
from store.flows import TAKES_PEOPLE, FlowRow, FlowStatus, FlowTrigger
from store.schedules import ScheduledCommand
from workflows.contract import Command


class CommandRefused(Exception):
    """The flow's status does not allow the command; nothing has changed (LIFE_11).

    `first`: for a delete, the commands after which it would be allowed (LIFE_6).
    """

    def __init__(self, flow: str, command: Command | Literal["delete"], status: FlowStatus) -> None:
        self.flow, self.command, self.status, self.allowed = flow, command, status, allowed(status)
        self.first = leading_to_delete(status) if command == "delete" else []
        now = ", ".join(self.allowed) or "none"
        super().__init__(f"the flow {flow} is {status.value}: {command} is not allowed; allowed now: {now}")


class NotRunnable(Exception):
    """The flow has problems that keep it from running (LIFE_2)."""

    def __init__(self, flow: str, found: list[Problem]) -> None:
        self.flow, self.problems = flow, found
        super().__init__(f"the flow {flow} has {len(found)} problems and cannot run")


@dataclass(frozen=True, slots=True)
class Commanded:
    """The answer to a command: the status it led to, and the effects begun and not yet settled (LIFE_10)."""

    status: FlowStatus
    under_way: int


def command(
    session: Session,
    definitions: Definitions,
    catalog: Catalog,
    flow: str,
    given: Command,
    now: datetime,
    *,
    why: str = "",
) -> Commanded:
    """Give a flow a command. Raises UnknownFlow, CommandRefused, NotRunnable; then nothing has changed.

    `why`: the reason that endpoints are told, where it was not a person who gave it.
    """
    row = locked(session, flow)
    to = TABLE[row.status].to.get(given)
    if to is None:
        raise CommandRefused(flow, given, row.status)
    if to is row.status:
        return Commanded(to, ledger.under_way(session, flow))
    if to is FlowStatus.RUNNING:
        check_runnable(definitions.current(session, row).flow, catalog)
    if to in ENDS:
        _end_generation(session, row, ENDS[to])
    if to not in TAKES_PEOPLE:
        _end_jobs(session, row)
    if to is FlowStatus.STOPPED:
        _forget_scheduled(session, row)
    write_down(session, flow, row.status, to, now, why)
    if FlowStatus.PAUSED in (row.status, to):
        (pauses.begin if to is FlowStatus.PAUSED else pauses.end)(session, now, flow=flow)
    row.status, row.paused_because = to, why if to is FlowStatus.PAUSED else ""
    _changed(session, row, now)
    return Commanded(to, ledger.under_way(session, flow))


def run_with_existing(
    session: Session, definitions: Definitions, catalog: Catalog, jobs: EnrolmentJobs, flow: str, now: datetime
) -> tuple[Commanded, EnrolmentJob | None]:
    """Run a flow, and enrol who matches its triggers already (TRIG_7); None: it ran, and nothing has changed.

    Raises as `command` does.
    """
    before = locked(session, flow).status
    done = command(session, definitions, catalog, flow, "run", now)
    if done.status is before:
        return done, None
    return done, jobs.begin(session, session.get_one(FlowRow, flow), JobSource.EXISTING, now)


def delete(session: Session, flow: str, now: datetime) -> None:
    """Delete a flow: whoever is inside is cancelled, what was sent stays in the record (LIFE_6).

    The row stays, so that the id is never used again. Raises UnknownFlow, CommandRefused.
    """
    row = locked(session, flow)
    if not TABLE[row.status].delete:
        raise CommandRefused(flow, "delete", row.status)
    _end_generation(session, row, Reason.FLOW_DELETED)
    write_down(session, flow, row.status, FlowStatus.STOPPED, now, "deleted")
    row.status, row.deleted = FlowStatus.STOPPED, True
    _forget_scheduled(session, row)
    session.execute(sql_delete(FlowTrigger).where(col(FlowTrigger.flow) == flow))
    _changed(session, row, now)


def check_runnable(flow: Flow, catalog: Catalog) -> None:
    """Raises NotRunnable for a flow with errors (LIFE_2)."""
    errors = [problem for problem in problems(flow, catalog) if problem.severity == "error"]
    if errors:
        raise NotRunnable(flow.id, errors)


def locked(session: Session, flow: str) -> FlowRow:
    """The flow's row, locked alone until the transaction ends. Raises UnknownFlow, also for a deleted one."""
    lock_flow(session, flow, exclusive=True)
    # What was read of it before the lock may be out of date.
    row = session.get(FlowRow, flow, with_for_update=True, populate_existing=True)
    if row is None or row.deleted:
        raise UnknownFlow(flow)
    return row


def _changed(session: Session, row: FlowRow, now: datetime) -> None:
    row.changed_at = now
    row.epoch += 1
    ask(session, FlowChanged(row.id, row.name))


def _end_generation(session: Session, row: FlowRow, reason: Reason) -> None:
    """Everyone inside reads as cancelled from this moment on, for this reason (LIFE_5, LIFE_8, LIFE_15)."""
    row.ends = {**row.ends, str(row.generation): reason.value}
    row.generation += 1
    _end_jobs(session, row)


def _forget_scheduled(session: Session, row: FlowRow) -> None:
    session.execute(sql_delete(ScheduledCommand).where(col(ScheduledCommand.flow) == row.id))


def _end_jobs(session: Session, row: FlowRow) -> None:
    """People proposed in bulk and not yet come to are not taken any more, also after a later run."""
    jobs = update(EnrolmentJob).where(col(EnrolmentJob.flow) == row.id, ~col(EnrolmentJob.done))
    session.execute(jobs.values(done=True))
