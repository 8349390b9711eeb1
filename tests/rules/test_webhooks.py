"""Outgoing webhooks: what a subscribed endpoint hears, signed, at least once, and with nothing personal in it."""

import asyncio
import base64
import hashlib
import hmac
import threading
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
from sqlmodel import Session

from activities.life.commands import command
from activities.web import Web
from activities.webhooks import signing
from activities.webhooks.deliveries import Deliveries
from activities.webhooks.endpoints import ENDPOINTS, EndpointIn
from activities.webhooks.telling import Horizon
from flows.outcome import Reason
from store.journeys import JournalRow
from store.outside import Delivery, EndpointRow
from tests.rules.given import left
from tests.support.backend import Backend, Call, Reply, backend
from tests.support.waiting import eventually
from tests.support.world import World, mail, now

SECRET = signing.new_secret()
ALL = [
    "participant.enrolled", "participant.step_done", "participant.finished", "participant.dropped_out",
    "participant.cancelled", "participant.needs_attention", "flow.status_changed",
]  # fmt: skip


@pytest.fixture
async def listener() -> AsyncIterator[Backend]:
    """A program that listens."""
    async with backend() as program:
        yield program


async def subscribe(world: World, program: Backend, *events: str, id: str = "listener") -> None:
    """Have an endpoint told of these."""
    given = EndpointIn.model_validate({"name": id, "url": program.url, "secret": SECRET, "events": list(events)})
    await world.db.write(lambda session: ENDPOINTS.replace(session, id, given, now()) and None)


def types(program: Backend) -> list[str]:
    """What was heard."""
    return [call.data["type"].removeprefix("ferd.") for call in program.calls]


async def heard(program: Backend, count: int) -> list[Call]:
    """The calls, once there are that many."""

    async def look() -> list[Call]:
        return list(program.calls)

    return await eventually(look, lambda calls: len(calls) >= count)


async def test_a_journey_is_told_signed_and_without_anything_personal(world: World, listener: Backend) -> None:
    await subscribe(world, listener, *ALL)
    flow = await world.flow("told", mail("hello"))
    person = await world.person()
    participant = await world.enrol(flow, person)
    await left(world, participant)
    calls = await heard(listener, 4)
    told = {call.data["type"].removeprefix("ferd."): call for call in calls}
    assert set(told) == {
        "flow.status_changed", "participant.enrolled", "participant.step_done", "participant.finished"
    }  # fmt: skip
    ids = {"flow": flow, "participant": participant, "person": person}
    assert told["participant.enrolled"].data["data"] == ids
    assert told["participant.step_done"].data["data"] == {**ids, "step": "hello", "kind": "send_email"}
    assert told["participant.finished"].data["data"] == {**ids, "status": "finished", "reason": "completed"}
    changed = told["flow.status_changed"].data
    assert changed["data"] == {"flow": flow, "before": "draft", "status": "running", "reason": ""}
    assert "subject" not in changed
    for call in calls:
        assert b"Kari" not in call.body
        assert call.data["id"] == call.headers["webhook-id"]
        key = base64.b64decode(SECRET.removeprefix("whsec_"))
        signed = f"{call.headers['webhook-id']}.{call.headers['webhook-timestamp']}.".encode() + call.body
        wanted = base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
        assert call.headers["webhook-signature"] == f"v1,{wanted}"
    await eventually(lambda: world.stored.count(Delivery), lambda left: left == 0)


async def test_leaving_otherwise_attention_and_a_pause_are_told_to_who_asked_for_it(
    world: World, listener: Backend
) -> None:
    await subscribe(
        world, listener,
        "participant.dropped_out", "participant.cancelled", "participant.needs_attention", "flow.status_changed",
    )  # fmt: skip
    out = await world.enrol(await world.flow("out", {"id": "x", "kind": "exit"}))
    score = {"id": "u", "kind": "update_person", "increase": {"company.custom.score": 1}}  # there is no company
    failing = await world.enrol(await world.flow("bad", score))
    wait = await world.flow("wait", {"id": "w", "kind": "wait", "for": "1 day"})
    cancelled = await world.enrol(wait)
    await world.until(failing, holding=True)
    await world.command(wait, "pause")
    await world.command(wait, "end")
    await left(world, cancelled)
    calls = await heard(listener, 8)
    by = {(call.data["type"].removeprefix("ferd."), call.data["data"].get("participant")): call.data for call in calls}
    assert by["participant.dropped_out", out]["data"]["reason"] == Reason.EXIT.value
    assert by["participant.needs_attention", failing]["data"]["reason"] == "failing"
    assert by["participant.cancelled", cancelled]["data"]["reason"] == Reason.FLOW_ENDED.value
    statuses = [call.data["data"]["status"] for call in calls if call.data["data"]["flow"] == wait]
    assert sorted(status for status in statuses if status != "cancelled") == ["ended", "paused", "running"]


