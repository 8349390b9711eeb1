"""The sweep: tells Temporal what a crash kept it from hearing, finds journeys that are lost, and does what is due.

Between "row written" and "workflow told" a process may die. What is still marked a minute later is told again; what was
started once is never started again (DESIGN.md). A journey that is gone from Temporal though its participant is inside
goes to the attention list, and never comes back by itself (PART_4).
"""

from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial

from sqlalchemy import and_, or_, select, update
from sqlmodel import Session, col
from temporalio.client import Client, WorkflowExecutionStatus
from temporalio.service import RPCError, RPCStatusCode

from activities import ledger
from activities.dispatcher import Asked, Dispatcher, FlowChanged, StartJourney, StartRepeat, WakeJourney
from activities.journeys.standing import Rules, Standing, UnknownParticipant
from activities.life import scheduled_brakes
from activities.life.draining import drained
from activities.life.schedules import overdue
from activities.responses.tracking import Tracking
from activities.rounds import rounds
from activities.upkeep.chores import Chores
from flows.outcome import Status
from flows.planning import Line
from store.enrolments import EnrolmentJob
from store.flows import TAKES_PEOPLE, FlowRow
from store.journeys import EffectRow, EffectStatus, ParticipantRow
from workflows.contract import journey_id

EVERY = timedelta(seconds=20)
# Who was told longer ago than this and has not moved is told again.
OVERDUE = timedelta(seconds=60)
# A wait that should have ended this long ago is looked into.
LATE = timedelta(minutes=10)
MOST = 500
PAGE = 100

_GONE = {
    WorkflowExecutionStatus.TERMINATED,
    WorkflowExecutionStatus.FAILED,
    WorkflowExecutionStatus.TIMED_OUT,
    WorkflowExecutionStatus.CANCELED,
    WorkflowExecutionStatus.COMPLETED,
}
# Journeys that ended otherwise than by their own answer, since a moment. Visibility may be late: look back further.
_BROKEN = (
    "WorkflowType = 'Journey' AND ExecutionStatus IN ('Terminated', 'Failed', 'TimedOut', 'Canceled') "
    "AND CloseTime > '{since:%Y-%m-%dT%H:%M:%SZ}'"
)
LOOK_BACK = timedelta(minutes=5)


class Sweep:
    """Runs beside every worker; several at once do no harm."""

    def __init__(
        self,
        client: Client,
        dispatcher: Dispatcher,
        rules: Rules,
        chores: Chores,
        tracking: Tracking,
        clock: Callable[[], datetime],
    ) -> None:
        self._client = client
        self._dispatcher = dispatcher
        self._rules = rules
        self._chores = chores
        self._tracking = tracking
        self._clock = clock
        # A journey may have been terminated while no worker ran; later sweeps look at what is new.
        self._seen = clock() - timedelta(days=1)

    async def run(self) -> None:
        """Sweep again and again until cancelled."""
        await rounds(self.once, EVERY, "sweep_failed")

    async def once(self) -> int:
        """One sweep; answers how many were told or found lost."""
        now = self._clock()
        await self._dispatcher.write(lambda session: scheduled_brakes.carry_out(session, now))
        unstarted = await self._dispatcher.write(lambda session: _unstarted(session, now - OVERDUE))
        started = await self._dispatcher.tell(unstarted)
        await self._dispatcher.write(lambda session: _mark_started(session, started))
        overdue = await self._dispatcher.write(lambda session: _overdue(session, now))
        suspects = [*overdue, *await self._broken(now)]
        lost = [asked for asked in dict.fromkeys(suspects) if await self._is_gone(asked)]
        for asked in lost:
            await self._dispatcher.write(lambda session, asked=asked: self._lose(session, asked))  # type: ignore[misc]
        while await self._dispatcher.write(lambda session: self._tracking.settle(session, now)):
            pass
        changed = await self._dispatcher.write(lambda session: _changed(session, now - OVERDUE))
        await self._dispatcher.tell([*(asked for asked in overdue if asked not in lost), *changed])
        return len(unstarted) + len(overdue) + len(changed) + await self._chores.once()

    async def _broken(self, now: datetime) -> list[WakeJourney]:
        """Participants inside whose journey was terminated or failed lately, also in a wait of months."""
        found: list[WakeJourney] = []
        page: list[str] = []
        async for journey in self._client.list_workflows(_BROKEN.format(since=self._seen - LOOK_BACK)):
            page.append(journey.id.rpartition("/")[2])
            if len(page) == PAGE:
                found += await self._dispatcher.write(partial(_inside, page))
                page = []
        found += await self._dispatcher.write(partial(_inside, page))
        self._seen = now
        return found

    async def _is_gone(self, asked: WakeJourney) -> bool:
        handle = self._client.get_workflow_handle(journey_id(asked.flow, asked.participant))
        try:
            return (await handle.describe()).status in _GONE
        except RPCError as error:
            return error.status is RPCStatusCode.NOT_FOUND

    def _lose(self, session: Session, asked: WakeJourney) -> None:
        try:
            here = Standing.lock(session, asked.participant, self._clock(), self._rules)
        except UnknownParticipant:
            return
        here.row.wake = None
        if here.row.status is Status.ACTIVE and "lost" not in here.row.held:
            here.put_on_hold("lost")
            here.tell(Line(here.row.step, "", "lost", "its workflow is gone from Temporal; retry starts it again"))
            ledger.let_go(
                session, here.row.id, EffectStatus.UNKNOWN, here.now, "no answer, and then its workflow was gone"
            )
            here.hold()


