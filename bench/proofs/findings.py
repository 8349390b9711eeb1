"""What a proof finds: figures for its page, and whether what has to hold does."""

from collections.abc import Iterator
from dataclasses import dataclass, field


class DoesNotHold(Exception):
    """Something that has to hold does not; the message says what, and what was found instead."""


@dataclass(slots=True)
class Findings:
    """What one proof has found, in order: (what, found). `slow` took longer than it may."""

    figures: list[tuple[str, str]] = field(default_factory=list)
    slow: list[str] = field(default_factory=list)

    def note(self, what: str, found: object) -> None:
        """A figure for the page; told at once, because a proof takes long."""
        self.figures.append((what, str(found)))
        print(f"  {what}: {found}", flush=True)

    def took(self, what: str, seconds: float, *, at_most: float) -> None:
        """How long something took, and how long it may take on an idle machine."""
        self.note(what, f"{seconds * 1000:.0f} ms")
        if seconds > at_most:
            self.slow.append(f"{what}: {seconds * 1000:.0f} ms instead of {at_most * 1000:.0f}")

    def page(self) -> Iterator[str]:
        """The figures as a table in Markdown."""
        yield from ("| what | found |", "|---|---|")
        yield from (f"| {what} | {found} |" for what, found in self.figures)


def expect(what: str, found: object, wanted: object) -> None:
    """Raises DoesNotHold unless what was found is what has to be."""
    if found != wanted:
        raise DoesNotHold(f"{what}: {found} instead of {wanted}")
