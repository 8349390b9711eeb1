"""EDIT_7: what a dry run tells is what then happens, over random flows, people and edits; several edits in a row too.

Random walks from seeds, as in test_machine: the store's own transactions, with a clock of the test's, and journeys that
only follow their plans.
"""

import random
from collections.abc import Iterable
from copy import deepcopy
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import pytest
from sqlalchemy import event
from sqlmodel import Session, col, select
from temporalio.client import Client

from activities.core import Core
from activities.desk.participants import Participants
from activities.dispatcher import Asked, FlowChanged, StartJourney, WakeJourney
from activities.editing import versions
from activities.editing.effects import Span, StepEffect, StepsOccupied
from activities.enrolling.enrolment import Proposal
from activities.journeys.edited import last_with
from activities.journeys.pace import Limits
from activities.journeys.steps import Begun
from activities.journeys.untils import untils
from activities.life.commands import command
from flows.definition import Flow
from flows.outcome import Status
from flows.ports import Done as Sent
from flows.steps.base import Channel
from flows.units import Rate
from store.columns import new_id
from store.database import Database
from store.flows import FlowRow
from store.journeys import ParticipantRow
from store.library import ContentRow
from store.people import Person
from tests.support.databases import SqliteDatabases
from workflows.contract import Command, Done, Perform, Plan, Wait

FLOW = "told"
START = datetime(2026, 3, 2, 8, tzinfo=UTC)
HOUR = timedelta(hours=1)
ZONES = None, "Europe/Oslo", "Pacific/Kiritimati", "America/New_York"
WINDOWS = (
    None,
    {"days": "every_day", "from": "09:00", "to": "11:00"},
    {"days": "workdays", "from": "15:00", "to": "19:00"},
)
Step = dict[str, Any]


class Journeys:
    """Follow their plans as the workflows do, and send what is to be sent."""

    def __init__(self, core: Core, told: "Told") -> None:
        self._core, self._told = core, told
        self._plans: dict[str, Plan] = {}
        self._woken: set[str] = set()
        self._changed = False

    async def hear(self, what: Asked) -> None:
        """Instead of Temporal."""
        if isinstance(what, StartJourney):
            self._plans.setdefault(what.participant, what.plan)
        elif isinstance(what, WakeJourney):
            self._woken.add(what.participant)
        elif isinstance(what, FlowChanged):
            self._changed = True

    async def run(self) -> None:
        """Until everyone rests."""
        moved = True
        while moved or self._changed:
            if self._changed:
                self._changed = False
                await self._core.background.settle(FLOW, lambda _: None)
            moved = any([await self._step(id) for id in list(self._plans)])

    async def _step(self, id: str) -> bool:
        plan, now, write = self._plans[id], self._told.now, self._core.dispatcher.write
        if isinstance(plan, Done):
            return False
        if id in self._woken:
            self._woken.discard(id)
            self._plans[id] = await write(lambda session: self._core.steps.look(session, id, now))
        elif isinstance(plan, Perform):
            self._plans[id] = await write(lambda session: self._perform(session, id, plan, now))
        elif isinstance(plan, Wait) and plan.until is not None and plan.until <= now:
            self._plans[id] = plan.then
        else:
            return False
        return True

    def _perform(self, session: Session, id: str, plan: Perform, now: datetime) -> Plan:
        steps = self._core.steps
        answer = steps.enter(session, id, plan.position, plan.kind, now, in_store=plan.local)
        if not isinstance(answer, Begun):
            return answer
        settled = steps.settle(session, id, answer, Sent(), now, last_try=True)
        assert settled is not None
        return settled


@dataclass(frozen=True, slots=True)
class Stood:
    """Where somebody stood before an edit; `rests` is the kind of the step that its wait is of."""

    step: str
    kind: str
    until: datetime | None
    rests: str

    @property
    def place(self) -> tuple[str, str]:
        """A step whose kind changes is another (EDIT_5)."""
        return self.step, self.kind


