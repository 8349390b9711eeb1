"""The SMS adapter against a provider that is not always well: what is known, and what nobody can know (SAFE_2)."""

import asyncio
import socket
import threading
from collections.abc import AsyncIterator, Iterator

import pytest
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from activities.sms.signature import is_signed, sign
from activities.sms.twilio import TwilioSms
from flows.ports import NotDone, Silence, Sms
from tests.support.phone import ACCOUNT, TOKEN, Phone
from tests.support.ports import free_port

SMS = Sms("msg_1", "+4740000000", "FjordCoffee", "Hei på deg ☕")


@pytest.fixture
def phone(httpserver: HTTPServer) -> Phone:
    return Phone(httpserver)


@pytest.fixture
async def port(phone: Phone) -> AsyncIterator[TwilioSms]:
    port = TwilioSms(phone.url, ACCOUNT, TOKEN, "https://ferd.example/", timeout=60)
    yield port
    await port.close()


async def test_STEP_2_an_sms_leaves_as_twilio_wants_it(phone: Phone, port: TwilioSms) -> None:
    done = await port.send(SMS, "par/hi/1")
    assert done.provider_id == "SM1"
    (text,) = phone.texts
    assert text == {
        "To": "+4740000000",
        "From": "FjordCoffee",
        "Body": "Hei på deg ☕",
        "StatusCallback": "https://ferd.example/hooks/sms-status?message=msg_1",
    }
    assert phone.keys == ["par/hi/1"]


@pytest.mark.parametrize("status", [429, 503])
async def test_SAFE_2_refused_before_it_was_taken_may_be_tried_again(
    phone: Phone, port: TwilioSms, status: int
) -> None:
    phone.next = lambda request: Response("busy", status)
    with pytest.raises(NotDone) as caught:
        await port.send(SMS, "key")
    assert caught.value.retryable


@pytest.mark.parametrize("status", [500, 502, 504])
async def test_SAFE_2_an_error_after_it_was_handed_over_tells_nothing(
    phone: Phone, port: TwilioSms, status: int
) -> None:
    phone.next = lambda request: Response("oops", status)
    with pytest.raises(Silence):
        await port.send(SMS, "key")


@pytest.mark.parametrize(
    ("code", "status", "unreachable"),
    [
        (21211, 400, True),
        (21614, 400, True),
        (21635, 400, True),
        (21610, 400, True),
        (21606, 400, False),
        (21612, 400, False),
        (21408, 403, False),
        (20003, 401, False),
    ],
)
async def test_STEP_2_a_refusal_for_good_tells_whether_the_recipient_is_the_reason(
    phone: Phone, port: TwilioSms, code: int, status: int, unreachable: bool
) -> None:
    phone.next = lambda request: Response(f'{{"code": {code}, "message": "no"}}', status, mimetype="application/json")
    with pytest.raises(NotDone) as caught:
        await port.send(SMS, "key")
    assert (caught.value.retryable, caught.value.unreachable) == (False, unreachable)


async def test_SAFE_2_a_provider_that_is_not_there_was_handed_nothing() -> None:
    port = TwilioSms(f"http://127.0.0.1:{free_port()}", ACCOUNT, TOKEN, "https://ferd.example", timeout=60)
    with pytest.raises(NotDone) as caught:
        await port.send(SMS, "key")
    assert caught.value.retryable
    await port.close()


@pytest.fixture
def hanging_up() -> Iterator[str]:
    """A server that reads a request and closes the connection."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            connection, _ = server.accept()
            with connection:
                connection.recv(65_536)

        thread = threading.Thread(target=serve)
        thread.start()
        yield f"http://127.0.0.1:{server.getsockname()[1]}"
        thread.join()


async def test_SAFE_2_a_connection_that_breaks_after_the_request_leaves_a_doubt(hanging_up: str) -> None:
    port = TwilioSms(hanging_up, ACCOUNT, TOKEN, "https://ferd.example", timeout=60)
    with pytest.raises(Silence):
        await port.send(SMS, "key")
    await port.close()


async def test_SAFE_2_no_answer_in_time_leaves_a_doubt(phone: Phone) -> None:
    taken, over = asyncio.Event(), threading.Event()
    loop = asyncio.get_running_loop()

    def accept_and_say_nothing(request: Request) -> Response:
        loop.call_soon_threadsafe(taken.set)
        over.wait(60)
        return Response("too late", 201)

    phone.next = accept_and_say_nothing
    port = TwilioSms(phone.url, ACCOUNT, TOKEN, "https://ferd.example", timeout=60)
    sending = asyncio.create_task(port.send(SMS, "key"))
    await taken.wait()
    sending.cancel()  # as a time-out does
    with pytest.raises(Silence):
        await sending
    over.set()
    await port.close()


def test_the_signature_is_twilios() -> None:
    """The example of Twilio's own documentation."""
    fields = {
        "CallSid": "CA1234567890ABCDE",
        "Caller": "+12349013030",
        "Digits": "1234",
        "From": "+12349013030",
        "To": "+18005551212",
    }
    url = "https://mycompany.com/myapp.php?foo=1&bar=2"
    signature = sign("12345", url, fields)
    assert signature == "0/KCTR6DLpKmkAf8muzZqo1nDgQ="
    assert is_signed("12345", url, fields, signature)
    assert not is_signed("12346", url, fields, signature)
    assert not is_signed("12345", url + "&baz=3", fields, signature)
    assert not is_signed("12345", url, fields | {"Digits": "1235"}, signature)
    assert not is_signed("12345", url, fields, "")
