"""`ferd simulate`: a flow of a file played through with one person, offline."""

import json
from pathlib import Path

import pytest

from tests.console.test_check import EXAMPLES, ferd

FLOW = """
id: tiny
time_zone: Europe/Oslo
email: {from: hello@fjord.example, reply_to: same_as_from}
steps:
  - {id: wait, kind: wait_for_action, actions: [{event: link_clicked, link: offer}], within: 7 days, otherwise: exit}
  - {id: big, kind: split, branches: [{name: Big, when: {field: company.employees, op: ">", value: 200},
     steps: [{id: hello, kind: send_email, content: any}]}]}
"""


@pytest.fixture
def tiny(tmp_path: Path) -> str:
    path = tmp_path / "tiny.yaml"
    path.write_text(FLOW, encoding="utf-8")
    return str(path)


def test_a_flow_is_played_through(
    tiny: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    does = ("--event", "link_clicked offer after 2 days", "--set", "company.employees=300")
    assert ferd(monkeypatch, "simulate", tiny, "--at", "2026-12-01 08:00", *does, "--json") == 0
    found = json.loads(capsys.readouterr().out)
    assert [(each["step"], each["event"]) for each in found] == [
        ("", "enrolled"),
        ("wait", "waiting"),
        ("wait", "passed"),
        ("big", "branch"),
        ("hello", "done"),
        ("", "left"),
    ]
    assert (found[0]["at"], found[-1]["at"]) == ("2026-12-01T07:00:00Z", "2026-12-03T07:00:00Z")
    assert ferd(monkeypatch, "simulate", tiny) == 0
    assert "dropped out: No action within 7 days" in capsys.readouterr().out


def test_the_examples_can_be_played(monkeypatch: pytest.MonkeyPatch) -> None:
    for path in (EXAMPLES / "flows").glob("*.yaml"):
        assert ferd(monkeypatch, "simulate", str(path)) == 0


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (["--set", "person.contry=NO"], "person.country"),
        (["--set", "nothing"], "person.country=NO"),
        (["--event", "clicked after 2 days"], "link_clicked offer after 2 days"),
        (["--event", "order.placed"], "after"),
        (["--event", "order.placed after soon"], "soon"),
        (["--event", "order.placed word after 1 day"], "word"),
        (["--at", "tomorrow"], "tomorrow"),
    ],
)
def test_SAFE_5_what_cannot_be_understood_is_told(
    tiny: str, more: list[str], said: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert ferd(monkeypatch, "simulate", tiny, *more) == 1
    told = capsys.readouterr()
    assert said in told.err
    assert told.out == ""
