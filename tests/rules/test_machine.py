"""Thousands of steps of everything that can befall a flow and its people, against the model of tests/model.py.

Random walks from seeds: the store's own transactions are driven directly, with a clock of the test's and journeys that
only follow their plans; a worker may be away for a while, and answers may be lost and asked for again.
"""

import random
from collections import Counter
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar, cast

import pytest
from sqlalchemy import event
from sqlmodel import Session, col, select
from temporalio.client import Client

from activities.core import Core
from activities.counting.statistics import statistics
from activities.crm.groups import SELECTION, Kind
from activities.desk.participants import OperationRefused, Participants, reason_of, status_of
from activities.dispatcher import Asked, FlowChanged, StartJourney, WakeJourney
from activities.editing import versions
from activities.enrolling.enrolment import Enrolled, Proposal
from activities.enrolling.events import Event
from activities.journeys.standing import UnknownParticipant
from activities.journeys.steps import Begun
from activities.life.commands import CommandRefused, command
from flows.definition import Flow
from flows.outcome import Reason, Status
from store.columns import new_id
from store.database import Database
from store.flows import FlowRow, FlowStatus
from store.journeys import ParticipantRow
from store.people import Person, Selection
from tests.model import ACTIONS, ORDER, Model, Someone
from tests.support.databases import SqliteDatabases
from workflows.contract import Command, Done, Hold, Perform, Plan, Wait

T = TypeVar("T")
FLOW, OUT = "machine", "out"
START = datetime(2026, 3, 1, 8, tzinfo=UTC)
STEPS = 200


def definition(*, days: int, has_x: bool) -> Flow:
    """The flow of the model."""
    act = {step: {"id": step, "kind": "update_person", "increase": {f"person.custom.{step}": 1}} for step in ACTIONS}
    steps = {
        **act,
        "rest": {"id": "rest", "kind": "wait", "for": f"{days} days"},
        "listen": {
            "id": "listen", "kind": "wait_for_action", "actions": [{"event": "order.paid"}], "within": "5 days",
            "otherwise": "continue",
        },
    }  # fmt: skip
    return Flow.model_validate(
        {
            "id": FLOW,
            "name": FLOW,
            "time_zone": "UTC",
            "settings": {"edit_while_running": True, "guard_occupied_steps": False},
            "enrolment": {"exclude": OUT, "triggers": [{"event": "order.placed"}]},
            "steps": [steps[id] for id in ORDER if id != "x" or has_x],
        }
    )


class Journeys:
    """Follows plans as the workflows do; `answers_lost` asks for everything twice."""

    def __init__(self, core: Core, clock: Callable[[], datetime]) -> None:
        self._core = core
        self._clock = clock
        self._plans: dict[str, Plan] = {}
        self._woken: set[str] = set()
        self.changed = False
        self.answers_lost = False

    async def hear(self, what: Asked) -> None:
        """Instead of Temporal."""
        if isinstance(what, StartJourney):
            self._plans.setdefault(what.participant, what.plan)
        elif isinstance(what, WakeJourney):
            self._woken.add(what.participant)
        elif isinstance(what, FlowChanged):
            self.changed = True

    async def run(self) -> None:
        """Until everyone rests."""
        moved = True
        while moved or self.changed:
            if self.changed:
                self.changed = False
                await self._core.background.settle(FLOW, lambda _: None)
            moved = any([await self._step(id) for id in list(self._plans)])

    async def _step(self, id: str) -> bool:
        plan = self._plans[id]
        if isinstance(plan, Done):
            return False
        if id in self._woken:
            self._woken.discard(id)
            self._plans[id] = await self._ask(lambda session: self._core.steps.look(session, id, self._clock()))
        elif isinstance(plan, Perform):
            self._plans[id] = await self._ask(lambda session: self._enter(session, id, plan))
        elif isinstance(plan, Wait) and plan.until is not None and plan.until <= self._clock():
            self._plans[id] = plan.then
        else:
            assert isinstance(plan, Wait | Hold)
            return False
        return True

    def _enter(self, session: Session, id: str, plan: Perform) -> Plan:
        now = self._clock()
        answer = self._core.steps.enter(session, id, plan.position, plan.kind, now, in_store=plan.local)
        assert not isinstance(answer, Begun)
        return answer

    async def _ask(self, work: Callable[[Session], Plan]) -> Plan:
        try:
            if self.answers_lost:
                await self._core.dispatcher.write(work)
            return await self._core.dispatcher.write(work)
        except UnknownParticipant:
            return Done(position=0, status="cancelled", reason="cancelled_by_hand")


