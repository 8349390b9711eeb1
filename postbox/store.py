"""Mails in a folder: a standard Maildir that any mail program can open.

The name of a file starts with the time of arrival and is the mail's id, so listing opens only the mails it shows.
The envelope is kept in the fields `X-Envelope-From` and `X-Envelope-To` (one for each recipient) at the top.
"""

import os
import re
import socket
import time
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from email import message_from_bytes
from email.message import EmailMessage, MIMEPart
from email.policy import default
from itertools import count, islice
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

_ID = re.compile(r"[0-9]{1,12}\.[A-Za-z0-9._=,\\-]{1,200}")
_RECIPIENT = b"X-Envelope-To:"
_HEAD = 64 * 1024
_numbers = count(1)


class Attachment(BaseModel):
    """A file that came with a mail; `size` in bytes."""

    name: str
    mime: str
    size: int


class Summary(BaseModel):
    """A mail in a list. `from` is as written in the mail, `to` holds the addresses that it was delivered to."""

    model_config = ConfigDict(serialize_by_alias=True)

    id: str
    at: datetime
    sender: Annotated[str, Field(alias="from")]
    to: str
    subject: str
    message_id: str


class Mail(Summary):
    """One mail in full. `headers` in their order, decoded; `text` or `html` is empty if there is none."""

    headers: list[tuple[str, str]]
    text: str
    html: str
    attachments: list[Attachment]


class Page(BaseModel):
    """Some mails, newest first; `next_cursor` leads to the older ones."""

    items: list[Summary]
    next_cursor: str | None


class NoSuchMail(LookupError):
    """There is no mail with this id (any more)."""