class Told:
    """One flow with people in it."""

    def __init__(self, url: str, seed: int) -> None:
        self.db = Database(url)
        if self.db.sqlite:
            event.listen(self.db._writer, "connect", lambda connection, _: connection.execute("PRAGMA synchronous=OFF"))
        self.random = random.Random(seed)
        self.now = START
        self.capped = self.random.random() < 0.5
        caps: dict[Channel, Rate] = {"email": Rate.parse("1 per week")} if self.capped else {}
        self.core = Core.build(self.db, cast(Client, None), clock=lambda: self.now, limits=Limits(caps=caps))
        self.journeys = Journeys(self.core, self)
        self.core.dispatcher._tell = self.journeys.hear  # type: ignore[method-assign]
        self.write = self.core.dispatcher.write
        self.number = 0
        self.guard = self.random.random() < 0.3
        self.key = self.random.random() < 0.3
        self.settings: dict[str, Any] = {
            "edit_while_running": True,
            "guard_occupied_steps": self.guard,
            "waits_during_pause": self.random.choice(["keep", "freeze"]),
            **({"throttle": {"flow": "1 per minute"}} if self.random.random() < 0.3 else {}),
        }
        self.window = self.random.choice(WINDOWS)
        self.steps = [self.step() for _ in range(self.random.randint(2, 4))]

    # --- flows ----------------------------------------------------------------------------------------------------

    def step(self, *, nested: bool = False) -> Step:
        """A new step of any kind."""
        self.number += 1
        kinds = ["for", "for", "for", "weekday", "date", "action", "act", "mail", *([] if nested else ["split"])]
        kinds += ["mail"] * 4 if self.capped else []
        return self.of_kind(f"s{self.number}", self.random.choice(kinds))

    def of_kind(self, id: str, kind: str) -> Step:
        pick = self.random.choice
        if kind == "for":
            return {
                "id": id,
                "kind": "wait",
                "for": pick(["5 hours", "30 hours", "2 days", "6 days", "20 days", "3 workdays"]),
            }
        if kind == "weekday":
            return {"id": id, "kind": "wait", "until_weekday": pick(["mon", "thu"]), "at": pick(["06:00", "20:00"])}
        if kind == "date":
            return {
                "id": id,
                "kind": "wait",
                "until": pick(["2026-03-04 10:00", "2026-03-09 10:00", "2026-04-01 10:00"]),
            }
        if kind == "action":
            events = pick([["order.paid"], ["order.paid", "order.sent"]])
            return {
                "id": id, "kind": "wait_for_action", "actions": [{"event": each} for each in events],
                "within": pick(["10 hours", "4 days", "none"]),
            }  # fmt: skip
        if kind == "act":
            days = pick([[], [], ["tue"], ["fri", "sat"]])
            return {"id": id, "kind": "update_person", "increase": {f"person.custom.{id}": 1}, "only_on": days}
        if kind == "mail":
            return {"id": id, "kind": "send_email", "content": "mail", "over_cap": pick(["wait", "wait", "skip"])}
        branches = [
            {"name": name, "share": "40 percent", "steps": [self.step(nested=True) for _ in range(pick([0, 1, 2]))]}
            for name in ("one", "two")
        ]
        return {"id": id, "kind": "split", "branches": branches}

    def definition(self) -> Flow:
        email = {"from": "a@b.example", "reply_to": "same_as_from", "window": self.window}
        return Flow.model_validate(
            {
                "id": FLOW, "name": FLOW, "time_zone": "Europe/Oslo", "steps": self.steps, "settings": self.settings,
                "enrolment": {"key": "event.order"} if self.key else {},
                "email": {name: value for name, value in email.items() if value is not None},
            }
        )  # fmt: skip

    def rows_of_steps(self) -> list[list[Step]]:
        """Every sequence of steps."""
        return [self.steps, *(branch["steps"] for step in self.steps for branch in step.get("branches", ()))]

    def edit(self) -> None:
        """Change one thing of the flow."""
        row = self.random.choice(self.rows_of_steps())
        what = self.random.choice(
            ["change", "change", "change", "remove", "remove", "insert", "move", "kind", "setting"]
        )
        if what == "setting":
            if self.random.random() < 0.5:
                self.window = self.random.choice(WINDOWS)
            else:
                self.settings["waits_during_pause"] = self.random.choice(["keep", "freeze"])
        elif what == "insert" or not row:
            row.insert(self.random.randint(0, len(row)), self.step(nested=row is not self.steps))
        else:
            at = self.random.randrange(len(row))
            step = row[at]
            if what == "remove" and (len(row) > 1 or row is not self.steps):  # a flow without steps does not run
                del row[at]
            elif what == "move":
                row.insert(self.random.randint(0, len(row) - 1), row.pop(at))
            elif what == "kind":
                row[at] = self.of_kind(step["id"], self.random.choice(["for", "action", "act"]))
            elif step["kind"] == "split":
                step["branches"].reverse()
            elif step["kind"] == "wait":
                kind = "for" if "for" in step else "date" if "until" in step else "weekday"
                row[at] = self.of_kind(step["id"], kind)
            else:
                kind = {"wait_for_action": "action", "update_person": "act", "send_email": "mail"}[step["kind"]]
                row[at] = self.of_kind(step["id"], kind)

    # --- people ---------------------------------------------------------------------------------------------------

    async def begin(self) -> None:
        content = ContentRow(
            id="mail", name="mail", state="ready", subject="Hello", html="<p>Hello</p>", text="Hello",
            created_at=self.now, updated_at=self.now,
        )  # fmt: skip
        await self.db.write(lambda session: session.add(content))
        flow = self.definition()
        await self.write(lambda session: versions.create(session, flow, "", self.now) and None)
        await self.give("run")

    async def give(self, given: Command) -> None:
        catalog = self.core.crm.catalog
        await self.write(
            lambda session: command(session, self.core.definitions, catalog(session), FLOW, given, self.now) and None
        )

    async def comes(self) -> None:
        id = new_id("per")
        row = Person(
            id=id, email=f"{id}@x.example", email_key=f"{id}@x.example", time_zone=self.random.choice(ZONES),
            created_at=self.now, updated_at=self.now,
        )  # fmt: skip
        await self.db.write(lambda session: session.add(row))
        for order in ("a", "b") if self.key else ("",):
            proposal = Proposal(FLOW, id, "api", event={"order": order})
            await self.write(lambda session, it=proposal: self.core.enrolment.propose(session, it, self.now) and None)  # type: ignore[misc]

    async def some_days(self) -> None:
        """People come, time passes, and now and then the flow is paused for a while."""
        for _ in range(self.random.randint(3, 6)):
            await self.comes()
            await self.journeys.run()
            if self.random.random() < 0.3:
                await self.give("pause")
                self.now += self.random.randint(1, 20) * HOUR
                await self.give("resume")
                await self.journeys.run()
            inside = [id for id, row in (await self.rows()).items() if row.status is Status.ACTIVE]
            if inside and self.random.random() < 0.3:
                one = self.random.choice(inside)
                await self.operate("pause", one)
                self.now += self.random.randint(1, 20) * HOUR
                await self.operate("resume", one)
            self.now += self.random.choice([1, 7, 26]) * HOUR + timedelta(minutes=self.random.randrange(60))
            await self.journeys.run()

    async def rows(self) -> dict[str, ParticipantRow]:
        found = await self.db.read(
            lambda session: session.scalars(select(ParticipantRow).where(col(ParticipantRow.flow) == FLOW)).all()
        )
        return {row.id: row for row in found}

    async def stand(self) -> dict[str, Stood]:
        """Where everyone inside stands, and until when, as it reads."""

        def look(session: Session) -> dict[str, Stood]:
            flow = session.get_one(FlowRow, FLOW)
            rows = session.scalars(select(ParticipantRow).where(col(ParticipantRow.status) == Status.ACTIVE)).all()
            ends = untils(session, self.core.definitions, [(row, flow) for row in rows], self.now)
            steps = {row.id: last_with(session, self.core.definitions, FLOW, row.version, row.step)[1] for row in rows}
            return {row.id: Stood(row.step, steps[row.id].kind, ends[row.id], row.plan.get("kind", "")) for row in rows}

        return await self.db.read(look)

    async def operate(self, name: str, participant: str) -> None:
        does = getattr(Participants(self.core.rules), name)
        await self.write(lambda session: does(session, participant, self.now) and None)

    # --- editing --------------------------------------------------------------------------------------------------

    async def save(self, *, dry_run: bool = False) -> list[StepEffect]:
        flow = self.definition()
        edited = await self.write(
            lambda session: versions.replace(
                session, self.core.definitions, self.core.crm.catalog(session), flow, "", self.now, dry_run=dry_run
            )
        )
        return edited.effects

    async def edits(self) -> list[StepEffect] | None:
        """One edit that is told, then saved; None: the guard refuses it, and nothing has changed."""
        before, version = deepcopy((self.steps, self.settings, self.window)), await self.version()
        self.edit()
        told = await self.save(dry_run=True)
        assert await self.version() == version
        for effect in told:
            parts = effect.unaffected + effect.replanned + effect.moved_on + effect.refused
            assert parts == effect.standing, effect
        if any(effect.refused for effect in told):
            assert self.guard
            with pytest.raises(StepsOccupied):
                await self.save()
            self.steps, self.settings, self.window = before
            return None
        assert await self.save() == told
        return told

    async def version(self) -> int:
        return (await self.db.read(lambda session: session.get_one(FlowRow, FLOW))).version

    def check(
        self,
        told: list[StepEffect],
        before: dict[str, Stood],
        now: dict[str, Stood],
        rows: dict[str, ParticipantRow],
        held: list[str],
        afresh: set[str],
    ) -> None:
        """What has become of who stood somewhere is what was told. Who was `held` was woken for that as well.

        `afresh` are the steps whose people an edit before plans afresh, by what it cannot tell: the window and the cap.
        """
        after = {step.id: step for _, step in self.definition().walk()}
        for effect in told:
            if effect.change == "added":
                continue
            there = {id: at for id, at in before.items() if at.step == effect.step}
            assert len(there) == effect.standing, effect
            kept = {id: now[id] for id, at in there.items() if id in now and now[id].place == at.place}
            stay, gone = {id: at.until for id, at in kept.items()}, there.keys() - kept.keys()
            later = after.get(effect.step)
            if later is not None and later.acts:  # it is done as soon as it may be
                mailed = later.kind == "send_email" and effect.step not in afresh
                if mailed and effect.change == "unchanged" and effect.unaffected == effect.standing:
                    asleep = {id: at.until for id, at in there.items() if id not in held and _comes(at, self.now)}
                    assert asleep == {id: stay.get(id) for id in asleep}, effect
                continue
            if effect.replanned and effect.after is None:
                continue  # more decides than the time
            if effect.moved_on and effect.after is not None and not effect.replanned:
                assert None not in stay.values(), effect  # a removed action, each with its planned time
                continue
            planned = {id: there[id].until for id in stay}
            if effect.unaffected == effect.standing:  # by an edit before, the time of some may be up
                # Nothing is said of who waits for the time of an action that was here before, under the same id.
                of_it = {id: at for id, at in there.items() if at.rests == at.kind}
                assert gone & of_it.keys() == {id for id, at in of_it.items() if at.until and at.until <= self.now}
                assert [stay[id] for id in stay if id in of_it] == [planned[id] for id in stay if id in of_it], effect
                continue
            assert len(gone) == effect.moved_on, effect
            if effect.replanned and effect.after is not None:
                assert span(stay.values()) == effect.after, effect
            if effect.replanned and effect.before is not None:
                assert span(planned.values()) == effect.before, effect
            if later is None and effect.on_to is not None:
                assert all(effect.on_to in (rows[id].step, *rows[id].passed) for id in gone), effect


