"""How tables, times and durations look."""

from collections.abc import Iterable, Sequence
from datetime import datetime

from rich import box
from rich.table import Table
from rich.text import Text

from console.shell import out

STATUS_STYLES = {
    "running": "green",
    "active": "green",
    "finished_with_success": "green",
    "paused": "yellow",
    "queued": "yellow",
    "dropped_out": "magenta",
    "draft": "dim",
    "off": "yellow",
    "closed": "cyan",
    "ended": "dim",
    "stopped": "red",
    "cancelled": "dim",
}


def table(headings: Sequence[str], rows: Iterable[Sequence[str | Text]], *, right: Sequence[str] = ()) -> None:
    """Print rows under headings; those in `right` are numbers."""
    shown = Table(box=box.SIMPLE_HEAD, pad_edge=False, header_style="bold", show_edge=False)
    for heading in headings:
        shown.add_column(heading, justify="right" if heading in right else "left", overflow="fold")
    for row in rows:
        shown.add_row(*(cell if isinstance(cell, Text) else Text(cell) for cell in row))
    out.print(shown)


def status(word: str) -> Text:
    """A status in its colour, without underscores."""
    return Text(words(word), STATUS_STYLES.get(word, ""))


def words(name: str | None) -> str:
    """`no_action_in_time` as people read it."""
    return (name or "").replace("_", " ")


def moment(text: str | None) -> str:
    """A time of the API on this machine's clock, which is named: `2026-03-02 09:00:00 CET`."""
    return "" if text is None else f"{datetime.fromisoformat(text).astimezone():%Y-%m-%d %H:%M:%S %Z}"


def length(seconds: float | None) -> str:
    """A length of time in its two largest units: `3 d 4 h`."""
    if seconds is None:
        return ""
    left = round(seconds)
    parts: list[str] = []
    for unit, size in (("d", 86_400), ("h", 3_600), ("min", 60), ("s", 1)):
        if left >= size or (unit == "s" and not parts):
            parts.append(f"{left // size} {unit}")
            left %= size
    return " ".join(parts[:2])
