"""What `ferd apply` shows of an edit, and when it asks."""

from typing import Any

import pytest

from console.edits import agree
from console.shell import Failure

SPAN = {"earliest": "2026-06-01T12:00:00Z", "latest": "2026-06-02T12:00:00Z"}


def step(**given: Any) -> dict[str, Any]:
    numbers = {"unaffected": 0, "replanned": 0, "moved_on": 0, "refused": 0}
    return {"step": "rest", "before": None, "after": None, "on_to": None, "why": "", **numbers, **given}


def edited(*steps: dict[str, Any], possible: bool = True) -> dict[str, Any]:
    change = {"step": "rest", "what": "edited", "text": "wait rest: for 3 days → 5 days"}
    return {"id": "welcome", "version": 2, "changes": [change], "possible": possible, "steps": list(steps)}


def test_EDIT_7_the_effect_is_shown_and_a_program_has_to_say_yes(capsys: pytest.CaptureFixture[str]) -> None:
    told = edited(step(replanned=2, moved_on=1, unaffected=4, before=SPAN, after=SPAN, on_to="hello"))
    with pytest.raises(Failure, match="concerns 3 people"):
        agree([told], yes=False)
    shown = capsys.readouterr().err
    for text in ("for 3 days → 5 days", "2 people planned afresh", "1 person moved on to hello", "4 unaffected"):
        assert text in shown
    agree([told], yes=True)


def test_EDIT_7_nobody_is_asked_where_nobody_is_concerned() -> None:
    agree([edited(step(unaffected=5))], yes=False)


def test_EDIT_6_what_the_guard_refuses_is_not_saved_even_with_yes(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(Failure, match="welcome removes or moves"):
        agree([edited(step(refused=2, why="wait rest cannot be removed: 2 are there"), possible=False)], yes=True)
    assert "wait rest cannot be removed: 2 are there" in capsys.readouterr().err


@pytest.mark.parametrize("answer", [True, False])
def test_EDIT_7_a_person_is_asked(monkeypatch: pytest.MonkeyPatch, *, answer: bool) -> None:
    monkeypatch.setattr("sys.stdin.isatty", lambda: True)
    monkeypatch.setattr("console.edits.Confirm.ask", lambda *_, **__: answer)
    if answer:
        agree([edited(step(moved_on=1))], yes=False)
    else:
        with pytest.raises(Failure, match="Nothing was saved"):
            agree([edited(step(moved_on=1))], yes=False)