class Store:
    """Keeps mails in the Maildir `folder`, which is made if it is missing."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._host = re.sub(r"[^A-Za-z0-9.-]", "_", socket.gethostname()) or "localhost"
        for part in ("tmp", "new", "cur"):
            (folder / part).mkdir(parents=True, exist_ok=True)

    def add(self, sender: str, recipients: Sequence[str], content: bytes) -> str:
        """Keep a mail and return its id. It is there entirely and for good when this returns, or not at all."""
        seconds, micros = divmod(time.time_ns() // 1000, 1_000_000)
        name = f"{seconds:010}.M{micros:06}P{os.getpid()}Q{next(_numbers)}.{self._host}"
        envelope = [f"X-Envelope-From: {sender}", *(f"X-Envelope-To: {recipient}" for recipient in recipients)]
        temporary = self.folder / "tmp" / name
        with temporary.open("xb") as file:
            file.write("".join(f"{field}\n" for field in envelope).encode("utf-8", "surrogateescape"))
            file.write(content.replace(b"\r\n", b"\n"))
            file.flush()
            os.fsync(file.fileno())
        temporary.rename(self.folder / "new" / name)
        return name

    def page(self, *, to: str | None = None, limit: int = 50, cursor: str | None = None) -> Page:
        """Up to `limit` mails, newest first, after `cursor`; with `to` only those delivered to this address."""
        files = sorted(self._files(), key=_id_of, reverse=True)
        older: Iterable[Path] = files if cursor is None else (file for file in files if _id_of(file) < cursor)
        wanted = older if not to else (file for file in older if _is_delivered_to(file, to))
        items = list(islice(_summaries(wanted), limit + 1))
        return Page(items=items[:limit], next_cursor=items[limit - 1].id if len(items) > limit else None)

    def read(self, mail_id: str) -> Mail:
        """The mail with this id; raises NoSuchMail."""
        message = self._message(mail_id)
        bodies = {kind: message.get_body((kind,)) for kind in ("plain", "html")}
        return Mail(
            **_summary(mail_id, message).model_dump(),
            headers=[(name, _field(message, name, raw)) for name, raw in message.raw_items()],
            text=_text(bodies["plain"]),
            html=_text(bodies["html"]),
            attachments=[
                Attachment(name=_file_name(part), mime=part.get_content_type(), size=len(_data(part)))
                for part in _attachments(message)
            ],
        )

    def attachment(self, mail_id: str, number: int) -> tuple[Attachment, bytes]:
        """An attachment by its place, counted from 0; raises NoSuchMail."""
        for part in islice(_attachments(self._message(mail_id)), number, number + 1):
            data = _data(part)
            return Attachment(name=_file_name(part), mime=part.get_content_type(), size=len(data)), data
        raise NoSuchMail(mail_id)

    def source(self, mail_id: str) -> bytes:
        """The mail as it came, with the envelope on top; raises NoSuchMail."""
        if _ID.fullmatch(mail_id):
            for file in (self.folder / "new" / mail_id, *(self.folder / "cur").glob(f"{mail_id}:*")):
                try:
                    return file.read_bytes()
                except FileNotFoundError:
                    continue
        raise NoSuchMail(mail_id)

    def clear(self) -> int:
        """Delete every mail and return how many there were."""
        files = list(self._files())
        for file in files:
            file.unlink(missing_ok=True)
        return len(files)

    def _files(self) -> Iterator[Path]:
        for part in ("new", "cur"):
            folder = self.folder / part
            yield from (folder / name for name in os.listdir(folder) if _ID.match(name))

    def _message(self, mail_id: str) -> EmailMessage:
        return message_from_bytes(self.source(mail_id), policy=default)


def _id_of(file: Path) -> str:
    # Mail programs append flags after a colon.
    return file.name.partition(":")[0]


def _is_delivered_to(file: Path, address: str) -> bool:
    try:
        with file.open("rb") as lines:
            for line in lines:
                if line.startswith(_RECIPIENT):
                    if line[len(_RECIPIENT) :].decode("utf-8", "replace").strip().casefold() == address.casefold():
                        return True
                elif not line.startswith(b"X-Envelope-"):
                    return False
    except FileNotFoundError:
        pass
    return False


def _summaries(files: Iterable[Path]) -> Iterator[Summary]:
    for file in files:
        try:
            with file.open("rb") as content:
                head = content.read(_HEAD)
        except FileNotFoundError:  # deleted meanwhile
            continue
        yield _summary(_id_of(file), message_from_bytes(head.partition(b"\n\n")[0] + b"\n\n", policy=default))


def _summary(mail_id: str, message: EmailMessage) -> Summary:
    fields = [(name.lower(), _field(message, name, raw)) for name, raw in message.raw_items()]
    first = dict(reversed(fields))
    return Summary(
        id=mail_id,
        at=datetime.fromtimestamp(int(mail_id.partition(".")[0]), UTC),
        **{"from": first.get("from", "")},
        to=", ".join(value for name, value in fields if name == "x-envelope-to"),
        subject=first.get("subject", ""),
        message_id=first.get("message-id", ""),
    )


def _field(message: EmailMessage, name: str, raw: str) -> str:
    try:
        return str(message.policy.header_fetch_parse(name, raw))
    except Exception:  # the parser of addresses fails in many ways on what a sender may write
        return " ".join(str(raw).encode("utf-8", "replace").decode("utf-8").split())


def _data(part: MIMEPart) -> bytes:
    data = part.get_payload(decode=True)
    return data if isinstance(data, bytes) else b""


def _text(part: MIMEPart | None) -> str:
    if part is None:
        return ""
    try:
        return _data(part).decode(part.get_content_charset("utf-8"), "replace")
    except LookupError:
        return _data(part).decode("utf-8", "replace")


def _attachments(message: EmailMessage) -> Iterator[EmailMessage]:
    bodies = [message.get_body((kind,)) for kind in ("plain", "html")]
    for part in message.walk():
        if not part.is_multipart() and not any(part is body for body in bodies):
            yield part


def _file_name(part: EmailMessage) -> str:
    return " ".join((part.get_filename() or "attachment").split())
