import asyncio
import email
import os
import ssl
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from email.message import EmailMessage
from email.policy import default
from pathlib import Path
from shutil import which

import pytest
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from activities.mail import smtp
from activities.mail.compose import File
from activities.mail.smtp import Relay, SmtpMail
from activities.mail.tokens import Tokens
from flows.ports import Email, Mailbox, NotDone, Silence
from postbox.server import listen
from postbox.store import Store
from tests.activities.mail.servers import ScriptedServer, scripted
from tests.support.ports import free_port

MAIL = Email(
    message="m1",
    to=Mailbox("ann@kunde.example", "Åse Bjørnsdatter-漢字"),
    sender=Mailbox("hello@fjord.example", "Fjord Coffee"),
    reply_to=None,
    subject="Hei på deg ☕",
    html="<p>.\r\n..\r\nHei</p>",
    text=".\n..\n.hidden",
)


@dataclass
class Drawer:
    files: dict[str, File] = field(default_factory=dict)

    def read(self, file_id: str) -> File:
        return self.files[file_id]


@asynccontextmanager
async def sending(
    port: int,
    *,
    url: str = "smtp://127.0.0.1:{}",
    files: dict[str, File] | None = None,
    seconds: float = 20,
    connections: int = 10,
) -> AsyncIterator[SmtpMail]:
    mail = SmtpMail(
        url.format(port),
        "http://t.example",
        Tokens(["key"]),
        Drawer(files or {}),
        lambda: datetime(2026, 12, 1, tzinfo=UTC),
        timeout=seconds,
        connections=connections,
    )
    try:
        yield mail
    finally:
        await mail.close()


@dataclass
class Inbox:
    """A real server's handler that keeps what it gets."""

    envelopes: list[Envelope] = field(default_factory=list)

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        self.envelopes.append(envelope)
        return "250 2.0.0 kept"

    def message(self) -> EmailMessage:
        content = self.envelopes[-1].original_content
        assert content is not None
        return email.message_from_bytes(content, policy=default)


@asynccontextmanager
async def real_server(inbox: Inbox, **settings: object) -> AsyncIterator[int]:
    loop = asyncio.get_running_loop()
    options = {"enable_SMTPUTF8": True, "hostname": "localhost", "loop": loop} | settings
    server = await loop.create_server(lambda: SMTP(inbox, **options), "127.0.0.1", 0)  # type: ignore[arg-type]
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()


async def refused(script: dict[str, str]) -> NotDone:
    async with scripted(script) as server, sending(server.port) as mail:
        with pytest.raises(NotDone) as caught:
            await mail.send(MAIL, "k")
        return caught.value


async def unheard(script: dict[str, str], seconds: float = 20) -> tuple[Silence, ScriptedServer]:
    async with scripted(script) as server, sending(server.port, seconds=seconds) as mail:
        with pytest.raises(Silence) as caught:
            await mail.send(MAIL, "k")
        return caught.value, server


async def test_STEP_1_a_mail_is_really_sent() -> None:
    inbox = Inbox()
    async with real_server(inbox) as port, sending(port) as mail:
        done = await mail.send(MAIL, "k")
    assert done.text == "250 2.0.0 kept"
    assert done.provider_id == inbox.message()["Message-ID"]
    assert inbox.envelopes[0].mail_from == "hello@fjord.example"
    assert inbox.envelopes[0].rcpt_tos == ["ann@kunde.example"]
    assert inbox.message()["Subject"] == "Hei på deg ☕"
    assert inbox.message()["To"].addresses[0].display_name == "Åse Bjørnsdatter-漢字"
    text = inbox.message().get_body(("plain",))
    assert text is not None
    assert text.get_content().splitlines() == [".", "..", ".hidden"]


async def test_STEP_1_attachments_of_25_MB_pass(tmp_path: Path) -> None:
    data = os.urandom(25 * 1024 * 1024)
    store = Store(tmp_path)
    server = await listen(store, "127.0.0.1", 0)
    files = {"f1": File("brosjyre på norsk.pdf", "application/pdf", data)}
    async with sending(server.sockets[0].getsockname()[1], files=files) as mail:
        await mail.send(replace(MAIL, attachments=("f1",)), "k")
    server.close()
    (kept,) = store.page().items
    attachment, received = store.attachment(kept.id, 0)
    assert attachment.name == "brosjyre på norsk.pdf"
    assert received == data


async def test_an_address_in_another_script_needs_a_server_that_knows_it() -> None:
    inbox = Inbox()
    to_ase = replace(MAIL, to=Mailbox("åse@kunde.example"))
    async with real_server(inbox) as port, sending(port) as mail:
        await mail.send(to_ase, "k")
    assert inbox.envelopes[0].rcpt_tos == ["åse@kunde.example"]
    async with scripted() as server, sending(server.port) as mail:
        with pytest.raises(NotDone, match="SMTPUTF8") as caught:
            await mail.send(to_ase, "k")
    assert (caught.value.retryable, caught.value.unreachable) == (False, True)


