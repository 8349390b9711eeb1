import asyncio
import signal
import smtplib
import socket
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import aiosmtplib
import pytest

from postbox.server import listen
from postbox.store import Store

ROOT = Path(__file__).parents[2]


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[tuple[Store, int]]:
    store = Store(tmp_path / "mail")
    listening = await listen(store, "127.0.0.1", 0)
    yield store, listening.sockets[0].getsockname()[1]
    listening.close()


async def deliver(port: int, content: bytes, to: str = "ann@kunde.example") -> None:
    async with aiosmtplib.SMTP(hostname="127.0.0.1", port=port, local_hostname="localhost", timeout=60) as client:
        options = [] if to.isascii() else ["SMTPUTF8"]
        await client.mail("hello@fjord.example", options=options)
        await client.rcpt(to, encoding="utf-8")
        await client.data(content)


async def test_a_mail_is_kept_as_it_came(server: tuple[Store, int]) -> None:
    store, port = server
    await deliver(port, b"Subject: Hi\r\n\r\n.dot\r\n..\r\nend", "åse@kunde.example")
    (mail,) = store.page(to="åse@kunde.example").items
    assert store.source(mail.id) == (
        b"X-Envelope-From: hello@fjord.example\n"
        + "X-Envelope-To: åse@kunde.example\n".encode()
        + b"Subject: Hi\n\n.dot\n..\nend\n"
    )


async def test_mails_up_to_64_MiB_are_taken(server: tuple[Store, int]) -> None:
    """25 MB of attachments are 36 MB on the wire; the test of the sender sends them here."""
    _, port = server
    async with aiosmtplib.SMTP(hostname="127.0.0.1", port=port, local_hostname="localhost") as client:
        await client.ehlo()
        assert client.esmtp_extensions["size"] == str(64 * 1024 * 1024)


async def test_a_mail_that_cannot_be_kept_is_not_taken(server: tuple[Store, int]) -> None:
    store, port = server
    (store.folder / "tmp").rmdir()
    with pytest.raises(aiosmtplib.SMTPDataError, match="cannot be kept") as caught:
        await deliver(port, b"Subject: Hi\r\n\r\nx")
    assert caught.value.code == 452


async def test_mails_at_once_are_all_kept(server: tuple[Store, int]) -> None:
    store, port = server
    await asyncio.gather(*(deliver(port, f"Subject: {n}\r\n\r\nx".encode()) for n in range(50)))
    assert {int(mail.subject) for mail in store.page(limit=100).items} == set(range(50))


def start(*arguments: str) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-m", "postbox", *arguments],
        cwd=ROOT,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_the_program_takes_mail_and_ends_cleanly(tmp_path: Path, number: int) -> None:
    with start("--port", "0", "--folder", str(tmp_path / "mail")) as program:
        assert program.stdout is not None
        port = int(program.stdout.readline().split()[3].rpartition(":")[2])
        with smtplib.SMTP("127.0.0.1", port, "localhost") as client:
            client.sendmail("hello@fjord.example", "ann@kunde.example", "Subject: Hi\r\n\r\nHi")
            program.send_signal(number)
            _, errors = program.communicate(timeout=120)
    assert (program.returncode, errors) == (0, "")
    assert [mail.subject for mail in Store(tmp_path / "mail").page().items] == ["Hi"]


def test_a_taken_port_is_explained(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with start("--port", str(port), "--folder", str(tmp_path / "mail")) as program:
            output, errors = program.communicate(timeout=120)
    assert (program.returncode, output) == (1, "")
    assert errors == (
        f"The mailbox cannot listen on 127.0.0.1:{port}: the port is taken. "
        "Choose another with --port (FERD_MAILBOX_PORT) or end what uses it.\n"
    )


def test_a_folder_that_cannot_be_used_is_explained(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with start("--port", "0", "--folder", str(tmp_path / "file" / "mail")) as program:
        _, errors = program.communicate(timeout=120)
    assert program.returncode == 1
    assert errors.startswith("The mailbox cannot use the folder ")
    assert errors.count("\n") == 1
