"""Runs of scripts: asked for in the gate's transaction, so once; run beside the worker; recorded when they end.

A run is a row. Whoever runs it says so every few seconds; a row that nobody speaks for any more was lost with its
worker, and is left to a person or run again, as the script says.
"""

import asyncio
import os
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

from sqlalchemy import exists, select, update
from sqlmodel import Session, col

from activities import ledger
from activities.rounds import rounds
from activities.scripts.process import Ended, Limits, execute
from activities.scripts.scripts import limits
from flows.ports import Done, NotDone, StartScript
from store.columns import new_id
from store.database import Database, lock_flow
from store.flows import FlowRow, FlowStatus
from store.journeys import EffectRow, EffectStatus, JournalRow, ParticipantRow
from store.outside import RunStatus, ScriptRow, ScriptRun

EVERY = timedelta(seconds=1)
AT_ONCE = 4
SEEN_EVERY = timedelta(seconds=10)
LOST_AFTER = timedelta(minutes=2)
MOST_TRIES = 3
# Nothing of a flow begins while it is paused, or after it was stopped (LIFE_3, LIFE_8).


class ScriptStarts:
    """Takes what steps ask for: a run that waits for its worker."""

    def perform(self, session: Session, request: StartScript, *, at: datetime, cause: Sequence[str]) -> Done:
        """Ask for the run. Raises NotDone: there is no such script."""
        if session.get(ScriptRow, request.script) is None:
            raise NotDone(f"There is no script {request.script}.", retryable=False)
        run = ScriptRun(
            id=new_id("run"),
            script=request.script,
            flow=request.flow,
            step=request.step,
            participant=request.participant,
            person=request.person,
            given=dict(request.values),
            asked_at=at,
        )
        session.add(run)
        return Done(provider_id=run.id)


@dataclass(frozen=True, slots=True)
class Job:
    """A run that is ours to do."""

    id: str
    executable: str | None
    entry_point: str | None
    limits: Limits
    given: dict[str, Any]


class ScriptRunner:
    """Runs what is asked for, a few at a time; several runners share the work."""

    def __init__(
        self,
        db: Database,
        folder: Path,
        clock: Callable[[], datetime],
        *,
        every: timedelta = EVERY,
        lost_after: timedelta = LOST_AFTER,
    ) -> None:
        self._db = db
        self._folder = folder
        self._clock = clock
        self._every = every
        self._lost_after = lost_after
        self._at_work: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        """Run scripts until cancelled; those under way then are killed and count as lost."""
        try:
            await rounds(self._start, self._every, "scripts_not_started", at_once=True)
        finally:
            for task in self._at_work:
                task.cancel()
            await asyncio.gather(*self._at_work, return_exceptions=True)

    async def _start(self) -> None:
        places = AT_ONCE - len(self._at_work)
        now = self._clock()
        before = now - self._lost_after
        if places <= 0 or not await self._db.read(lambda session: _something(session, before)):
            return
        await self._db.write(lambda session: _find_lost(session, before, now))
        for job in await self._db.write(lambda session: claim(session, places, now)):
            task = asyncio.create_task(self._do(job))
            self._at_work.add(task)
            task.add_done_callback(self._at_work.discard)

    async def _do(self, job: Job) -> None:
        speaking = asyncio.create_task(self._speak_for(job.id))
        try:
            ended = await self._execute(job)
        except asyncio.CancelledError:
            await self._db.write(lambda session: _lose(session, [job.id], self._clock()))
            raise
        finally:
            speaking.cancel()
        await self._db.write(lambda session: _settle(session, job.id, ended, self._clock()))

    async def _execute(self, job: Job) -> Ended:
        if job.entry_point is not None:
            return await execute("call", job.entry_point, job.given, job.limits)
        path = self._folder / (job.executable or "")
        if job.executable is None or not path.is_file() or not os.access(path, os.X_OK):
            return Ended("failed", f"There is no executable file {job.executable} in the folder of scripts.")
        return await execute("exec", str(path), job.given, job.limits)

    async def _speak_for(self, run: str) -> None:
        while True:
            await asyncio.sleep(SEEN_EVERY.total_seconds())
            with suppress(Exception):  # a store that is away comes back
                await self._db.write(partial(_seen, run, self._clock()))