@pytest.mark.parametrize("point", ["MAIL", "RCPT", "DATA", "dot"])
async def test_SAFE_2_a_refusal_for_now_may_be_tried_again(point: str) -> None:
    error = await refused({point: "451 4.3.0 try later"})
    assert (error.retryable, error.unreachable) == (True, False)
    assert error.text == "451 4.3.0 try later"


@pytest.mark.parametrize("point", ["MAIL", "DATA", "dot"])
async def test_SAFE_2_a_refusal_for_good_is_not_tried_again(point: str) -> None:
    error = await refused({point: "554 5.6.0 no"})
    assert (error.retryable, error.unreachable) == (False, False)


@pytest.mark.parametrize(
    ("answer", "unreachable"),
    [
        ("550 5.1.1 no such user", True),
        ("550 unknown", True),
        ("553 5.1.3 bad address", True),
        ("554 5.7.1 relay access denied", False),
        ("530 5.7.0 log in first", False),
        ("503 bad sequence", False),
    ],
)
async def test_a_recipient_refused_for_good_is_unreachable_unless_it_is_about_us(
    answer: str, unreachable: bool
) -> None:
    error = await refused({"RCPT": answer})
    assert (error.retryable, error.unreachable) == (False, unreachable)


@pytest.mark.parametrize("script", [{"greeting": "554 go away"}, {"greeting": "close"}, {"EHLO": "close"}])
@pytest.mark.parametrize("later", [{}, {"RCPT": "close"}])
async def test_SAFE_2_no_connection_is_not_done(script: dict[str, str], later: dict[str, str]) -> None:
    error = await refused(script | later)
    assert (error.retryable, error.unreachable) == (True, False)


@pytest.mark.parametrize("point", ["MAIL", "RCPT", "DATA"])
async def test_SAFE_2_a_connection_lost_before_the_body_is_not_done(point: str) -> None:
    error = await refused({point: "close"})
    assert error.retryable


async def test_SAFE_2_nobody_at_the_port_is_not_done() -> None:
    async with sending(free_port()) as mail:
        with pytest.raises(NotDone) as caught:
            await mail.send(MAIL, "k")
    assert caught.value.retryable


async def test_SAFE_2_an_unknown_host_is_not_done() -> None:
    async with sending(25, url="smtp://mail.invalid:{}") as mail:
        with pytest.raises(NotDone) as caught:
            await mail.send(MAIL, "k")
    assert caught.value.retryable


@pytest.mark.parametrize("point", ["greeting", "EHLO", "MAIL", "RCPT", "DATA"])
async def test_SAFE_2_a_server_that_never_answers_before_the_body_is_not_done(point: str) -> None:
    async with scripted({point: "never"}) as server, sending(server.port, seconds=0.2) as mail:
        with pytest.raises(NotDone) as caught:
            await mail.send(MAIL, "k")
    assert caught.value.retryable


@pytest.mark.parametrize("script", [{"body": "close"}, {"dot": "close"}, {"dot": "what?"}, {"dot": "354 more"}])
async def test_SAFE_2_after_the_first_byte_of_the_body_nobody_knows(script: dict[str, str]) -> None:
    error, server = await unheard(script)
    assert "handed over" in error.text
    assert server.connections == 1


@pytest.mark.parametrize("point", ["body", "dot"])
async def test_SAFE_2_a_server_that_never_answers_the_body_leaves_it_unknown(point: str) -> None:
    _, server = await unheard({point: "never"}, seconds=3)
    assert server.connections == 1


async def test_SAFE_2_cancelled_after_handing_over_is_unknown() -> None:
    async with scripted({"dot": "never"}) as server, sending(server.port) as mail:
        task = asyncio.create_task(mail.send(MAIL, "k"))
        await server.reached.wait()
        task.cancel()
        with pytest.raises(Silence, match="cancelled"):
            await task


async def test_SAFE_2_cancelled_before_handing_over_is_just_cancelled() -> None:
    async with scripted({"RCPT": "never"}) as server, sending(server.port) as mail:
        task = asyncio.create_task(mail.send(MAIL, "k"))
        await server.reached.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert server.bodies == []


async def test_connections_are_used_again() -> None:
    async with scripted() as server, sending(server.port) as mail:
        for _ in range(3):
            await mail.send(MAIL, "k")
        assert (server.connections, len(server.bodies)) == (1, 3)


async def test_many_at_once_share_a_few_connections() -> None:
    async with scripted() as server, sending(server.port, connections=3) as mail:
        await asyncio.gather(*(mail.send(MAIL, str(n)) for n in range(20)))
        assert len(server.bodies) == 20
        assert server.connections <= 3


async def test_a_connection_that_the_server_closed_is_replaced() -> None:
    async with scripted() as server, sending(server.port) as mail:
        await mail.send(MAIL, "k")
        server.hang_up()
        await mail.send(MAIL, "k")
        assert (server.connections, len(server.bodies)) == (2, 2)


