"""A flow's life: the table of commands, and how one takes effect (LIFE).

A command is one transaction that takes the flow's lock alone: it costs the same with nobody and with a million people
inside, and needs no worker. What follows from it (releasing, cancelling) is background work.
"""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import update
from sqlmodel import Session, col

from activities import ledger
from activities.definitions import Definitions, UnknownFlow
from activities.dispatcher import FlowChanged, ask
from flows.catalog import Catalog
from flows.checks import problems
from flows.problems import Problem
from store.database import lock_flow
from store.flows import FlowRow, FlowStatus
from store.journeys import EnrolmentJob
from workflows.contract import Command

S = FlowStatus
# status -> command -> the status it leads to. The same status: answered, changes nothing. Absent: not allowed.
TRANSITIONS: dict[FlowStatus, dict[Command, FlowStatus]] = {
    S.DRAFT: {"run": S.RUNNING},
    S.RUNNING: {"run": S.RUNNING, "pause": S.PAUSED, "resume": S.RUNNING, "end": S.ENDED},
    S.PAUSED: {"run": S.RUNNING, "pause": S.PAUSED, "resume": S.RUNNING, "end": S.ENDED},
    S.ENDED: {"run": S.RUNNING, "end": S.ENDED},
}


def allowed(status: FlowStatus) -> list[Command]:
    """The commands that a status allows and that change something."""
    return [command for command, to in TRANSITIONS.get(status, {}).items() if to is not status]


class CommandRefused(Exception):
    """The flow's status does not allow the command; nothing has changed (LIFE_11)."""

    def __init__(self, flow: str, command: Command, status: FlowStatus) -> None:
        self.flow, self.command, self.status, self.allowed = flow, command, status, allowed(status)
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
    session: Session, definitions: Definitions, catalog: Catalog, flow: str, given: Command, now: datetime
) -> Commanded:
    """Give a flow a command. Raises UnknownFlow, CommandRefused, NotRunnable; then nothing has changed."""
    lock_flow(session, flow, exclusive=True)
    row = session.get(FlowRow, flow, with_for_update=True)
    if row is None or row.deleted:
        raise UnknownFlow(flow)
    to = TRANSITIONS.get(row.status, {}).get(given)
    if to is None:
        raise CommandRefused(flow, given, row.status)
    if to is row.status:
        return Commanded(to, ledger.under_way(session, flow))
    if to is FlowStatus.RUNNING:
        found = problems(definitions.current(session, row).flow, catalog)
        errors = [problem for problem in found if problem.severity == "error"]
        if errors:
            raise NotRunnable(flow, errors)
    if to is FlowStatus.ENDED:
        row.generation += 1  # everyone inside reads as cancelled from this moment on (LIFE_5, LIFE_15)
        _end_enrolment(session, flow)
    row.status, row.changed_at = to, now
    row.epoch += 1
    ask(session, FlowChanged(flow, row.name))
    return Commanded(to, ledger.under_way(session, flow))


def _end_enrolment(session: Session, flow: str) -> None:
    """People proposed in bulk and not yet come to are not taken any more, also after a later run (LIFE_5)."""
    jobs = update(EnrolmentJob).where(col(EnrolmentJob.flow) == flow, ~col(EnrolmentJob.done))
    session.execute(jobs.values(done=True))