class Walk:
    """One flow and six people. Every method befalls both the store and the model."""

    def __init__(self, url: str, seed: int) -> None:
        self.db = Database(url)
        if self.db.sqlite:  # what a power cut would lose is no matter here
            event.listen(self.db._writer, "connect", lambda connection, _: connection.execute("PRAGMA synchronous=OFF"))
        self.random = random.Random(seed)
        self.now = START
        self.core = Core.build(self.db, cast(Client, None), clock=lambda: self.now)
        self.journeys = Journeys(self.core, lambda: self.now)
        self.core.dispatcher._tell = self.journeys.hear  # type: ignore[method-assign]
        self.model = Model()
        self.working = True
        self.log: list[str] = []

    async def walk(self, steps: int) -> None:
        """Take so many steps, comparing after each; in the end the flow is closed or stopped."""
        await self.begin()
        weights: dict[Callable[[], Awaitable[None]], int] = {
            self.proposes: 8, self.happens: 6, self.passes: 6, self.befalls: 2, self.gives: 2, self.operates: 3,
            self.edits: 1, self.restarts: 2,
        }  # fmt: skip
        for step in self.random.choices(list(weights), list(weights.values()), k=steps):
            await step()
            await self.settle()
            self.compare()
        await self.work(True)
        await self.give(self.random.choice(["close", "stop"]))
        for _ in range(4):
            self.now += timedelta(days=7)
            await self.settle()
        self.compare()
        await self.compare_statistics()

    async def write(self, work: Callable[[Session], T]) -> T:
        return await self.core.dispatcher.write(work)

    async def settle(self) -> None:
        """A little later, and as far as the worker comes."""
        if self.working:
            await self.journeys.run()
            self.model.settle(self.now)
        self.now += timedelta(seconds=7)  # no two things happen at the same moment

    # --- what happens ---------------------------------------------------------------------------------------------

    async def begin(self) -> None:
        flow = definition(days=3, has_x=False)
        await self.write(lambda session: versions.create(session, flow, "", self.now) and None)
        out = Selection(id=OUT, name=OUT, created_at=self.now, updated_at=self.now)
        await self.write(lambda session: session.add(out))
        for _ in range(6):
            row = Person(id=new_id("per"), created_at=self.now, updated_at=self.now)
            self.model.people[row.id] = Someone()
            await self.write(lambda session, row=row: session.add(row))  # type: ignore[misc]
        await self.give("run")

    def anyone(self) -> str:
        return self.random.choice(list(self.model.people))

    async def gives(self) -> None:
        """LIFE, by the table."""
        runs = self.model.status is FlowStatus.RUNNING
        rarely: list[Command] = ["pause", "pause", "pause", "resume", "off", "end"]
        await self.give(self.random.choice(rarely if runs else ["run", "run", "run", *rarely]))

    async def give(self, given: Command) -> None:
        self.log.append(given)
        allowed = self.model.command(given)
        try:
            await self.write(
                lambda session: command(
                    session, self.core.definitions, self.core.crm.catalog(session), FLOW, given, self.now
                )
            )
            assert allowed
        except CommandRefused:
            assert not allowed

    async def proposes(self) -> None:
        """TRIG, PART_5."""
        person, again = self.anyone(), self.random.random() < 0.8
        self.log.append(f"proposed {person} {again}")
        refusal = self.model.refusal(person, again=again)
        answer = await self.write(
            lambda session: self.core.enrolment.propose(session, Proposal(FLOW, person, "api", again=again), self.now)
        )
        if isinstance(answer, Enrolled):
            assert refusal is None
            self.model.enrol(answer.participant, person, self.now)
        else:
            assert answer is refusal

    async def happens(self) -> None:
        """TRIG_1, STEP_14: an order is placed, or paid."""
        person, type = self.anyone(), self.random.choice(["order.placed", "order.paid", "order.paid"])
        self.log.append(f"{type} {person}")
        refusal = self.model.refusal(person, again=False)
        before = set(self.participants(person))
        await self.write(
            lambda session: self.core.events.take(session, Event(type, self.now, person), self.now) and None
        )
        new = set(self.participants(person)) - before
        if type == "order.paid":
            self.model.people[person].paid.append(self.now)
        assert bool(new) == (type == "order.placed" and refusal is None)
        for id in new:
            self.model.enrol(id, person, self.now)

    async def befalls(self) -> None:
        """PART_1, PART_3: or is taken back."""
        spoiled = [id for id, one in self.model.people.items() if one.former or one.excluded or one.deleted]
        person = self.random.choice(spoiled if len(spoiled) > 1 else list(self.model.people))
        someone = self.model.people[person]
        already = [what for what in ("deleted", "former", "excluded") if getattr(someone, what)]
        what = already[0] if already else self.random.choice(["former", "excluded", "deleted"])
        value = not getattr(someone, what)
        self.log.append(f"{what} {value} {person}")
        setattr(someone, what, value)
        if what == "deleted":
            someone.excluded = False  # it leaves every selection
        await self.write(lambda session: self._befall(session, person, what, value))

    def _befall(self, session: Session, person: str, what: str, value: bool) -> None:
        crm, now = self.core.crm, self.now
        if what == "former":
            crm.people.patch(session, person, {"former_employee": value}, now)
        elif what == "excluded":
            (crm.groups.add if value else self._unlist)(session, SELECTION, OUT, [person], now)
        elif value:
            crm.people.delete(session, person, now)
        else:
            session.get_one(Person, person).deleted_at = None

    def _unlist(self, session: Session, kind: Kind, group: str, people: list[str], _: datetime) -> None:
        self.core.crm.groups.remove(session, kind, group, people)

    async def operates(self) -> None:
        """PART_4."""
        if not self.model.inside:
            return
        id = self.random.choice(list(self.model.inside)[-8:])
        operation = self.random.choice(["pause", "resume", "resume", "cancel", "remove"])
        self.log.append(f"{operation} {id}")
        one = self.model.inside[id]
        status, _ = self.model.read(one)
        does = getattr(Participants(self.core.rules), operation)
        possible = operation == "remove" or status.inside or (operation == "cancel" and status is Status.CANCELLED)
        try:
            await self.write(lambda session: does(session, id, self.now) and None)
            assert possible
        except OperationRefused:
            assert not possible
        if operation == "remove":
            del self.model.inside[id]
        elif not status.inside:
            return
        elif operation == "cancel":
            self.model.leave(one, Reason.BY_HAND)
        else:
            one.paused = operation == "pause"

    async def edits(self) -> None:
        """EDIT_2 to EDIT_5: the wait gets longer or shorter, an action comes or goes."""
        days, has_x = self.random.choice([1, 3, 6]), self.random.random() < 0.5
        self.log.append(f"edit {days} {has_x}")
        flow = definition(days=days, has_x=has_x)
        await self.write(
            lambda session: (
                versions.replace(session, self.core.definitions, self.core.crm.catalog(session), flow, "", self.now)
                and None
            )
        )
        self.model.rests, self.model.has_x = timedelta(days=days), has_x

    async def passes(self) -> None:
        """Time."""
        hours = self.random.choice([1, 24, 24, 100])
        self.log.append(f"{hours} hours")
        self.now += timedelta(hours=hours)

    async def restarts(self) -> None:
        """The worker goes, or comes back; what it has done may have to be asked for again (SAFE_1)."""
        self.journeys.answers_lost = self.random.random() < 0.5
        await self.work(self.random.random() < 0.7)

    async def work(self, working: bool) -> None:
        self.log.append(f"worker {working}")
        self.working = working
        await self.settle()

    # --- what is compared -----------------------------------------------------------------------------------------

    def participants(self, person: str | None = None) -> dict[str, ParticipantRow]:
        query = select(ParticipantRow).order_by(col(ParticipantRow.number))
        if person is not None:
            query = query.where(col(ParticipantRow.person) == person)
        return {row.id: row for row in self.db.look(lambda session: session.scalars(query).all())}

    def compare(self) -> None:
        """Status, reason and place of everyone, the flow's status, and what was done to whom."""
        rows, flow, people = self.db.look(_everything)
        assert flow.status is self.model.status
        assert set(rows) == set(self.model.inside)
        for id, one in self.model.inside.items():
            row, (status, reason) = rows[id], self.model.read(one)
            assert (status_of(row, flow), reason_of(row, flow)) == (status, reason), id
            if status is Status.ACTIVE and self.working:
                assert row.step == one.step, id
            if self.working:
                assert row.passed == one.passed, id
        done = {person.id: {step: int(number) for step, number in person.custom.items()} for person in people}
        assert done == {id: person.done for id, person in self.model.people.items()}

    async def compare_statistics(self) -> None:
        """PART_6: what was counted along the way is what a recount gives."""
        read = [self.model.read(one) for one in self.model.inside.values()]
        statuses = Counter(status for status, _ in read)
        dropped = Counter(str(reason) for status, reason in read if status is Status.DROPPED_OUT)
        waiting = Counter(one.step for one in self.model.inside.values() if self.model.read(one)[0] is Status.ACTIVE)
        passed = Counter(step for one in self.model.inside.values() for step in one.passed)

        def look(session: Session) -> Any:
            flow = session.get_one(FlowRow, FLOW)
            return statistics(session, flow, self.core.definitions.current(session, flow))

        counted = await self.write(look)
        assert counted.enrolled == len(read)
        assert (counted.active, counted.queued) == (statuses[Status.ACTIVE], statuses[Status.QUEUED])
        assert (counted.finished, counted.cancelled) == (statuses[Status.FINISHED], statuses[Status.CANCELLED])
        assert counted.dropped_out == dropped
        for step in counted.steps:
            assert (step.waiting, step.passed) == (waiting[step.id], passed[step.id]), step.id


def _everything(session: Session) -> tuple[dict[str, ParticipantRow], FlowRow, list[Person]]:
    rows = {row.id: row for row in session.scalars(select(ParticipantRow))}
    return rows, session.get_one(FlowRow, FLOW), list(session.scalars(select(Person)))


@pytest.mark.parametrize("seed", range(1, 11))
async def test_whatever_happens_it_is_as_the_model_says(sqlite_databases: SqliteDatabases, seed: int) -> None:
    """LIFE_3 to LIFE_9, LIFE_11, LIFE_15, PART_1 to PART_6, TRIG_2 to TRIG_5, EDIT_3 to EDIT_5, SAFE_1."""
    await _walk(sqlite_databases.create(), seed, STEPS)


async def test_and_on_both_databases(database_url: str) -> None:
    """The same for fewer steps: PART_5, SAFE_1."""
    await _walk(database_url, 100, STEPS // 4)


async def _walk(url: str, seed: int, steps: int) -> None:
    walk = Walk(url, seed)
    try:
        await walk.walk(steps)
    except BaseException as error:
        error.add_note("\n".join(walk.log[-40:]))
        raise
    finally:
        walk.db.close()
