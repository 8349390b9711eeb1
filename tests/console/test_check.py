"""`ferd check`: every problem with line, column and remedy, and the exit status (SAFE_5)."""

import json
import shutil
import sys
from pathlib import Path

import pytest

import cli

EXAMPLES = Path(__file__).parent.parent.parent / "examples"


@pytest.fixture
def team(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the examples to break, as the working directory."""
    folder = tmp_path / "team"
    shutil.copytree(EXAMPLES, folder)
    monkeypatch.chdir(folder)
    return folder


def ferd(monkeypatch: pytest.MonkeyPatch, *words: str) -> int:
    """Run the command line in this process; its exit status."""
    monkeypatch.setattr(sys, "argv", ["ferd", *words])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    return int(ended.value.code or 0)


def break_(path: Path, old: str, new: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")


def test_the_examples_have_no_errors(
    team: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert ferd(monkeypatch, "check", ".") == 0
    assert (
        capsys.readouterr().out.splitlines()[-1].startswith("3 flows, 1 file, 9 links, 3 forms, 9 selections, 15 con")
    )


def test_SAFE_5_a_flow_alone_finds_what_lies_around_it(
    team: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    break_(team / "flows/welcome.yaml", "content: welcome-hello", "content: welcome-helo")
    monkeypatch.chdir(team / "flows")
    assert ferd(monkeypatch, "check", "welcome.yaml") == 1
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "welcome.yaml:35:5: error: There is no content “welcome-helo”."
    assert "Did you mean “welcome-hello”?" in lines[1]
    assert lines[1].startswith("  ")
    assert lines[-1] == "1 flow: 1 error, 0 warnings."


@pytest.mark.parametrize(
    ("file", "old", "new", "place", "said", "remedy"),
    [
        ("flows/welcome.yaml", "kind: wait,", "kind: wate,", "flows/welcome.yaml:", "“wate”", "Did you mean “wait”?"),
        ("links.yaml", "https://www.fjord.example/offer", "fjord/offer", "links.yaml:4:", "not a web address", "https"),
        ("forms.yaml", "name: Contact me", "nam: Contact me", "forms.yaml:4:3:", "“nam”", "Did you mean “name”?"),
        ("selections.yaml", "{id: staff,", "{", "selections.yaml:2:", "no id", "letters"),
        ("content/welcome-hello/content.yaml", "state: ready", "state: redy", "content.yaml:3:", "'ready'", "one of"),
        (
            *("content/welcome-hello/body.html", "{{ links.shop }}", "{{ links.shpo }}"),
            *("content/welcome-hello/body.html:39:50:", "“shpo”", "“shop”"),
        ),
        (
            *("content/welcome-hello/content.yaml", "[brochure.pdf]", "[flyer.pdf]"),
            *("content.yaml:5:", "flyer.pdf", "files/"),
        ),
    ],
)
def test_SAFE_5_each_problem_names_file_line_and_remedy(
    team: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    file: str,
    old: str,
    new: str,
    place: str,
    said: str,
    remedy: str,
) -> None:
    break_(team / file, old, new)
    assert ferd(monkeypatch, "check", ".") == 1
    lines = capsys.readouterr().out.splitlines()
    at, found = next((number, line) for number, line in enumerate(lines) if place in line and said in line)
    assert ": error: " in found
    assert remedy in lines[at + 1]


def test_json_is_one_document_with_the_same_problems(
    team: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    break_(team / "flows/win-back.yaml", "content: win-back-heard", "content: nothing")
    assert ferd(monkeypatch, "check", "--json", "flows/win-back.yaml") == 1
    found = [each for each in json.loads(capsys.readouterr().out) if each["severity"] == "error"]
    assert [(each["file"], each["step"], each["line"] > 1) for each in found] == [
        ("flows/win-back.yaml", "heard", True)
    ]


def test_two_things_of_one_id_and_a_content_without_body(
    team: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copy(team / "flows/welcome.yaml", team / "flows/again.yaml")
    for body in ("body.html", "body.txt"):
        (team / "content/welcome-post" / body).unlink()
    assert ferd(monkeypatch, "check", ".") == 1
    said = capsys.readouterr().out
    assert "The flow “welcome” is given twice" in said
    assert "content/welcome-post/content.yaml:1:1: error: The content has no body." in said


@pytest.mark.parametrize(
    ("path", "said"),
    [("nowhere.yaml", "There is no file nowhere.yaml."), ("people.csv", "ferd enrol FLOW --csv people.csv")],
)
def test_what_cannot_be_checked_is_said_on_stderr(
    team: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], path: str, said: str
) -> None:
    assert ferd(monkeypatch, "check", path) == 1
    assert said in capsys.readouterr().err


def test_LIFE_2_what_creates_in_the_crm_is_looked_up_in_the_lists_beside(
    team: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Associates, types and custom fields are lists as links and forms are."""
    lists = {
        "associates": "- {id: liv, name: Liv, working_hours: [{days: [mon], from: '08:00', to: '12:00'}]}",
        "groups": "- {id: sales, name: Sales, members: [liv]}",
        "follow-up-types": "- {id: visit, name: Visit, date: meeting}",
        "custom-fields": "- {id: score, of: person, key: score, name: Score, type: number}",
    }
    for name, text in lists.items():
        (team / f"{name}.yaml").write_text(text, encoding="utf-8")
    flow = """
id: visits
name: Visits
enrolment: {filter: {field: person.custom.scroe, op: ">", value: 5}}
steps:
  - {id: spread, kind: distribute, group: sales}
  - {id: visit, kind: create_follow_up, title: Visit, type: visit, owner: liv, due: 3 days}
  - {id: call, kind: create_follow_up, title: Call, owner: liw, due: 3 days}
"""
    (team / "flows/visits.yaml").write_text(flow, encoding="utf-8")
    assert ferd(monkeypatch, "check", "flows/visits.yaml") == 1
    said = capsys.readouterr().out
    assert "There is no field “person.custom.scroe”." in said
    assert "Follow-ups of type visit have no due." in said
    assert "There is no associate “liw”." in said
    assert said.splitlines()[-1] == "1 flow: 3 errors, 0 warnings."
