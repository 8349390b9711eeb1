"""Mails that come back: delivery reports (RFC 3464), complaints (RFC 5965), and what people answer."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from email import message_from_bytes
from email.message import EmailMessage, Message
from email.policy import default
from email.utils import parseaddr
from typing import Literal

from activities.mail.codes import is_nobody_there

Kind = Literal["bounced", "undelivered", "complained"]

_MESSAGE_ID = re.compile(r"<\s*([^<>@\s]{1,200})@[^<>\s]*>")
_ADDRESS = re.compile(r"(?:[\w-]+\s*;\s*)?<?([^<>\s;]+@[^<>\s;]+?)>?\s*")


class NoReport(ValueError):
    """The mail is neither a delivery report nor a complaint."""


@dataclass(frozen=True, slots=True)
class Report:
    """What became of a mail that we sent.

    bounced: nobody is reached at that address. undelivered: it did not arrive for another reason. `mail` is the left
    part of our Message-ID, `id` the report's own: told twice, it happened once. Both may be empty.
    """

    kind: Kind
    recipient: str
    mail: str
    status: str
    id: str


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer. `mails` are the left parts of the Message-IDs that it refers to, the nearest first."""

    sender: str
    mails: tuple[str, ...]
    id: str
    automatic: bool


def read_reports(data: bytes) -> list[Report]:
    """What the mail reports; empty if it reports a delivery, or that a server goes on trying. Raises NoReport."""
    message = message_from_bytes(data, policy=default)
    if message.get_content_type() != "multipart/report" or not isinstance(message, EmailMessage):
        raise NoReport
    parts = list(message.walk())
    original, own = _original(parts), _left(message)
    mail = _left(original)
    found: list[Report] = []
    for part in parts:
        if part.get_content_type() == "message/delivery-status":
            found += _delivery(part, mail, own)
        elif part.get_content_type() == "message/feedback-report":
            found += _complaint(part, str(original.get("To", "")), mail, own)
    return found


def read_reply(data: bytes) -> Reply:
    """Who answers what."""
    message = message_from_bytes(data, policy=default)
    references = message_ids(str(message.get("References", "")))[::-1]
    mails = dict.fromkeys([*message_ids(str(message.get("In-Reply-To", ""))), *references])
    submitted = str(message.get("Auto-Submitted", "no")).partition(";")[0].strip().lower()
    bulk = str(message.get("Precedence", "")).strip().lower() in ("bulk", "auto_reply", "junk")
    automatic = submitted != "no" or bulk or "X-Autoreply" in message or "X-Autorespond" in message
    return Reply(parseaddr(str(message.get("From", "")))[1], tuple(mails), _left(message), automatic)


def message_ids(text: str) -> list[str]:
    """The left parts of the Message-IDs in a field."""
    return _MESSAGE_ID.findall(text)


def _delivery(part: Message, mail: str, id: str) -> Iterator[Report]:
    for block in _inner(part):
        recipient = _address(block.get("Final-Recipient") or block.get("Original-Recipient"))
        action, status = str(block.get("Action", "")).strip().lower(), str(block.get("Status", "")).strip()
        if recipient and action == "failed":
            kind: Kind = "bounced" if is_nobody_there(status) else "undelivered"
            yield Report(kind, recipient, mail, status, id)


def _complaint(part: Message, to: str, mail: str, id: str) -> Iterator[Report]:
    fields = next(_inner(part), part)
    kind = str(fields.get("Feedback-Type", "")).strip().lower()
    recipient = _address(fields.get("Original-Rcpt-To")) or parseaddr(to)[1]
    if kind in ("abuse", "fraud", "other", "virus") and (recipient or mail):
        yield Report("complained", recipient, mail, "", id)


def _inner(part: Message) -> Iterator[Message]:
    """The blocks of fields that a report is made of."""
    payload = part.get_payload()
    yield from (each for each in payload if isinstance(each, Message)) if isinstance(payload, list) else ()


def _original(parts: Sequence[Message]) -> Message:
    """The headers of the mail that comes back; none if the report does not carry them."""
    for part in parts:
        if part.get_content_type() == "message/rfc822":
            return next(_inner(part), Message())
        if part.get_content_type() == "text/rfc822-headers":
            payload = part.get_payload(decode=True)
            return message_from_bytes(payload, policy=default) if isinstance(payload, bytes) else Message()
    return Message()


def _left(message: Message) -> str:
    """The left part of its Message-ID; empty without one."""
    return next(iter(message_ids(str(message.get("Message-ID", "")))), "")


def _address(field: object) -> str:
    found = _ADDRESS.fullmatch(str(field or "").strip())
    return found[1] if found else ""
