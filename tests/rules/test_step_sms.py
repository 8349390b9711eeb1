"""STEP_2 and PART_2: SMS, from the flow to the phone and back."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
from pytest_httpserver import HTTPServer
from temporalio.testing import WorkflowEnvironment
from werkzeug import Request, Response

from activities.responses.deliveries import says_stop
from flows.outcome import Reason
from store.journeys import EffectStatus, EventRow
from tests.rules.given import closed_now, enrolled_people, is_member, left, person_now, resting, steps_passed
from tests.support.phone import ACCOUNT, TOKEN, Phone
from tests.support.world import World, taken, wait
from tests.support.world import world as make_world

SMS = {"from": "FjordCoffee"}
KARI, OLA = "+4740000000", "+4740000001"


async def _says(world: World, number: str, text: str, id: str) -> None:
    """An SMS comes in, as the provider tells it."""
    told = {"From": number, "Body": text, "MessageSid": id}
    assert (await world.api.post("/hooks/sms-in", data=told)).is_success


@pytest.fixture
def phone(httpserver: HTTPServer) -> Phone:
    return Phone(httpserver)


@pytest.fixture
async def world(
    temporal_env: WorkflowEnvironment, database_url: str, tmp_path: Path, phone: Phone
) -> AsyncIterator[World]:
    """A world whose SMS go to the phone."""
    provider: dict[str, Any] = {"sms_url": phone.url, "sms_account": ACCOUNT, "sms_token": TOKEN}
    async with make_world(temporal_env, database_url, tmp_path, **provider) as small:
        yield small


def sms(id: str = "text", **settings: Any) -> dict[str, Any]:
    """A step that sends an SMS."""
    return {"id": id, "kind": "send_sms", "text": "Hei {{ person.first_name }}", **settings}


async def _said(world: World, participant: str, event: str) -> list[str]:
    return [line.text for line in await world.lines(participant) if line.event == event]


async def test_STEP_2_an_sms_reaches_the_phone_and_is_kept(world: World, phone: Phone) -> None:
    flow = await world.flow("sms", sms(), sms(id="long", text="å" * 161, **{"from": "2007"}), sms=SMS)
    kari = await world.person(mobile="400 00 000", country="NO")
    participant = await world.enrol(flow, kari)
    assert await left(world, participant) is Reason.COMPLETED
    first, second = phone.to(KARI)
    assert (first["From"], first["Body"]) == ("FjordCoffee", "Hei Kari")
    assert (second["From"], second["Body"]) == ("2007", "å" * 161)
    kept = await world.messages(participant=participant)
    assert [(row.channel, row.to, row.sender, row.text, row.segments, row.state) for row in kept] == [
        ("sms", KARI, "FjordCoffee", "Hei Kari", 1, EffectStatus.DONE),
        ("sms", KARI, "2007", "å" * 161, 2, EffectStatus.DONE),
    ]
    assert await _said(world, participant, "done") == ["Sent SMS (1 segment, GSM)", "Sent SMS (2 segments, GSM)"]
    assert [effect.provider_id for effect in await world.stored.effects(flow)] == ["SM1", "SM2"]


@pytest.mark.parametrize("mobile", [None, "+4722000000"])
async def test_STEP_2_without_a_mobile_number_on_or_out(world: World, phone: Phone, mobile: str | None) -> None:
    await world.selection("post")
    on = await world.flow("on", sms(), sms=SMS)
    out = await world.flow(
        "out", sms(without_mobile="exit", exit={"add_to_selection": "post", "add_to_flow": on}), sms=SMS
    )
    nobody = await world.person(mobile=mobile)
    participant = await world.enrol(out, nobody)
    assert await left(world, participant) is Reason.NO_MOBILE
    assert await is_member(world, nobody, "post")
    assert await enrolled_people(world, on) == [nobody]
    after = (await world.participants(on))[0].id
    assert await left(world, after) is Reason.COMPLETED
    assert await _said(world, after, "skipped") == ["no mobile number"]
    assert phone.texts == []


async def test_PART_2_who_gets_no_sms_drops_out_with_the_reason(world: World, phone: Phone) -> None:
    flow = await world.flow("sms", sms(), wait("rest", "1 day"), sms=SMS)
    withdrawn = await world.person(mobile=OLA, consent={"sms": "withdrawn"})
    assert await left(world, await world.enrol(flow, withdrawn)) is Reason.CONSENT_WITHDRAWN
    # What was said about e-mail says nothing about SMS.
    first = await world.enrol(flow, await world.person(mobile=KARI, consent={"email": "withdrawn"}))
    await resting(world, first, "rest")
    second = await world.enrol(flow, await world.person(mobile="400 00 000", country="NO"))
    assert await left(world, second) is Reason.ADDRESS_ACTIVE
    taken(await world.api.post("/v1/blocked", json={"channel": "sms", "address": OLA, "reason": "complained"}))
    assert await left(world, await world.enrol(flow, await world.person(mobile=OLA))) is Reason.ADDRESS_BLOCKED
    assert len(phone.texts) == 1


async def test_STEP_19_an_sms_waits_for_the_window_of_sms(world: World, phone: Phone) -> None:
    flow = await world.flow("sms", sms(), sms={**SMS, "window": closed_now()})
    participant = await world.enrol(flow, await world.person(mobile=KARI))
    await resting(world, participant, "text")
    assert phone.texts == []
    await world.forward(flow, participant)
    assert await left(world, participant) is Reason.COMPLETED
    assert len(phone.texts) == 1


async def test_SAFE_2_an_sms_of_which_nobody_knows_is_not_sent_again_and_the_providers_report_settles_it(
    world: World, phone: Phone
) -> None:
    def accepted_and_broken(request: Request) -> Response:
        phone.texts.append(request.form.to_dict())
        return Response("oops", 502)

    phone.next = accepted_and_broken
    flow = await world.flow("sms", sms(), sms=SMS)
    participant = await world.enrol(flow, await world.person(mobile=KARI))
    assert await left(world, participant) is Reason.COMPLETED
    (text,) = phone.texts
    (effect,) = await world.effects(participant)
    (message,) = await world.messages(participant=participant)
    assert (effect.status, message.state) == (EffectStatus.UNKNOWN, EffectStatus.UNKNOWN)
    assert text["StatusCallback"].endswith(f"?message={message.id}")

    async def report(status: str) -> None:
        taken(
            await world.api.post(httpx2.URL(text["StatusCallback"]).raw_path.decode(), data={"MessageStatus": status})
        )

    await report("delivered")
    await report("sent")  # one overtaken by the other
    (effect,) = await world.effects(participant)
    (message,) = await world.messages(participant=participant)
    assert (effect.status, message.state, message.delivery) == (EffectStatus.DONE, EffectStatus.DONE, "delivered")


async def test_STEP_2_a_number_that_the_provider_does_not_reach_drops_out(world: World, phone: Phone) -> None:
    phone.next = lambda request: Response('{"code": 21614}', 400, mimetype="application/json")
    flow = await world.flow("sms", sms(), sms=SMS)
    participant = await world.enrol(flow, await world.person(mobile=KARI))
    assert await left(world, participant) is Reason.UNREACHABLE


async def test_PART_2_stop_withdraws_the_consent_to_sms(world: World, phone: Phone) -> None:
    """Everybody with that number, and whoever waits for it is woken."""
    waiting = {
        "id": "heard", "kind": "wait_for_action", "actions": [{"event": "sms.received"}], "within": "7 days",
    }  # fmt: skip
    flow = await world.flow("sms", sms(), waiting, sms(id="again"), sms=SMS)
    kari = await world.person(mobile=KARI)
    twin = await world.person(mobile=KARI)
    participant = await world.enrol(flow, kari)
    await resting(world, participant, "heard")
    for _ in range(2):  # told twice, it happened once
        await _says(world, KARI, "Stopp!", "SM9")
    assert await left(world, participant) is Reason.CONSENT_WITHDRAWN
    assert await steps_passed(world, participant) == ["text", "heard"]
    assert [(await person_now(world, one)).consent.sms for one in (kari, twin)] == ["withdrawn"] * 2
    assert await world.stored.count(EventRow, EventRow.type == "sms.received") == 2
    assert len(phone.texts) == 1


async def test_PART_2_stop_from_an_unknown_number_blocks_it(world: World, phone: Phone) -> None:
    await _says(world, OLA, "STOP", "SM1")
    flow = await world.flow("sms", sms(), sms=SMS)
    assert await left(world, await world.enrol(flow, await world.person(mobile=OLA))) is Reason.ADDRESS_BLOCKED


async def test_PART_2_start_takes_a_stop_back_once_and_nothing_else(world: World, phone: Phone) -> None:
    """Consent and the block of an unknown number; told again after another STOP it takes nothing back."""
    kari = await world.person(mobile=KARI)
    for text, id in [("STOP", "1"), ("Start now?", "2")]:
        await _says(world, KARI, text, id)
    assert (await person_now(world, kari)).consent.sms == "withdrawn"
    await _says(world, KARI, " START. ", "3")
    assert (await person_now(world, kari)).consent.sms == "granted"
    for text, id in [("STOP", "4"), ("START", "3")]:
        await _says(world, KARI, text, id)
    assert (await person_now(world, kari)).consent.sms == "withdrawn"

    for text, id in [("STOP", "5"), ("START", "6")]:
        await _says(world, OLA, text, id)
    assert await world.stored.count(EventRow, EventRow.subject == f"mobile:{OLA}") == 2
    flow = await world.flow("sms", sms(), sms=SMS)
    assert await left(world, await world.enrol(flow, await world.person(mobile=OLA))) is Reason.COMPLETED
    assert len(phone.texts) == 1


@pytest.mark.parametrize(
    "text", ["STOP", " stopp. ", "Stop FjordCoffee", "unsubscribe me", "QUIT", "Avmeld", "\uff33\uff34\uff2f\uff30"]
)
def test_PART_2_words_that_withdraw(text: str) -> None:
    assert says_stop(text)


@pytest.mark.parametrize("text", ["", "Yes please", "End of June suits me", "Don't stop!", "👍"])
def test_PART_2_words_that_do_not(text: str) -> None:
    assert not says_stop(text)
