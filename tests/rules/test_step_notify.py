"""STEP_10, STEP_11: telling one of us about a person."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from pytest_httpserver import HTTPServer
from temporalio.testing import WorkflowEnvironment
from werkzeug import Request, Response

from flows.outcome import Reason
from store.journeys import EffectStatus
from store.people import Associate
from tests.rules.given import DAY, HOUR, closed_now, left, resting, steps_passed
from tests.support.phone import ACCOUNT, TOKEN, Phone
from tests.support.running import running
from tests.support.waiting import eventually
from tests.support.world import SENDER, World, mail, now, wait
from tests.support.world import world as make_world

SMS = {"from": "FjordCoffee"}
IDA, OLA = "+4740000000", "+4740000001"


@pytest.fixture
def phone(httpserver: HTTPServer) -> Phone:
    return Phone(httpserver)


@pytest.fixture
async def world(
    temporal_env: WorkflowEnvironment, database_url: str, tmp_path: Path, phone: Phone
) -> AsyncIterator[World]:
    """A world with two associates, and one who cannot be reached; nobody gets more than one message a week."""
    settings: dict[str, Any] = {
        "sms_url": phone.url, "sms_account": ACCOUNT, "sms_token": TOKEN,
        "cap_email": "1 per week", "cap_sms": "1 per week",
    }  # fmt: skip
    async with make_world(temporal_env, database_url, tmp_path, **settings) as small:
        for id, email, mobile in [
            ("ida", "ida@fjord.example", IDA), ("ola", "ola@fjord.example", OLA), ("mute", None, None),
        ]:  # fmt: skip
            times: dict[str, Any] = {"created_at": now(), "updated_at": now()}
            row = Associate(id=id, name=id.title(), email=email, mobile=mobile, **times)
            await small.db.write(lambda session, row=row: session.add(row))  # type: ignore[misc]
        yield small


def by_email(**settings: Any) -> dict[str, Any]:
    """A step that notifies by e-mail."""
    texts = {"subject": "{{ person.name }} wants you", "text": "Call {{ person.first_name }}: https://x.example/1"}
    return {"id": "tell", "kind": "notify_email", **texts, **settings}


def by_sms(**settings: Any) -> dict[str, Any]:
    """A step that notifies by SMS."""
    return {"id": "tell", "kind": "notify_sms", "text": "Call {{ person.first_name }}", **settings}


async def test_STEP_10_our_contact_is_told_by_e_mail(world: World) -> None:
    """Plain and untracked; the person's own consent, window and cap have no say in it (STEP_19, STEP_21)."""
    email = {**SENDER, "window": closed_now()}
    flow = await world.flow("tell", by_email(to="our_contact"), by_email(to="ola", id="both"), email=email)
    kari = await world.person(our_contact="ida", consent={"email": "withdrawn"})
    participant = await world.enrol(flow, kari)
    assert await left(world, participant) is Reason.COMPLETED
    told, _ = world.inbox.mails
    assert (told["To"], told["Subject"]) == ("Ida <ida@fjord.example>", "Kari Nordmann wants you")
    assert told.get_content_type() == "text/plain"
    assert told.get_content().strip() == "Call Kari: https://x.example/1"
    assert "List-Unsubscribe" not in told
    row, _ = await world.messages(participant=participant)
    assert (row.notice, row.to, row.person, row.state) == (True, "ida@fjord.example", kari, EffectStatus.DONE)


async def test_STEP_10_several_of_us_and_addresses_get_one_mail(world: World) -> None:
    """Nobody twice, by whatever name."""
    to = ["our_service_contact", "ola", "mute", "sales@fjord.example", "ida", "Ola@fjord.example"]
    flow = await world.flow("tell", by_email(to=to))
    participant = await world.enrol(flow, await world.person(our_service_contact="ida"))
    assert await left(world, participant) is Reason.COMPLETED
    (told,) = world.inbox.mails
    assert told["To"] == "Ida <ida@fjord.example>, Ola <ola@fjord.example>, sales@fjord.example"
    assert world.inbox.recipients == [["ida@fjord.example", "ola@fjord.example", "sales@fjord.example"]]


@pytest.mark.parametrize("step", [by_email, by_sms])
async def test_STEP_10_STEP_11_nobody_to_tell(world: World, phone: Phone, step: Any) -> None:
    """The fallback, else on_error."""
    held = await world.flow("held", step(to="our_contact"), sms=SMS)
    over = await world.flow("over", step(to=["our_contact", "mute"], on_error="continue"), sms=SMS)
    instead = await world.flow("instead", step(to="our_contact", fallback="ola"), sms=SMS)
    nobodys = await world.person(our_contact="mute")
    assert (await world.until(await world.enrol(held, nobodys), holding=True)).held == ["failing"]
    assert await left(world, await world.enrol(over, nobodys)) is Reason.COMPLETED
    assert await left(world, await world.enrol(instead, nobodys)) is Reason.COMPLETED
    told = [str(mail["To"]) for mail in world.inbox.mails] + [text["To"] for text in phone.texts]
    assert told == (["Ola <ola@fjord.example>"] if step is by_email else [OLA])


