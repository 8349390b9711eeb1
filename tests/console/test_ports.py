"""A port that is taken is one clear sentence with the next step."""

import socket
from collections.abc import Iterator

import pytest

from console import ports
from console.shell import Failure
from tests.support.ports import free_port


@pytest.fixture
def taken() -> Iterator[int]:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        yield listener.getsockname()[1]


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ports, "_LINGER", 0.0)


def test_free_ports_are_fine() -> None:
    ports.check({"FERD_PORT": ("127.0.0.1", free_port())})


def test_a_taken_port_is_named_with_the_setting_and_a_command_that_works(taken: int) -> None:
    with pytest.raises(Failure) as raised:
        ports.check({"FERD_PORT": ("127.0.0.1", taken)})
    assert raised.value.what == f"Port {taken} is taken: another program listens on 127.0.0.1:{taken}."
    before, _, example = raised.value.remedy.partition("FERD_PORT: ")
    assert before == "End that program, or choose another port with "
    other = int(example.removeprefix("FERD_PORT=").split()[0])
    ports.check({"FERD_PORT": ("127.0.0.1", other)})


def test_every_taken_port_is_told_at_once(taken: int) -> None:
    wanted = {"FERD_PORT": ("127.0.0.1", taken), "FERD_MAILBOX_PORT": ("127.0.0.1", taken)}
    with pytest.raises(Failure) as raised:
        ports.check(wanted)
    told = "\n".join([raised.value.what, *raised.value.details])
    assert f"FERD_PORT and FERD_MAILBOX_PORT are both {taken}." in told
    assert f"Port {taken} is taken" in told


def test_an_address_that_is_not_of_this_machine() -> None:
    with pytest.raises(Failure, match=r"Nothing can listen on 192\.0\.2\.1") as raised:
        ports.check({"FERD_PORT": ("192.0.2.1", free_port())})
    assert "FERD_HOST" in raised.value.remedy
