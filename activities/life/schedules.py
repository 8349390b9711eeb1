"""Commands that take effect later (LIFE_14): kept in the store, carried out when their time has come.

The flow's workflow waits for the time; the sweep wakes it where it does not. Then it is an ordinary command: what the
flow's status does not allow at that moment is refused, and the entry says so.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import cast

from sqlalchemy import ColumnElement, delete, func, select
from sqlmodel import Session, col

from activities.definitions import Definitions
from activities.dispatcher import FlowChanged, ask
from activities.enrolling.jobs import EnrolmentJobs
from activities.life.commands import CommandRefused, NotRunnable, command, locked, run_with_existing
from activities.life.lifecycle import ever
from flows.catalog import Catalog
from flows.definition import Flow
from flows.moments import resolve
from flows.problems import Problem
from store.columns import new_id
from store.flows import TAKES_PEOPLE, FlowRow, FlowStatus
from store.schedules import ScheduledCommand
from workflows.contract import Command


class TooLate(Exception):
    """The moment for which a command is scheduled is past; nothing has changed."""

    def __init__(self, at: datetime) -> None:
        super().__init__(f"{at:%Y-%m-%d %H:%M:%S} UTC is past")
        self.at = at


class UnknownSchedule(LookupError):
    """The flow has no scheduled command of this id, or no longer."""

    def __init__(self, flow: str, id: str) -> None:
        super().__init__(f"the flow {flow} has no scheduled command {id}")
        self.flow, self.id = flow, id


def schedule(
    session: Session,
    definitions: Definitions,
    flow: str,
    given: Command,
    at: datetime,
    now: datetime,
    *,
    enrol_existing: bool = False,
) -> ScheduledCommand:
    """Have a command given at a moment; without an offset it is in the flow's time zone.

    `enrol_existing`: a run that then also enrols who matches the triggers at that moment (TRIG_7).
    Raises UnknownFlow, TooLate, and CommandRefused for a flow that no command can lead to where this one is allowed.
    """
    row = locked(session, flow)
    moment = resolve(at, definitions.current(session, row).flow.zone)
    if moment <= now:
        raise TooLate(moment)
    if not ever(row.status, given):
        raise CommandRefused(flow, given, row.status)
    return _keep(session, row, given, moment, now, enrol_existing=enrol_existing)


def by_file(session: Session, row: FlowRow, flow: Flow, now: datetime) -> None:
    """What the flow's file says about its start and close, in place of what an earlier version said."""
    waiting = delete(ScheduledCommand).where(
        col(ScheduledCommand.flow) == row.id, col(ScheduledCommand.by_file), col(ScheduledCommand.refused) == ""
    )
    withdrawn = session.execute(waiting.returning(col(ScheduledCommand.id))).all()
    moments: dict[Command, datetime | None] = {"run": flow.schedule.run_at, "close": flow.schedule.close_at}
    for given, at in moments.items():
        if at is not None and (moment := resolve(at, flow.zone)) > now:
            _keep(session, row, given, moment, now, by_file=True)
    if withdrawn:
        ask(session, FlowChanged(row.id, row.name))


def missed(flow: Flow, status: FlowStatus, now: datetime) -> Iterator[Problem]:
    """What the flow's file asks for at a moment that is past, where it has not come about: nothing else will say so."""
    undone = {"run_at": (FlowStatus.DRAFT,), "close_at": (FlowStatus.DRAFT, *TAKES_PEOPLE)}
    for key, statuses in undone.items():
        at = getattr(flow.schedule, key)
        if at is not None and status in statuses and resolve(at, flow.zone) <= now:
            what = f"{key} is past, and the flow is {status.value}: it does nothing any more."
            yield Problem(
                what, "Give a moment that is still to come, or take it out.", ("schedule", key), None, "warning"
            )


def scheduled(session: Session, flow: str) -> Sequence[ScheduledCommand]:
    """The commands that wait, and those that were refused, by their time."""
    of_flow = select(ScheduledCommand).where(col(ScheduledCommand.flow) == flow)
    return session.scalars(of_flow.order_by(col(ScheduledCommand.at), col(ScheduledCommand.id))).all()


