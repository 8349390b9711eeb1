"""The local phone: takes SMS like a provider, shows them, and lets one answer."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from activities.sms.twilio import TwilioSms
from api.phone import is_local
from flows.ports import NotDone, Sms
from postbox.phone import router
from settings import Settings

TOKEN = "t" * 32
ANSWERS: list[tuple[str, str]] = []


@pytest.fixture
def app(tmp_path: Path) -> Iterator[FastAPI]:
    async def answered(number: str, text: str) -> None:
        ANSWERS.append((number, text))

    app = FastAPI()
    app.include_router(router(tmp_path / "phone", "local", TOKEN, answered))
    yield app
    ANSWERS.clear()


@pytest.fixture
def browser(app: FastAPI) -> Iterator[TestClient]:
    with TestClient(app) as client:
        yield client


async def send(app: FastAPI, to: str, text: str, token: str = TOKEN) -> str:
    port = TwilioSms(
        "http://phone/phone", "local", token, "http://ferd", timeout=60, transport=httpx2.ASGITransport(app)
    )
    try:
        return (await port.send(Sms("msg_1", to, "FjordCoffee", text), "key")).provider_id
    finally:
        await port.close()


async def test_STEP_2_the_local_phone_takes_what_the_adapter_sends(app: FastAPI, browser: TestClient) -> None:
    first = await send(app, "+4740000000", "Hei <b>på</b> deg ☕")
    second = await send(app, "+4740000001", "Andre")
    assert first != second
    (newest, oldest) = browser.get("/phone/messages").json()["items"]
    assert (newest["text"], oldest["text"]) == ("Andre", "Hei <b>på</b> deg ☕")
    assert (oldest["from"], oldest["to"]) == ("FjordCoffee", "+4740000000")
    page = browser.get("/phone", params={"to": "+4740000000"}).text
    assert "Hei &lt;b&gt;på&lt;/b&gt; deg ☕" in page
    assert "Andre" not in page
    assert browser.get("/phone/messages?to=+4740000001").json()["items"] == [newest]  # + reads as a blank
    assert browser.delete("/phone/messages").json() == {"deleted": 2}
    assert "No SMS yet" in browser.get("/phone").text


async def test_pages_lead_to_older_sms(app: FastAPI, browser: TestClient) -> None:
    for number in range(3):
        await send(app, "+4740000000", str(number))
    page = browser.get("/phone/messages?limit=2").json()
    assert [sms["text"] for sms in page["items"]] == ["2", "1"]
    rest = browser.get("/phone/messages", params={"cursor": page["next_cursor"]}).json()
    assert ([sms["text"] for sms in rest["items"]], rest["next_cursor"]) == (["0"], None)


async def test_only_who_knows_the_token_can_put_an_sms_there(app: FastAPI, browser: TestClient) -> None:
    with pytest.raises(NotDone) as caught:
        await send(app, "+4740000000", "Hei", token="wrong")
    assert not caught.value.retryable
    for header in ("", "Basic !", "Bearer x"):
        answer = browser.post(
            "/phone/2010-04-01/Accounts/local/Messages.json",
            data={"To": "+4740000000", "From": "x", "Body": "x"},
            headers={"Authorization": header},
        )
        assert answer.status_code == 401
    assert browser.get("/phone/messages").json()["items"] == []


async def test_a_number_that_is_none_is_unreachable(app: FastAPI) -> None:
    with pytest.raises(NotDone) as caught:
        await send(app, "12", "Hei")
    assert caught.value.unreachable


@pytest.mark.parametrize(
    ("changed", "open"),
    [
        ({}, True),
        ({"host": "0.0.0.0"}, True),
        ({"smtp_url": "smtp://relay.example:25"}, True),
        ({"host": "0.0.0.0", "smtp_url": "smtp://relay.example:25"}, False),
        ({"sms_url": "https://api.twilio.com"}, False),
    ],
)
def test_strangers_find_no_phone(changed: dict[str, Any], open: bool, tmp_path: Path) -> None:
    settings = Settings(home=tmp_path, api_key=TOKEN, secret_keys=TOKEN, **changed)  # type: ignore[arg-type]
    assert is_local(settings) is open


def test_people_may_answer(browser: TestClient) -> None:
    answer = browser.post("/phone/answer", data={"number": "+4740000000", "text": "STOP"}, follow_redirects=False)
    assert (answer.status_code, answer.headers["location"]) == (303, "/phone")
    assert browser.post("/phone/answer", data={"number": "x", "text": "STOP"}).status_code == 422
    assert ANSWERS == [("+4740000000", "STOP")]
