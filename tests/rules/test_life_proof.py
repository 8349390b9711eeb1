"""LIFE_3, 5, 8, 9, 10: a command meets journeys in every state, other commands, and queued work."""

import asyncio
import contextlib
from collections.abc import Callable
from datetime import datetime
from itertools import permutations
from pathlib import Path
from typing import get_args

import pytest
from sqlmodel import Session
from temporalio.testing import WorkflowEnvironment

from activities.journeys.steps import Begun
from activities.life.lifecycle import TABLE
from bench.proofs.findings import Findings
from bench.proofs.queue import Door, prove
from flows.outcome import Reason, Status
from flows.ports import Done as Sent
from store.flows import FlowRow, FlowStatus
from store.journeys import EffectStatus
from tests.rules.given import DAY
from tests.support.waiting import eventually
from tests.support.world import Refused, World, mail, now, wait
from tests.support.world import world as make_world
from workflows.contract import Command, Done, Hold, Perform, Plan

STATES = ("acting", "waiting", "queued", "held", "finishing")


class Hand:
    """Leads journeys by hand, step by step, through the same transactions as the activities."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.steps = world.core.steps

    async def write(self, work: Callable[[Session], Plan | Begun | None]) -> Plan | Begun | None:
        return await self.world.core.dispatcher.write(work)

    async def enter(self, participant: str, at: datetime, *, mine: bool = False) -> Plan | Begun | None:
        """The step that is due, up to the call of the provider."""
        row = await self.world.stored.participant(participant)
        kind = row.plan.get("kind", "")
        if row.plan["type"] == "wait":
            kind = row.plan["then"]["kind"]
        return await self.write(
            lambda session: self.steps.enter(session, participant, row.position, kind, at, mine=mine)
        )

    async def sent(self, participant: str, begun: Begun, at: datetime) -> Plan | Begun | None:
        """The provider has answered."""
        return await self.write(
            lambda session: self.steps.settle(session, participant, begun, Sent("id"), at, last_try=False)
        )

    async def on(self, participant: str, at: datetime) -> Plan:
        """On to the next rest, hold or end."""
        plan = await self.write(lambda session: self.steps.look(session, participant, at))
        while isinstance(plan, Perform | Begun):
            if isinstance(plan, Begun):
                plan = await self.sent(participant, plan, at)
            else:
                plan = await self.enter(participant, at)
        assert plan is not None
        return plan

    async def brought(self, flow: str) -> tuple[dict[str, str], dict[str, Begun]]:
        """One participant in each state, and the effects that are being handed over."""
        world, begun = self.world, {}
        await world.command(flow, "pause")
        there = {"queued": await world.enrol(flow)}
        await world.command(flow, "resume")
        for state in STATES:
            if state != "queued":
                there[state] = await world.enrol(flow)
        for state in ("waiting", "held", "finishing"):
            await self.on(there[state], now())
        await world.operate(there["held"], "pause")
        for state, at in (("acting", now()), ("finishing", now() + 4 * DAY)):
            entered = await self.enter(there[state], at)
            assert isinstance(entered, Begun)
            begun[state] = entered
        return there, begun


async def begun_effects(world: World, flow: str) -> set[str]:
    return {effect.key for effect in await world.stored.effects(flow)}


async def three_steps(world: World) -> str:
    return await world.flow("states", mail("first"), wait("rest", "3 days"), mail("last"), mail("never"))


@pytest.mark.parametrize("given", ["pause", "off", "end", "stop"])
async def test_LIFE_3_5_8_9_a_command_meets_journeys_in_every_state(still_world: World, given: Command) -> None:
    """What was being handed over is heard and written down; nothing else begins, whatever state a journey was in."""
    world, hand = still_world, Hand(still_world)
    flow = await three_steps(world)
    there, begun = await hand.brought(flow)
    before = await begun_effects(world, flow)
    assert (await world.command(flow, given)).under_way == len(begun) == 2
    later = now() + 5 * DAY
    for state, effect in begun.items():
        await hand.sent(there[state], effect, later)
    plans = {state: await hand.on(there[state], later) for state in STATES if state != "queued"}
    assert await begun_effects(world, flow) == before
    assert all(effect.status is EffectStatus.DONE for effect in await world.stored.effects(flow))
    rows = {state: await world.participant(there[state]) for state in STATES}
    if given == "pause":
        assert all(isinstance(plan, Hold) for plan in plans.values())
        assert rows["queued"].status is Status.QUEUED
        assert all(row.status.inside for row in rows.values())
    elif given == "off":
        assert isinstance(plans["held"], Hold)
        assert {rows[state].reason for state in ("waiting", "finishing")} == {Reason.COMPLETED}
        assert rows["acting"].step == "rest"
        skipped = [line.step for line in await world.lines(there["waiting"]) if line.event == "skipped"]
        assert skipped == ["last", "never"]
    else:
        reason = Reason.FLOW_ENDED if given == "end" else Reason.FLOW_STOPPED
        assert all(isinstance(plan, Done) for plan in plans.values())
        assert {rows[state].reason for state in plans} == {reason}


@pytest.mark.parametrize("given", ["pause", "off"])
async def test_LIFE_3_what_was_held_up_before_the_call_is_not_lost(still_world: World, given: Command) -> None:
    """SAFE_1: planned, then slow, then the gate again and a pause: sent after the resume, and never called unknown."""
    world, hand = still_world, Hand(still_world)
    flow = await three_steps(world)
    participant = await world.enrol(flow)
    assert isinstance(await hand.enter(participant, now()), Begun)
    await world.command(flow, given)
    assert not isinstance(await hand.enter(participant, now(), mine=True), Begun)
    [effect] = await world.stored.effects(flow)
    assert effect.status is EffectStatus.FAILED
    assert (await world.command(flow, "run")).under_way == 0
    await hand.on(participant, now())
    [effect] = await world.stored.effects(flow)
    assert effect.status is (EffectStatus.DONE if given == "pause" else EffectStatus.FAILED)


async def test_LIFE_8_an_effect_whose_worker_was_lost_before_the_stop_is_left_to_a_person(still_world: World) -> None:
    """SAFE_2: nobody heard whether it left, and the journey is over: unknown, in the attention list."""
    world, hand = still_world, Hand(still_world)
    flow = await three_steps(world)
    participant = await world.enrol(flow)
    assert isinstance(await hand.enter(participant, now()), Begun)
    await world.command(flow, "stop")
    assert isinstance(await hand.enter(participant, now()), Done)
    assert (await world.stored.effects(flow))[0].status is EffectStatus.UNKNOWN
    assert (await world.command(flow, "stop")).under_way == 0


def outcome(order: tuple[Command, ...], status: FlowStatus) -> FlowStatus:
    """Where commands lead one after another; one that is not allowed changes nothing."""
    for given in order:
        status = TABLE[status].to.get(given, status)
    return status


@pytest.mark.parametrize("start", [FlowStatus.RUNNING, FlowStatus.PAUSED, FlowStatus.OFF])
async def test_LIFE_10_racing_commands_end_in_one_of_the_legal_orders(still_world: World, start: FlowStatus) -> None:
    world = still_world
    pairs = [pair for pair in permutations(get_args(Command), 2) if pair[0] < pair[1]]
    for number, pair in enumerate(pairs):
        flow = await world.save(world.definition(f"race-{number}", mail("hello")))

        def put(session: Session, flow: str = flow) -> None:
            session.get_one(FlowRow, flow).status = start

        await world.db.write(put)
        answers = await asyncio.gather(*(world.command(flow, given) for given in pair), return_exceptions=True)
        assert all(not isinstance(answer, BaseException) or isinstance(answer, Refused) for answer in answers)
        assert (await world.state(flow)).status in {outcome(order, start) for order in permutations(pair)}, pair


@pytest.mark.parametrize(("ours", "theirs"), [("pause", "end"), ("off", "close"), ("end", "stop")])
async def test_LIFE_10_an_operator_and_the_temporal_ui_race(world: World, ours: Command, theirs: Command) -> None:
    flow = await world.flow("race", wait("rest", "3 days"))
    participant = await world.enrol(flow)
    await world.until(participant, step="rest")
    await world.settled(flow)

    async def ui() -> None:
        await world.life(flow).signal(theirs)

    async def operator() -> None:
        with contextlib.suppress(Refused):
            await world.command(flow, ours)

    await asyncio.gather(operator(), ui())
    legal = {outcome(order, FlowStatus.RUNNING) for order in permutations((ours, theirs))}

    async def carried_out() -> bool:
        events = (await world.life(flow).fetch_history()).events
        return any(
            event.activity_task_completed_event_attributes.result.payloads
            and theirs.encode() in event.activity_task_completed_event_attributes.result.payloads[0].data
            for event in events
        )

    await eventually(carried_out)
    assert (await world.state(flow)).status in legal


async def test_LIFE_10_commands_do_not_wait_behind_queued_tasks(
    temporal_env: WorkflowEnvironment, database_url: str, tmp_path: Path
) -> None:
    """LIFE_3, 5, 8, 15: without a worker and beside a busy one everyone reads as paused or cancelled, nothing begins.

    `make proofs` does the same with 20,000.
    """
    door = Door()
    async with make_world(temporal_env, database_url, tmp_path, worker=False, inbox=door) as world:
        await prove(world, door, 36, Findings())
