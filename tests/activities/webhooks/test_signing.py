"""Standard Webhooks: the example of its specification, and what a receiver of its own making would do."""

import base64
import hashlib
import hmac
from datetime import UTC, datetime

import pytest

from activities.webhooks import signing


def test_the_example_of_the_specification() -> None:
    secret, id = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "msg_p5jXN8AQM9LWM0D4loKWxJek"
    headers = signing.headers(secret, id, datetime.fromtimestamp(1614265330, UTC), b'{"test": 2432232314}')
    assert headers == {
        "webhook-id": id,
        "webhook-timestamp": "1614265330",
        "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    }


def test_a_new_secret_signs_so_that_a_receiver_can_tell() -> None:
    secret = signing.new_secret()
    signed = signing.headers(secret, "msg_1", datetime(2026, 12, 1, tzinfo=UTC), b"{}")
    key = base64.b64decode(secret.removeprefix("whsec_"))
    content = f"msg_1.{signed['webhook-timestamp']}.{{}}".encode()
    wanted = base64.b64encode(hmac.new(key, content, hashlib.sha256).digest()).decode()
    assert signed["webhook-signature"] == f"v1,{wanted}"
    assert signing.new_secret() != secret


@pytest.mark.parametrize("secret", ["", "whsec_", "whsec_!!!!", "whsec_" + "QQ==", "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"])
def test_what_is_no_secret_is_refused(secret: str) -> None:
    with pytest.raises(ValueError, match="not"):
        signing.key_of(secret)


def test_an_id_is_the_same_for_the_same_key_and_has_no_dot() -> None:
    assert signing.message_id("par_1/step.one/1") == signing.message_id("par_1/step.one/1")
    assert signing.message_id("par_1/step.one/1") != signing.message_id("par_1/step.one/2")
    assert "." not in signing.message_id("a.b")
