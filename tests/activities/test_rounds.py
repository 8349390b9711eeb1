"""What goes on beside every worker goes on after a fault, and pauses only where there is no more to do."""

import asyncio
from datetime import timedelta

import pytest

from activities.rounds import rounds

EVERY = timedelta(seconds=7)


async def told(monkeypatch: pytest.MonkeyPatch, answers: list[object], *, at_once: bool = False) -> list[str]:
    """What rounds do, in order, whose work answers (or raises) this and is cancelled when nothing is left."""
    done: list[str] = []

    async def sleep(seconds: float) -> None:
        assert seconds == EVERY.total_seconds()
        done.append("pause")

    async def work() -> object:
        if not answers:
            raise asyncio.CancelledError
        answer = answers.pop(0)
        done.append("work")
        if isinstance(answer, Exception):
            raise answer
        return answer

    monkeypatch.setattr(asyncio, "sleep", sleep)
    with pytest.raises(asyncio.CancelledError):
        await rounds(work, EVERY, "work_failed", at_once=at_once)
    return done


@pytest.mark.parametrize(
    ("answers", "done"),
    [
        ([None, None], "pause work pause work pause"),
        ([True, True, False], "pause work work work pause"),
        ([3, 1], "pause work pause work pause"),  # how many it did is no word of more
        ([OSError("away"), True, False], "pause work pause work work pause"),
    ],
    ids=str,
)
async def test_a_round_ends_where_no_more_is_to_do(
    monkeypatch: pytest.MonkeyPatch, answers: list[object], done: str
) -> None:
    assert " ".join(await told(monkeypatch, answers)) == done


async def test_what_cannot_wait_is_done_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    assert " ".join(await told(monkeypatch, [None], at_once=True)) == "work pause"
