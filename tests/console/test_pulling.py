"""`ferd pull`: begun, watched until all is taken over, and told."""

import json
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from console import pulling
from settings import Settings


def _kind(taken: int, *, done: bool) -> dict[str, Any]:
    return {"kind": "people", "taken": taken, "refused": 1, "done": done, "why": "18 cannot be held here"}


def test_a_pull_is_watched_until_it_is_done(
    httpserver: HTTPServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(pulling, "_LOOK_EVERY", 0)
    states = iter([_kind(0, done=False), _kind(100, done=False), _kind(240, done=True)])
    methods = []

    def answer(request: Request) -> Response:
        methods.append(request.method)
        return Response(json.dumps({"items": [next(states)]}), mimetype="application/json")

    httpserver.expect_request("/v1/pull").respond_with_handler(answer)
    here = Settings(home=tmp_path, port=httpserver.port, api_key=SecretStr("k" * 32), secret_keys=[SecretStr("s" * 32)])
    pulling.pull(here, wait=True, json=False)
    assert methods == ["POST", "GET", "GET"]
    assert "people: 240 taken over, 1 not: 18 cannot be held here" in " ".join(capsys.readouterr().out.split())