def _something(session: Session, before: datetime) -> bool:
    """Whether a run waits, or is lost."""
    waiting = exists().where(col(ScriptRun.status) == RunStatus.WAITING)
    lost = exists().where(col(ScriptRun.status) == RunStatus.RUNNING, col(ScriptRun.seen_at) < before)
    return bool(session.scalar(select(waiting | lost)))


def claim(session: Session, places: int, now: datetime) -> list[Job]:
    """Take runs that wait and may begin now, up to so many: they count as begun."""
    runs = session.scalars(
        select(ScriptRun)
        .where(col(ScriptRun.status) == RunStatus.WAITING, col(ScriptRun.flow).in_(_moving(session)))
        .order_by(col(ScriptRun.id))
        .limit(places)
        .with_for_update(skip_locked=True)
    ).all()
    return [job for run in runs if (job := _take(session, run, now)) is not None]


def _moving(session: Session) -> list[str]:
    """Flows of which scripts wait that are neither paused nor stopped, and stay so until they have begun (LIFE_3)."""
    waiting = select(col(ScriptRun.flow)).where(col(ScriptRun.status) == RunStatus.WAITING).distinct()
    flows = session.scalars(waiting.order_by(col(ScriptRun.flow))).all()
    for flow in flows:
        lock_flow(session, flow)
    rows = session.scalars(select(FlowRow).where(col(FlowRow.id).in_(flows)).execution_options(populate_existing=True))
    return [row.id for row in rows if row.status is not FlowStatus.STOPPED and not row.paused]


def _take(session: Session, run: ScriptRun, now: datetime) -> Job | None:
    script = session.get(ScriptRow, run.script)
    if script is None:
        _end(session, run, Ended("failed", "The script was deleted before it could run."), now)
        return None
    run.status, run.started_at, run.seen_at = RunStatus.RUNNING, now, now
    run.tries += 1
    given = {
        "run": run.id,
        "script": run.script,
        "flow": run.flow,
        "step": run.step,
        "participant": run.participant,
        "person": run.person,
        "values": run.given,
    }
    return Job(run.id, script.executable, script.entry_point, limits(script), given)


def _seen(run: str, now: datetime, session: Session) -> None:
    session.execute(update(ScriptRun).where(col(ScriptRun.id) == run).values(seen_at=now))


def _find_lost(session: Session, before: datetime, now: datetime) -> None:
    query = select(col(ScriptRun.id)).where(col(ScriptRun.status) == RunStatus.RUNNING, col(ScriptRun.seen_at) < before)
    _lose(session, session.scalars(query.limit(100)).all(), now)


def _lose(session: Session, runs: Sequence[str], now: datetime) -> None:
    """The worker of these runs is gone, and with it the scripts."""
    query = select(ScriptRun).where(col(ScriptRun.id).in_(runs), col(ScriptRun.status) == RunStatus.RUNNING)
    for run in session.scalars(query.with_for_update()):
        script = session.get(ScriptRow, run.script)
        if script is not None and script.on_lost == "rerun" and run.tries < MOST_TRIES:
            run.status, run.seen_at = RunStatus.WAITING, None
            continue
        ended = Ended("failed", "Its worker was lost while it ran: nobody knows how far it came.")
        _end(session, run, ended, now)
        run.status = RunStatus.UNKNOWN
        effect = session.get(EffectRow, ledger.key_of(run.participant, run.step), with_for_update=True)
        if effect is not None:  # so that it stands in the attention list until a person has looked (SAFE_2)
            effect.status, effect.settled_at, effect.error = EffectStatus.UNKNOWN, now, ended.why


def _settle(session: Session, id: str, ended: Ended, now: datetime) -> None:
    run = session.get(ScriptRun, id, with_for_update=True)
    if run is None or run.status is not RunStatus.RUNNING:  # removed, or given up as lost
        return
    _end(session, run, ended, now)


def _end(session: Session, run: ScriptRun, ended: Ended, now: datetime) -> None:
    run.status, run.ended_at = RunStatus(ended.status), now
    run.why, run.result, run.log = ended.why, ended.result, ended.log
    if session.scalar(select(col(ParticipantRow.number)).where(col(ParticipantRow.id) == run.participant)) is None:
        session.delete(run)  # removed with all record (PART_4)
        return
    session.add(
        JournalRow(
            participant=run.participant,
            flow=run.flow,
            at=now,
            step=run.step,
            kind="run_script",
            event=f"script_{ended.status}",
            text=f"Script {run.script}: {ended.why}",
            data={"run": run.id},
        )
    )
