"""E-mail by SMTP, exact about the moment from which nobody can know.

A mail counts as handed over from the first byte of its body, which follows the server's 354. Whatever fails before is
`NotDone`; an answer to the end of the body is `Done` or `NotDone`; no answer is `Silence` (SAFE_2).
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from email.policy import EmailPolicy
from ipaddress import ip_address
from typing import Literal, Protocol, cast
from urllib.parse import parse_qs, unquote, urlsplit

import aiosmtplib
from opentelemetry.trace import SpanKind, Status, StatusCode, get_tracer

from activities.mail.codes import is_nobody_there, refuses_recipient
from activities.mail.compose import File, compose
from activities.mail.headers import BadAddress, canonical_address
from activities.mail.tokens import Tokens
from flows.ports import Done, EffectError, Email, NotDone, Silence

StartTls = Literal["required", "optional", "never"]

_SLOWEST = 1024 * 1024  # bytes a second that a server must take beyond the time limit of a small mail
_MAX_IDLE = 30.0  # seconds; a connection that slept longer may be dead without anybody having said so
_tracer = get_tracer("ferd.mail")


class Files(Protocol):
    """Where attachments are kept. Called in a thread."""

    def read(self, file_id: str) -> File:
        """The file; raises LookupError if there is none, OSError if it cannot be read now."""
        ...


@dataclass(frozen=True, slots=True)
class Relay:
    """The server that takes our mail: what an SMTP URL says."""

    host: str
    port: int
    user: str | None
    password: str | None
    tls: bool
    start_tls: StartTls

    @classmethod
    def from_url(cls, url: str) -> "Relay":
        """Read `smtp[s]://[user:password@]host[:port][?starttls=required|optional|never]`; raises ValueError.

        STARTTLS is required by default where a password would be sent, else used if the server offers it.
        """
        how = "Write it like smtp://user:password@mail.example.com:587?starttls=required, or smtps://… ."
        try:
            parts, port = urlsplit(url), urlsplit(url).port
        except ValueError:
            raise ValueError(f"The SMTP URL has no valid host and port. {how}") from None
        query = parse_qs(parts.query, keep_blank_values=True)
        modes = query.pop("starttls", [])
        if parts.scheme not in ("smtp", "smtps") or not parts.hostname or query or parts.path not in ("", "/"):
            raise ValueError(f"The SMTP URL cannot be understood. {how}")
        if modes and (len(modes) > 1 or modes[0] not in ("required", "optional", "never") or parts.scheme == "smtps"):
            raise ValueError(f"In the SMTP URL, starttls is required, optional or never, and not for smtps. {how}")
        tls = parts.scheme == "smtps"
        user = unquote(parts.username) if parts.username else None
        start_tls = cast(StartTls, "never" if tls else modes[0] if modes else "required" if user else "optional")
        default_port = 465 if tls else 587 if start_tls == "required" else 25
        password = unquote(parts.password) if parts.password else None
        return cls(parts.hostname, port or default_port, user, password, tls, start_tls)


@dataclass(frozen=True, slots=True)
class _Envelope:
    """A mail as it goes over the wire: lines end with CR LF, dots are doubled, the final dot is there."""

    sender: str
    recipients: tuple[str, ...]
    utf8: bool
    headers: Mapping[str, str]
    data: bytes


@dataclass(slots=True)
class _Attempt:
    handed_over: bool = False


class SmtpMail:
    """The `Mail` port over SMTP, with a few connections that are used again.

    `public_url` is the address of /t, /o and /u; `clock` gives the aware time for the Date field. `timeout` in seconds
    bounds one send over all, plus a second for each MiB of the mail. Cancelled before anything was handed over,
    `send` ends as cancelled; afterwards with Silence. Call `close` at the end.
    """

    def __init__(
        self,
        url: str,
        public_url: str,
        tokens: Tokens,
        files: Files,
        clock: Callable[[], datetime],
        *,
        timeout: float = 20.0,
        connections: int = 10,
    ) -> None:
        self._relay = Relay.from_url(url)
        self._public_url = public_url.rstrip("/")
        self._tokens = tokens
        self._files = files
        self._clock = clock
        self._timeout = timeout
        self._slots = asyncio.Semaphore(connections)
        self._idle: list[tuple[float, aiosmtplib.SMTP]] = []

    async def send(self, email: Email, key: str) -> Done:
        """Send one mail. Raises NotDone, Silence."""
        with _tracer.start_as_current_span(
            "SMTP send",
            kind=SpanKind.CLIENT,
            attributes={"server.address": self._relay.host, "server.port": self._relay.port},
            # A server's answer may quote the recipient's address (SAFE_4).
            record_exception=False,
            set_status_on_exception=False,
        ) as span:
            try:
                return await self._send(email, key)
            except BaseException as error:
                span.set_status(Status(StatusCode.ERROR, type(error).__name__))
                raise

    async def close(self) -> None:
        """Say goodbye on every connection that is not in use."""
        while self._idle:
            _, connection = self._idle.pop()
            with suppress(aiosmtplib.SMTPException, OSError):
                await connection.quit(timeout=1)
            connection.close()

    async def _send(self, email: Email, key: str) -> Done:
        attempt = _Attempt()
        now = asyncio.get_running_loop().time
        try:
            async with asyncio.timeout(self._timeout) as limit, self._slots:
                envelope = await self._compose(email, key)
                limit.reschedule(now() + self._timeout + len(envelope.data) / _SLOWEST)
                answer = await self._deliver(envelope, attempt)
        except EffectError:
            raise
        except (Exception, asyncio.CancelledError) as error:
            if attempt.handed_over:
                raise Silence(f"The mail was handed over and no answer was heard: {_describe(error)}") from error
            if isinstance(error, (aiosmtplib.SMTPException, OSError)):
                raise _not_done(error) from error
            raise
        return Done(provider_id=envelope.headers["Message-ID"], text=answer, data=envelope.headers)

    async def _compose(self, email: Email, key: str) -> _Envelope:
        # A small mail is made within milliseconds; a thread would only fight with this one for the interpreter.
        return await asyncio.to_thread(self._make, email, key) if email.attachments else self._make(email, key)

    def _make(self, email: Email, key: str) -> _Envelope:
        try:
            recipients = tuple(canonical_address(mailbox.address) for mailbox in (email.to, *email.also))
        except BadAddress as error:
            raise NotDone(str(error), retryable=False, unreachable=True) from error
        try:
            files = [self._files.read(file_id) for file_id in email.attachments]
            message = compose(
                email,
                key,
                date=self._clock(),
                public_url=self._public_url,
                tokens=self._tokens,
                attachments=files,
            )
        except LookupError as error:
            raise NotDone("An attachment is not there any more.", retryable=False) from error
        except BadAddress as error:
            raise NotDone(f"The sender or reply-to: {error}", retryable=False) from error
        data = bytes(message).replace(b"\r\n.", b"\r\n..")
        policy = cast(EmailPolicy, message.policy)
        headers = {name: str(value) for name, value in message.items()}
        return _Envelope(canonical_address(email.sender.address), recipients, policy.utf8, headers, data + b".\r\n")

    async def _deliver(self, envelope: _Envelope, attempt: _Attempt) -> str:
        while (connection := self._reusable()) is not None:
            try:
                return await self._transact(connection, envelope, attempt)
            except (aiosmtplib.SMTPServerDisconnected, aiosmtplib.SMTPResponseException) as error:
                # Closed by the server while it was idle: nothing was handed over, the next one is tried.
                stale = not isinstance(error, aiosmtplib.SMTPResponseException) or error.code == 421
                if attempt.handed_over or not stale:
                    raise
        return await self._transact(await self._connect(), envelope, attempt)

    async def _transact(self, connection: aiosmtplib.SMTP, envelope: _Envelope, attempt: _Attempt) -> str:
        try:
            await connection.mail(envelope.sender, options=_options(connection, envelope), encoding="utf-8")
            await _address(connection, envelope.recipients)
            ready = await connection.execute_command(b"DATA")
            if ready.code != 354:
                raise aiosmtplib.SMTPDataError(ready.code, ready.message)
            if connection.protocol is None:
                raise aiosmtplib.SMTPServerDisconnected("Connection lost")
            connection.protocol.write(envelope.data)
            attempt.handed_over = True
            answer = await connection.protocol.read_response()
        except BaseException:
            connection.close()
            raise
        text = f"{answer.code} {answer.message}"
        if 200 <= answer.code < 300:
            self._idle.append((asyncio.get_running_loop().time(), connection))
            return text
        connection.close()
        if 400 <= answer.code < 600:
            raise NotDone(
                text, retryable=answer.code < 500, unreachable=is_nobody_there(answer.message) and answer.code >= 500
            )
        raise Silence(f"The mail was handed over and the answer cannot be understood: {text}")

    def _reusable(self) -> aiosmtplib.SMTP | None:
        oldest = asyncio.get_running_loop().time() - _MAX_IDLE
        while self._idle:
            since, connection = self._idle.pop()
            if connection.is_connected and since >= oldest:
                return connection
            connection.close()
        return None

    async def _connect(self) -> aiosmtplib.SMTP:
        relay = self._relay
        connection = aiosmtplib.SMTP(
            hostname=relay.host,
            port=relay.port,
            username=relay.user,
            password=relay.password,
            local_hostname=_greeting_name(self._public_url),
            timeout=self._timeout,
            use_tls=relay.tls,
            start_tls={"required": True, "optional": None, "never": False}[relay.start_tls],
            # Where plain text would do as well, an unknown certificate is still better (RFC 7435).
            validate_certs=relay.tls or relay.start_tls == "required",
        )
        try:
            await connection.connect()
            if connection.is_ehlo_or_helo_needed:
                await connection.ehlo()
        except BaseException:
            connection.close()
            raise
        return connection


def _greeting_name(public_url: str) -> str:
    """What we call ourselves in EHLO: the public host. Asking the resolver for our own name can take seconds."""
    host = urlsplit(public_url).hostname
    if not host or not host.isascii():
        return "localhost"
    try:
        address = ip_address(host)
    except ValueError:
        return host
    return f"[{address}]" if address.version == 4 else f"[IPv6:{address}]"


def _options(connection: aiosmtplib.SMTP, envelope: _Envelope) -> list[str]:
    options = [f"SIZE={len(envelope.data)}"] if connection.supports_extension("size") else []
    if envelope.utf8:
        if not connection.supports_extension("smtputf8"):
            raise NotDone(
                "The mail server has no SMTPUTF8, which this address needs.",
                retryable=False,
                unreachable=not envelope.recipients[0].isascii(),
            )
        options.append("SMTPUTF8")
    return options


async def _address(connection: aiosmtplib.SMTP, recipients: Sequence[str]) -> None:
    """Name the recipients; of several it is enough that one is taken."""
    refused: list[aiosmtplib.SMTPRecipientRefused] = []
    for recipient in recipients:
        try:
            await connection.rcpt(recipient, encoding="utf-8")
        except aiosmtplib.SMTPRecipientRefused as error:
            refused.append(error)
    if len(refused) == len(recipients):
        raise refused[0]


def _not_done(error: aiosmtplib.SMTPException | OSError) -> NotDone:
    text = _describe(error)
    if isinstance(error, aiosmtplib.SMTPResponseException) and not isinstance(error, aiosmtplib.SMTPConnectError):
        permanent = 500 <= error.code < 600
        return NotDone(text, retryable=not permanent, unreachable=permanent and _is_unreachable(error))
    # What is no trouble with the connection is a demand that this server does not meet: STARTTLS, or a way to log in.
    return NotDone(text, retryable=isinstance(error, OSError))


def _is_unreachable(error: aiosmtplib.SMTPResponseException) -> bool:
    return isinstance(error, aiosmtplib.SMTPRecipientRefused) and refuses_recipient(error.code, error.message)


def _describe(error: BaseException) -> str:
    if isinstance(error, aiosmtplib.SMTPResponseException):
        return f"{error.code} {error.message}"
    if isinstance(error, asyncio.CancelledError):
        return "the sending was cancelled"
    return str(error) or ("time-out" if isinstance(error, TimeoutError) else type(error).__name__)
