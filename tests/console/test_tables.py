"""How tables, times and durations look."""

import time
from collections.abc import Iterator

import pytest

from console.tables import moment


@pytest.fixture
def in_oslo(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """This machine's clock is Oslo's."""
    with monkeypatch.context() as here:
        here.setenv("TZ", "Europe/Oslo")
        time.tzset()
        yield
    time.tzset()


@pytest.mark.usefixtures("in_oslo")
def test_a_time_says_whose_clock_it_is_by() -> None:
    assert moment("2026-03-02T08:00:00Z") == "2026-03-02 09:00:00 CET"
    assert moment("2026-07-02T08:00:00+00:00") == "2026-07-02 10:00:00 CEST"
    assert moment(None) == ""
