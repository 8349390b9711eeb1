"""Standard Webhooks signatures (standardwebhooks.com): the receiver knows who sent it, when, and that it is whole."""

import base64
import binascii
import hashlib
import hmac
import secrets
from collections.abc import Mapping
from datetime import datetime

PREFIX = "whsec_"


def new_secret() -> str:
    """A secret to share with a receiver."""
    return PREFIX + base64.b64encode(secrets.token_bytes(32)).decode("ascii")


def key_of(secret: str) -> bytes:
    """The key that a secret stands for. Raises ValueError: it is not `whsec_` and 24 to 64 bytes in base64."""
    try:
        key = base64.b64decode(secret.removeprefix(PREFIX), validate=True)
    except binascii.Error as error:
        raise ValueError("not base64") from error
    if not secret.startswith(PREFIX) or not 24 <= len(key) <= 64:
        raise ValueError("not a secret")
    return key


def headers(secret: str, id: str, at: datetime, body: bytes) -> Mapping[str, str]:
    """The three headers that go with a body. `id` is the same however often it is sent."""
    timestamp = str(int(at.timestamp()))
    signed = b".".join((id.encode("ascii"), timestamp.encode("ascii"), body))
    signature = base64.b64encode(hmac.new(key_of(secret), signed, hashlib.sha256).digest()).decode("ascii")
    return {"webhook-id": id, "webhook-timestamp": timestamp, "webhook-signature": f"v1,{signature}"}


def message_id(key: str) -> str:
    """The id of a message by what it is about. Signatures separate their parts by dots: it has none."""
    return f"msg_{hashlib.sha256(key.encode()).hexdigest()[:32]}"