@pytest.mark.parametrize("answer", ["421 4.4.2 idle too long", "close"])
async def test_a_connection_found_dead_at_the_first_command_is_replaced(answer: str) -> None:
    async with scripted() as server, sending(server.port) as mail:
        await mail.send(MAIL, "k")
        server.once = {"MAIL": answer}
        await mail.send(MAIL, "k")
        assert (server.connections, len(server.bodies)) == (2, 2)


async def test_a_missing_attachment_or_a_bad_address_is_not_done() -> None:
    async with scripted() as server, sending(server.port) as mail:
        with pytest.raises(NotDone, match="attachment") as caught:
            await mail.send(replace(MAIL, attachments=("gone",)), "k")
        assert not caught.value.retryable
        with pytest.raises(NotDone) as caught:
            await mail.send(replace(MAIL, to=Mailbox("ann@kunde.example>\r\nRCPT TO:<eve@evil.example")), "k")
        assert (caught.value.retryable, caught.value.unreachable) == (False, True)
        with pytest.raises(NotDone, match="sender") as caught:
            await mail.send(replace(MAIL, sender=Mailbox("nobody")), "k")
        assert (caught.value.retryable, caught.value.unreachable) == (False, False)
        assert server.connections == 0


async def test_SAFE_4_a_span_holds_no_answer_of_the_server(monkeypatch: pytest.MonkeyPatch) -> None:
    spans = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(spans))
    monkeypatch.setattr(smtp, "_tracer", provider.get_tracer("test"))
    await refused({"RCPT": "550 5.1.1 <ann@kunde.example> unknown"})
    (span,) = spans.get_finished_spans()
    assert span.status.description == "NotDone"
    assert "ann@" not in span.to_json()


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    if which("openssl") is None:
        pytest.skip("openssl is not installed: no certificate for a test server")
    folder = tmp_path_factory.mktemp("tls")
    key, cert = folder / "key.pem", folder / "cert.pem"
    command = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 1 -subj /CN=localhost"
    subprocess.run(
        [*command.split(), "-keyout", str(key), "-out", str(cert)],
        check=True,
        capture_output=True,
    )
    return key, cert


@pytest.fixture
def server_tls(certificate: tuple[Path, Path]) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate[1], certificate[0])
    return context


async def test_starttls_is_used_where_it_is_offered(server_tls: ssl.SSLContext) -> None:
    inbox = Inbox()
    async with real_server(inbox, tls_context=server_tls, require_starttls=True) as port, sending(port) as mail:
        await mail.send(MAIL, "k")
    assert len(inbox.envelopes) == 1


async def test_a_certificate_that_nobody_vouches_for_gets_no_password(server_tls: ssl.SSLContext) -> None:
    seen: list[LoginPassword] = []

    def log_in(_: SMTP, __: Session, ___: Envelope, ____: str, data: LoginPassword) -> AuthResult:
        seen.append(data)
        return AuthResult(success=True)

    inbox = Inbox()
    async with real_server(inbox, tls_context=server_tls, authenticator=log_in) as port:
        async with sending(port, url="smtp://ann:s%2Fcret@127.0.0.1:{}") as mail:
            with pytest.raises(NotDone, match="certificate"):
                await mail.send(MAIL, "k")
        assert seen == []
        async with sending(port, url="smtp://ann:s%2Fcret@127.0.0.1:{}?starttls=optional") as mail:
            await mail.send(MAIL, "k")
        assert seen == [LoginPassword(b"ann", b"s/cret")]
    assert len(inbox.envelopes) == 1


async def test_starttls_required_and_not_offered_is_not_done() -> None:
    async with scripted() as server, sending(server.port, url="smtp://127.0.0.1:{}?starttls=required") as mail:
        with pytest.raises(NotDone) as caught:
            await mail.send(MAIL, "k")
    assert not caught.value.retryable
    assert not any(command.startswith("MAIL") for command in server.commands)


@pytest.mark.parametrize(
    ("url", "relay"),
    [
        ("smtp://localhost:2525", Relay("localhost", 2525, None, None, False, "optional")),
        ("smtp://mail.example", Relay("mail.example", 25, None, None, False, "optional")),
        ("smtp://a%40b:p%3A@mail.example", Relay("mail.example", 587, "a@b", "p:", False, "required")),
        ("smtp://a:p@mail.example?starttls=never", Relay("mail.example", 25, "a", "p", False, "never")),
        ("smtps://a:p@mail.example", Relay("mail.example", 465, "a", "p", True, "never")),
    ],
)
def test_an_smtp_url_is_read(url: str, relay: Relay) -> None:
    assert Relay.from_url(url) == relay


@pytest.mark.parametrize(
    "url",
    ["", "mail.example:25", "http://mail.example", "smtp://", "smtp://h:x", "smtp://a:secret@h:99999", "smtp://h/path",
     "smtp://h?starttls=maybe", "smtps://h?starttls=required", "smtp://a:secret@h?tls=1"],
)  # fmt: skip
def test_SAFE_5_an_smtp_url_that_is_wrong_is_explained_without_its_password(url: str) -> None:
    with pytest.raises(ValueError, match="Write it like") as caught:
        Relay.from_url(url)
    assert "secret" not in str(caught.value)
