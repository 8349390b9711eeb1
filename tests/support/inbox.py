"""A mail server for tests."""

import asyncio
import email
import email.policy
import socket
import threading
from collections.abc import Awaitable
from email.message import EmailMessage

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session


class _Door(Controller):
    """Listens on a port that is its own from the beginning, so that no other program comes first."""

    def __init__(self, handler: object) -> None:
        self.socket = socket.create_server(("127.0.0.1", 0))
        hostname, port = self.socket.getsockname()
        super().__init__(handler, hostname=hostname, port=port, ready_timeout=60)

    def _create_server(self) -> Awaitable[asyncio.AbstractServer]:
        return self.loop.create_server(self._factory_invoker, sock=self.socket)


class Inbox:
    """A mail server that keeps what it gets, in the order of arrival, with whom each mail was for.

    `answer` may be set to refuse; empty, it keeps the mail and hangs up without a word. `refused` are recipients, each
    with the answer that it gets. A mail to one who is `slow` is kept, and answered once the event is set.
    """

    def __init__(self) -> None:
        self.mails: list[EmailMessage] = []
        self.recipients: list[list[str]] = []
        self.answer = "250 OK"
        self.refused: dict[str, str] = {}
        self.slow: dict[str, threading.Event] = {}
        self._controller = _Door(self)
        self.port = self._controller.port

    async def handle_RCPT(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        """Called by aiosmtpd."""
        if address in self.refused:
            return self.refused[address]
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        """Called by aiosmtpd."""
        content = envelope.content if isinstance(envelope.content, bytes) else b""
        if not self.answer:
            assert server.transport is not None
            server.transport.close()
        if not self.answer or self.answer.startswith("250"):
            self.recipients.append([str(address) for address in envelope.rcpt_tos])
            self.mails.append(email.message_from_bytes(content, policy=email.policy.default))
        for event in [self.slow[address] for address in envelope.rcpt_tos if address in self.slow]:
            await asyncio.to_thread(event.wait, 60)
        return self.answer

    def start(self) -> None:
        """Listen."""
        self._controller.start()

    def stop(self) -> None:
        """Close the door."""
        self._controller.stop()

    @property
    def subjects(self) -> list[str]:
        """The subjects, in the order of arrival."""
        return [str(mail["Subject"]) for mail in self.mails]

    def to(self, address: str) -> list[EmailMessage]:
        """The mails to one address."""
        return [mail for mail in self.mails if address in str(mail["To"])]