def _comes(at: Stood, now: datetime) -> bool:
    return at.until is not None and at.until > now


def span(moments: Iterable[datetime | None]) -> Span:
    """From the earliest to the latest."""
    known = [moment for moment in moments if moment is not None]
    return Span(min(known), max(known))


@pytest.mark.parametrize("seed", range(50, 66))
async def test_EDIT_7_what_is_told_is_what_happens(sqlite_databases: SqliteDatabases, seed: int) -> None:
    """EDIT_3 to EDIT_7, LIFE_4, LIFE_12, STEP_19 to STEP_21, TRIG_13: with all that decides beside the step."""
    told = Told(sqlite_databases.create(), seed)
    await told.begin()
    for _ in range(4):
        await told.some_days()
        inside = [id for id, row in (await told.rows()).items() if row.status is Status.ACTIVE]
        held = [id for id in inside if told.random.random() < 0.2]
        for id in held:
            await told.operate("pause", id)
        paused = told.random.random() < 0.5
        if paused:
            await told.give("pause")
            await told.comes()
        await told.journeys.run()
        before, effects, afresh = await told.stand(), list[StepEffect](), set[str]()
        for _ in range(told.random.choice([1, 1, 2, 3])):
            stood, saved = await told.stand(), await told.edits()
            if saved is not None:
                afresh |= {each.step for each in effects if each.replanned and each.after is None}
                before, effects = stood, saved
                if not paused:
                    break
        if paused:
            await told.give("resume")
        for id in held:
            await told.operate("resume", id)
        await told.journeys.run()
        rows = await told.rows()
        told.check(effects, before, await told.stand(), rows, held, afresh)
        assert not any(row.status is Status.QUEUED for row in rows.values())
    told.db.close()
