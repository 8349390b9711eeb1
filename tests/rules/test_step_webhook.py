"""STEP_22: a signed call to a named endpoint, once, and what is kept of its answer."""

import base64
import hashlib
import hmac
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest

from activities.webhooks import signing
from flows.outcome import Reason
from store.journeys import EffectStatus
from store.outside import EndpointRow
from tests.rules.given import DAY, ended, left, steps_passed, when
from tests.support.backend import Backend, Call, Reply, backend
from tests.support.waiting import eventually
from tests.support.world import World, mail, now

SECRET = signing.new_secret()


@pytest.fixture
async def erp(world: World) -> AsyncIterator[Backend]:
    """A program behind the endpoint `erp`."""
    async with backend() as program:
        row = EndpointRow(
            id="erp", name="ERP", url=f"{program.url}/in", secret=SECRET, headers={"Authorization": "Bearer abc"},
            created_at=now(), updated_at=now(),
        )  # fmt: skip
        await world.db.write(lambda session: session.add(row))
        yield program


def call(id: str = "call", **settings: Any) -> dict[str, Any]:
    """A step that calls the endpoint."""
    return {"id": id, "kind": "call_webhook", "endpoint": "erp", **settings}


def signature(call: Call) -> str:
    """What a receiver computes."""
    key = base64.b64decode(SECRET.removeprefix("whsec_"))
    signed = f"{call.headers['webhook-id']}.{call.headers['webhook-timestamp']}.".encode() + call.body
    return "v1," + base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()


async def test_STEP_22_a_signed_call_with_a_key_and_only_what_the_step_names(world: World, erp: Backend) -> None:
    step = call(data={"plan": "trial", "country": "{{ person.country }}", "seats": 3})
    flow = await world.flow("hook", step)
    person = await world.person(country="NO")
    participant = await world.enrol(flow, person)
    assert await left(world, participant) is Reason.COMPLETED
    (made,) = erp.calls
    assert (made.method, made.path) == ("POST", "/in")
    assert made.headers["idempotency-key"] == f"{participant}/call/1"
    assert made.headers["authorization"] == "Bearer abc"
    assert made.headers["content-type"] == "application/cloudevents+json"
    assert made.headers["webhook-signature"] == signature(made)
    event = made.data
    assert (event["specversion"], event["source"], event["subject"]) == ("1.0", f"/flows/{flow}", f"person:{person}")
    assert event["data"] == {
        "flow": flow, "step": "call", "participant": participant, "person": person,
        "values": {"plan": "trial", "country": "NO", "seats": 3},
    }  # fmt: skip
    assert b"Nordmann" not in made.body


async def test_STEP_22_what_is_kept_decides_later_and_fills_merge_tags(world: World, erp: Backend) -> None:
    erp.reply = lambda call: Reply(200, {"result": {"score": 81.5}, "code": "SUMMER", "secret": "x"})
    step = call(keep={"score": "result.score", "code": "code", "missing": "not.there"})
    high = {"name": "High", "when": when("participant.score", 80, ">"), "steps": [mail("high")]}
    await world.content(subject="ignored", text="Use {{ participant.code }}", html="")
    flow = await world.flow("keep", step, {"id": "split", "kind": "split", "branches": [high]})
    participant = await world.enrol(flow)
    assert await left(world, participant) is Reason.COMPLETED
    called = await world.participant(participant)
    assert called.kept == {"score": 81.5, "code": "SUMMER"}
    assert "Called erp and kept code, score" in [line.text for line in called.journal]
    (sent,) = world.inbox.mails
    assert sent["Subject"] == "high"
    assert "Use SUMMER" in str(sent.get_content())


async def test_STEP_22_SAFE_1_what_cannot_be_stored_is_not_kept_and_the_call_not_made_again(
    world: World, erp: Backend
) -> None:
    """NUL, half a character, no number at all: another program may answer it, and neither database holds it."""
    nested: list[Any] = []
    for _ in range(100):
        nested = [nested]
    answered = {"nul": "n\0", "half": "\ud83d", "no_number": float("nan"), "nested": nested, "code": "SUMMER"}
    erp.reply = lambda call: Reply(data=answered)
    participant = await world.enrol(await world.flow("odd", call(keep={name: name for name in answered})))
    assert await left(world, participant) is Reason.COMPLETED
    assert (await world.participant(participant)).kept == {"code": "SUMMER"}
    assert len(erp.calls) == 1


async def test_STEP_22_SAFE_1_a_lost_answer_is_repeated_with_the_same_key_and_body(world: World, erp: Backend) -> None:
    erp.script.extend(["drop", Reply(503), Reply(500)])
    flow = await world.flow("again", call(data={"name": "{{ person.first_name }}"}))
    participant = await world.enrol(flow)
    assert await ended(world, flow, participant) is Reason.COMPLETED
    assert len(erp.calls) == 4
    assert len({made.headers["idempotency-key"] for made in erp.calls}) == 1
    assert len({made.headers["webhook-id"] for made in erp.calls}) == 1
    assert len({made.body for made in erp.calls}) == 1
    (effect,) = await world.effects(participant)
    assert (effect.status, effect.tries) == (EffectStatus.DONE, 4)


async def test_STEP_22_SAFE_2_a_lost_answer_is_left_to_a_person_where_the_step_says_so(
    world: World, erp: Backend
) -> None:
    erp.script.append("drop")
    participant = await world.enrol(await world.flow("leave", call(on_unknown="leave")))
    assert await left(world, participant) is Reason.COMPLETED
    assert len(erp.calls) == 1
    (effect,) = await world.effects(participant)
    assert effect.status is EffectStatus.UNKNOWN
    assert ("call", "unknown") in await world.journal(participant)


@pytest.mark.parametrize(("on_error", "reason"), [("continue", Reason.COMPLETED), ("drop_out", Reason.STEP_FAILED)])
async def test_STEP_22_a_refusal_follows_on_error(world: World, erp: Backend, on_error: str, reason: Reason) -> None:
    erp.reply = lambda call: Reply(422)
    participant = await world.enrol(await world.flow("refused", call(on_error=on_error)))
    assert await left(world, participant) is reason
    assert len(erp.calls) == 1


async def test_SAFE_3_one_that_is_refused_holds_that_participant_alone(world: World, erp: Backend) -> None:
    bad = await world.person(country="SE")
    erp.reply = lambda call: Reply(400 if call.data["subject"] == f"person:{bad}" else 200)
    flow = await world.flow("alone", call())
    held, others = await world.enrol(flow, bad), [await world.enrol(flow) for _ in range(5)]
    assert (await world.until(held, holding=True)).held == ["failing"]
    assert [await left(world, other) for other in others] == [Reason.COMPLETED] * 5


async def test_STEP_22_a_server_that_asks_for_time_gets_it(world: World, erp: Backend) -> None:
    erp.script.append(Reply(429, headers={"Retry-After": "7200"}))
    flow = await world.flow("later", call())
    participant = await world.enrol(flow)
    row = await eventually(lambda: world.participant(participant), lambda row: row.until is not None)
    assert row.until is not None
    assert timedelta(minutes=100) < row.until - now() <= timedelta(hours=2)
    await world.forward(flow, participant, DAY)
    assert await left(world, participant) is Reason.COMPLETED
    assert len(erp.calls) == 2
    assert await steps_passed(world, participant) == ["call"]