def withdraw(session: Session, flow: str, id: str | None = None) -> None:
    """Forget one scheduled command, or all of a flow. Raises UnknownFlow, UnknownSchedule."""
    row = locked(session, flow)
    which = delete(ScheduledCommand).where(col(ScheduledCommand.flow) == flow)
    if id is not None:
        which = which.where(col(ScheduledCommand.id) == id)
    gone = session.execute(which.returning(col(ScheduledCommand.id))).all()
    if id is not None and not gone:
        raise UnknownSchedule(flow, id)
    ask(session, FlowChanged(flow, row.name))


def forget_file(session: Session, flow: str) -> None:
    """What the flow's file says about its start and close does not count."""
    session.execute(delete(ScheduledCommand).where(col(ScheduledCommand.flow) == flow, col(ScheduledCommand.by_file)))


def carry_out(
    session: Session, definitions: Definitions, catalog: Catalog, jobs: EnrolmentJobs, flow: str, now: datetime
) -> list[str]:
    """Give the flow the commands whose time has come, in their order; a line for each."""
    locked(session, flow)
    lines = []
    while (row := _due(session, flow, now)) is not None:
        given = cast(Command, row.command)
        refused = _give(session, definitions, catalog, jobs, row, given, now)
        lines.append(f"{given} as scheduled{': ' if refused else ''}{refused}")
        if refused:
            row.refused = refused
        else:  # a stop has forgotten it already, with all that was to come after
            session.execute(delete(ScheduledCommand).where(col(ScheduledCommand.id) == row.id))
    return lines


def next_at(session: Session, flow: str) -> datetime | None:
    """When the next scheduled command of a flow is due."""
    first = select(func.min(col(ScheduledCommand.at)))
    return session.scalar(first.where(col(ScheduledCommand.flow) == flow, col(ScheduledCommand.refused) == ""))


def overdue(before: datetime) -> ColumnElement[bool]:
    """In a query over flows: has a command that should have been carried out by then."""
    late = select(col(ScheduledCommand.flow)).where(
        col(ScheduledCommand.refused) == "", col(ScheduledCommand.at) < before
    )
    return col(FlowRow.id).in_(late)


def _due(session: Session, flow: str, now: datetime) -> ScheduledCommand | None:
    due = select(ScheduledCommand).where(
        col(ScheduledCommand.flow) == flow, col(ScheduledCommand.refused) == "", col(ScheduledCommand.at) <= now
    )
    return session.scalar(due.order_by(col(ScheduledCommand.at), col(ScheduledCommand.id)).limit(1))


def _keep(
    session: Session,
    row: FlowRow,
    given: Command,
    at: datetime,
    now: datetime,
    *,
    by_file: bool = False,
    enrol_existing: bool = False,
) -> ScheduledCommand:
    made = ScheduledCommand(
        id=new_id("cmd"), flow=row.id, command=given, at=at, given_at=now,
        by_file=by_file, enrol_existing=enrol_existing,
    )  # fmt: skip
    session.add(made)
    ask(session, FlowChanged(row.id, row.name))
    return made


def _give(
    session: Session,
    definitions: Definitions,
    catalog: Catalog,
    jobs: EnrolmentJobs,
    row: ScheduledCommand,
    given: Command,
    now: datetime,
) -> str:
    """Why the command was refused; empty if it was not."""
    status = session.get_one(FlowRow, row.flow).status
    if row.by_file and given == "run" and status is not FlowStatus.DRAFT:
        # Whoever has paused or ended it meanwhile would be surprised; who has run it already has what the file says.
        return "" if status is FlowStatus.RUNNING else f"the flow is {status.value}, and its file only starts a draft"
    try:
        if row.enrol_existing:
            run_with_existing(session, definitions, catalog, jobs, row.flow, now)
        else:
            command(session, definitions, catalog, row.flow, given, now)
    except (CommandRefused, NotRunnable) as error:
        return str(error)
    return ""