async def test_LIFE_17_a_flow_that_pauses_itself_tells_why(world: World, listener: Backend) -> None:
    """The circuit breaker gives the ordinary command, with its reason."""
    flow = await world.flow("broken", {"id": "w", "kind": "wait", "for": "1 day"})
    await subscribe(world, listener, "flow.status_changed")
    why = "circuit breaker: 11 of the last 50 sends failed"

    def pause(session: Session) -> None:
        command(session, world.core.definitions, world.core.crm.catalog(session), flow, "pause", now(), why=why)

    await world.core.dispatcher.write(pause)
    (call,) = await heard(listener, 1)
    assert call.data["data"] == {"flow": flow, "before": "running", "status": "paused", "reason": why}


async def test_a_listener_that_fails_is_told_again_and_keeps_nobody_waiting(world: World, listener: Backend) -> None:
    """At least once, with the id that it had: so that it can be told apart."""
    async with backend() as broken:
        broken.reply = lambda call: Reply(500)
        await subscribe(world, listener, "participant.enrolled")
        await subscribe(world, broken, "participant.enrolled", id="broken")
        await world.enrol(await world.flow("told", {"id": "w", "kind": "wait", "for": "1 day"}))
        await heard(listener, 1)
        await heard(broken, 1)
        row = await eventually(
            lambda: world.db.read(lambda session: session.get_one(EndpointRow, "broken")), lambda row: row.failures
        )
        assert row.resting_until is not None
        broken.reply = lambda call: Reply(204)
        web = Web(private=True)
        await Deliveries(world.db, web, lambda: now() + timedelta(hours=1)).once()
        await web.close()
        first, second = broken.calls[0], broken.calls[-1]
        assert first is not second
        assert first.headers["webhook-id"] == second.headers["webhook-id"]
        assert first.body == second.body
        await eventually(lambda: world.stored.count(Delivery), lambda left: left == 0)


async def test_who_subscribes_late_hears_what_comes_and_nothing_is_made_for_nobody(
    world: World, listener: Backend
) -> None:
    flow = await world.flow("late", {"id": "w", "kind": "wait", "for": "1 day"})
    await world.enrol(flow)
    assert await world.stored.count(Delivery) == 0
    await subscribe(world, listener, "participant.enrolled")
    later = await world.enrol(flow)
    (call,) = await heard(listener, 1)
    assert call.data["data"]["participant"] == later


async def test_a_line_that_becomes_visible_after_a_later_one_is_not_left_out(still_world: World) -> None:
    """PostgreSQL hands numbers out before it commits; SQLite has one writer at a time."""
    if still_world.db.sqlite:
        pytest.skip("one writer at a time")
    db, horizon, numbers = still_world.db, Horizon(), []

    def line(session: Session) -> int:
        row = JournalRow(participant="p", flow="f", at=now(), event="done", text="")
        session.add(row)
        session.flush()
        return row.number or 0

    written, commit = asyncio.Event(), threading.Event()
    loop = asyncio.get_running_loop()

    def slow(session: Session) -> int:
        number = line(session)
        loop.call_soon_threadsafe(written.set)
        commit.wait(60)
        return number

    first = asyncio.create_task(db.write(slow))
    await written.wait()
    second = await db.write(line)
    for _ in range(5):
        numbers.append(await db.read(horizon.look))
    commit.set()
    assert max(numbers) < await first < second
    await eventually(lambda: db.read(horizon.look), lambda number: number >= second)
