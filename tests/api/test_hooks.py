"""What providers report: believed only with a signature that fits."""

from typing import Any

from httpx2 import Response

from activities.sms.signature import sign
from store.people import Person
from tests.support.running import Running, problem

NUMBER = "+4740000000"


async def signed(ferd: Running, path: str, **fields: str) -> Response:
    """Post as the SMS provider does."""
    token = ferd.world.settings.sms_token.get_secret_value()
    url = f"{ferd.world.settings.public_url}{path}"
    return await ferd.public.post(path, data=fields, headers={"X-Twilio-Signature": sign(token, url, fields)})


async def consent(ferd: Running, person: str) -> Any:
    return await ferd.world.db.read(lambda session: session.get_one(Person, person).consent)


async def test_PART_2_stop_comes_in_by_the_providers_hook(still_ferd: Running) -> None:
    kari = await still_ferd.world.person(mobile=NUMBER)
    answer = await signed(still_ferd, "/hooks/sms-in", From=NUMBER, Body="STOP", MessageSid="SM1")
    assert (answer.status_code, answer.text) == (200, "<Response/>")
    assert await consent(still_ferd, kari) == {"sms": "withdrawn"}
    assert [type for type, _ in await still_ferd.events(kari)] == ["person_created", "sms.received", "person_updated"]


async def test_a_report_without_a_fitting_signature_changes_nothing(still_ferd: Running) -> None:
    kari = await still_ferd.world.person(mobile=NUMBER)
    forms = {"From": NUMBER, "Body": "STOP"}
    for signature in (b"", b"nonsense", "ø".encode()):
        for path in ("/hooks/sms-in", "/hooks/sms-status?message=msg_1"):
            answer = await still_ferd.public.post(path, data=forms, headers={b"X-Twilio-Signature": signature})
            assert "FERD_SMS_TOKEN" in problem(403, answer)["remedy"]
    assert await consent(still_ferd, kari) == {}


async def test_PART_2_whoever_has_a_key_needs_no_signature(still_ferd: Running) -> None:
    kari = await still_ferd.world.person(mobile=NUMBER)
    answer = await still_ferd.api.post("/hooks/sms-in", data={"From": NUMBER, "Body": "STOP"})
    assert answer.status_code == 200
    assert await consent(still_ferd, kari) == {"sms": "withdrawn"}


async def test_a_report_that_says_nothing_is_refused(still_ferd: Running) -> None:
    answer = await signed(still_ferd, "/hooks/sms-in", Body="STOP")
    assert problem(422, answer)["problems"][0]["pointer"] == "/From"
    answer = await signed(still_ferd, "/hooks/sms-status?message=msg_1", From=NUMBER)
    assert problem(422, answer)["problems"][0]["pointer"] == "/MessageStatus"
    # A message that is gone is nobody's mistake.
    answer = await signed(still_ferd, "/hooks/sms-status?message=msg_1", MessageStatus="delivered")
    assert answer.status_code == 204
