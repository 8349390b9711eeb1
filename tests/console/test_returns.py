"""`ferd read-mail`: an mbox, a Maildir, one mail; each mail to the hook that it is for."""

import json
import mailbox
from pathlib import Path

import pytest
from pydantic import SecretStr
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from console.returns import read_mail
from console.shell import Failure
from settings import Settings
from tests.activities.mail.test_reports import BOUNCE

ANSWER = b"From: kari@kunde.example\nSubject: Re: Hello\n\nYes\n"


@pytest.fixture
def told(httpserver: HTTPServer) -> list[tuple[str, bytes]]:
    """What the hooks are told."""
    calls: list[tuple[str, bytes]] = []

    def take(request: Request) -> Response:
        calls.append((request.path, request.get_data()))
        return Response(json.dumps({"taken": 1}), mimetype="application/json")

    for path in ("/hooks/bounce", "/hooks/reply"):
        httpserver.expect_request(path, "POST", headers={"Content-Type": "message/rfc822"}).respond_with_handler(take)
    return calls


@pytest.fixture
def settings(httpserver: HTTPServer, tmp_path: Path) -> Settings:
    return Settings(home=tmp_path, port=httpserver.port, api_key=SecretStr("k" * 32), secret_keys=[SecretStr("s" * 32)])


@pytest.mark.parametrize("kind", ["mbox", "maildir", "mail"])
def test_PART_2_a_mailbox_is_read(
    kind: str, settings: Settings, told: list[tuple[str, bytes]], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "box"
    if kind == "mail":
        path.write_bytes(BOUNCE)
    else:
        box = mailbox.mbox(path) if kind == "mbox" else mailbox.Maildir(path)
        for mail in (BOUNCE, ANSWER):
            box.add(mail)
        box.close()
    read_mail(settings, path, json=True)
    expected = [("/hooks/bounce", BOUNCE), ("/hooks/reply", ANSWER)][: 1 if kind == "mail" else 2]
    assert sorted((where, mail.strip()) for where, mail in told) == [(where, mail.strip()) for where, mail in expected]
    assert json.loads(capsys.readouterr().out)["reports"] == 1


def test_SAFE_5_what_is_no_mailbox_is_named(settings: Settings, tmp_path: Path) -> None:
    with pytest.raises(Failure, match="nothing cannot be read"):
        read_mail(settings, tmp_path / "nothing", json=False)