async def test_STEP_10_an_address_of_ours_that_is_refused_is_no_reason_to_drop_the_person(world: World) -> None:
    world.inbox.refused = {"ida@fjord.example": "550 5.1.1 No such user"}
    alone = await world.flow("alone", by_email(to="ida", on_error="continue"))
    participant = await world.enrol(alone)
    assert await left(world, participant) is Reason.COMPLETED
    assert [effect.status for effect in await world.effects(participant)] == [EffectStatus.FAILED]
    # Of several it is enough that one is taken.
    both = await world.enrol(await world.flow("both", by_email(to=["ida", "ola"])))
    assert await left(world, both) is Reason.COMPLETED
    assert world.inbox.recipients == [["ola@fjord.example"]]


async def test_STEP_11_named_people_are_told_by_sms(world: World, phone: Phone) -> None:
    sms = {**SMS, "window": closed_now()}
    flow = await world.flow("tell", by_sms(to=["ida", "ola", "mute"], **{"from": "2007"}), sms=sms)
    participant = await world.enrol(flow, await world.person(consent={"sms": "withdrawn"}))
    assert await left(world, participant) is Reason.COMPLETED
    assert [(text["To"], text["From"], text["Body"]) for text in phone.texts] == [
        (IDA, "2007", "Call Kari"),
        (OLA, "2007", "Call Kari"),
    ]
    assert len(set(phone.keys)) == 2
    (row,) = await world.messages(participant=participant)
    assert (row.notice, row.to) == (True, f"{IDA}, {OLA}")


async def test_SAFE_2_an_sms_that_not_everybody_got_is_looked_at_and_not_repeated(world: World, phone: Phone) -> None:
    def refuse_ida(request: Request) -> Response | None:
        return Response("busy", 503) if request.form["To"] == IDA else None

    phone.next = refuse_ida
    participant = await world.enrol(await world.flow("tell", by_sms(to=["ida", "ola"]), sms=SMS))
    assert await left(world, participant) is Reason.COMPLETED
    (effect,) = await world.effects(participant)
    assert effect.status is EffectStatus.UNKNOWN
    assert "1 of 2 recipients" in effect.error
    assert [text["To"] for text in phone.texts] == [OLA]


@pytest.mark.parametrize(("step", "channel"), [(by_email, "email"), (by_sms, "sms")])
async def test_STEP_10_STEP_11_a_notice_waits_for_its_weekday_its_channel_and_a_throttle(
    world: World, phone: Phone, step: Any, channel: str
) -> None:
    """STEP_19, LIFE_16 and STEP_20, one after another: the weekday first, then the brake, then one a day."""
    days = [f"{now() + days * DAY:%a}".lower() for days in (2, 3)]
    telling = step(to="ida", only_on=days)
    flow = await world.flow("tell", telling, settings={"throttle": {channel: "1 per day"}}, sms=SMS)
    first, second = [await world.enrol(flow) for _ in range(2)]
    assert [(await resting(world, each, "tell")).passed for each in (first, second)] == [[], []]
    async with running(world) as ferd:
        await ferd.post(f"/channels/{channel}/pause")
        for each in (first, second):
            await world.forward(flow, each, 2 * DAY + HOUR)
            assert (await world.until(each, holding=True)).step == "tell"
        assert await world.messages(flow=flow) == []
        await ferd.post(f"/channels/{channel}/resume")
        await eventually(lambda: world.messages(flow=flow), lambda messages: len(messages) == 1)
        await eventually(
            lambda: ferd.get(f"/flows/{flow}"),
            lambda shown: (shown["throttled"]["waiting"], shown["statistics"]["finished"]) == (1, 1),
        )


async def test_STEP_14_a_notification_is_not_the_mail_that_an_opening_counts_from(world: World) -> None:
    opened = {"id": "seen", "kind": "wait_for_action", "actions": [{"event": "email_opened"}], "within": "1 day"}
    flow = await world.flow("open", mail("hello"), wait("rest", "1 hour"), by_email(to="ida"), opened)
    kari = await world.person()
    participant = await world.enrol(flow, kari)
    await world.until(participant, step="rest")
    await world.opens(kari)
    await world.forward(flow, participant)
    assert await steps_passed(world, participant) == ["hello", "rest", "tell", "seen"]
    assert any("Came first" in line.text for line in await world.lines(participant))