def _unstarted(session: Session, before: datetime) -> list[Asked]:
    query = (
        select(ParticipantRow, FlowRow)
        .join(FlowRow, col(FlowRow.id) == col(ParticipantRow.flow))
        .where(~col(ParticipantRow.started), col(ParticipantRow.status) == Status.ACTIVE)
        .where(col(ParticipantRow.enrolled_at) < before)
        .order_by(col(ParticipantRow.enrolled_at), col(ParticipantRow.number))  # in the order in which they came
        .limit(MOST)
    )
    return [
        StartJourney(row.flow, row.id, row.person, Standing.read_plan(row), flow.name)
        for row, flow in session.execute(query)
    ]


def _mark_started(session: Session, started: list[Asked]) -> None:
    ids = [asked.participant for asked in started if isinstance(asked, StartJourney)]
    if ids:
        session.execute(update(ParticipantRow).where(col(ParticipantRow.id).in_(ids)).values(started=True))


def _overdue(session: Session, now: datetime) -> list[WakeJourney]:
    """Who was woken and has not looked, and whose wait should be over for long.

    A journey that is still to be started is not lost, and looks when it starts.
    """
    woken = (
        select(ParticipantRow).where(col(ParticipantRow.wake) < now - OVERDUE, col(ParticipantRow.started)).limit(MOST)
    )
    late = (
        select(ParticipantRow)
        .where(col(ParticipantRow.until) < now - LATE, col(ParticipantRow.status) == Status.ACTIVE)
        .where(~col(ParticipantRow.holding), col(ParticipantRow.wake).is_(None))
        .limit(MOST)
    )
    rows = [*session.scalars(woken), *session.scalars(late)]
    for row in rows:
        row.wake = now
    return [WakeJourney(row.flow, row.id) for row in rows]


def _inside(participants: list[str], session: Session) -> list[WakeJourney]:
    query = (
        select(col(ParticipantRow.flow), col(ParticipantRow.id), col(ParticipantRow.held))
        .where(col(ParticipantRow.id).in_(participants), col(ParticipantRow.status) == Status.ACTIVE)
    )  # fmt: skip
    return [WakeJourney(flow, id) for flow, id, held in session.execute(query) if "lost" not in held]


def _changed(session: Session, before: datetime) -> list[Asked]:
    unfinished = select(col(EnrolmentJob.flow)).where(
        ~col(EnrolmentJob.done), col(EnrolmentJob.ready), col(EnrolmentJob.at) < before
    )
    enrols = and_(col(FlowRow.id).in_(unfinished), col(FlowRow.status).in_(TAKES_PEOPLE))
    behind = and_(col(FlowRow.applied_epoch) < col(FlowRow.epoch), col(FlowRow.changed_at) < before)
    query = select(FlowRow).where(or_(behind, drained(), enrols, overdue(before))).limit(MOST)
    unrepeated = (
        select(EffectRow)
        .where(col(EffectRow.status) == EffectStatus.PLANNED, col(EffectRow.tries) == 0)
        .where(col(EffectRow.planned_at) < before)
        .limit(MOST)
    )
    return [
        *(FlowChanged(row.id, row.name) for row in session.scalars(query)),
        *(StartRepeat(row.flow, row.key) for row in session.scalars(unrepeated)),
    ]
