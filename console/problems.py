"""Problems of files, as editors and people read them: `file:line:column: error: what`, and below it the remedy."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.text import Text

from console.shell import out
from flows.problems import Problem


@dataclass(frozen=True, slots=True)
class Flaw:
    """A problem in a file."""

    path: Path
    problem: Problem

    @property
    def place(self) -> str:
        """`file:line:column`, the file seen from here where it is below here."""
        path = self.path.absolute()
        here = Path.cwd()
        shown = path.relative_to(here) if path.is_relative_to(here) else self.path
        return f"{shown}:{max(self.problem.line, 1)}:{max(self.problem.column, 1)}"

    def as_data(self) -> dict[str, Any]:
        """For programs."""
        given = asdict(self.problem)
        del given["where"]
        return {"file": str(self.path), "pointer": self.problem.pointer, **given}


def errors(flaws: Sequence[Flaw]) -> int:
    """How many of them keep a flow from running."""
    return sum(flaw.problem.severity == "error" for flaw in flaws)


def show(flaws: Sequence[Flaw], to: Console = out) -> None:
    """Print them, in the order of files and lines."""
    for flaw in sorted(flaws, key=lambda flaw: (str(flaw.path), flaw.problem.line, flaw.problem.column)):
        problem = flaw.problem
        style = "bold red" if problem.severity == "error" else "bold yellow"
        line = Text.assemble((f"{flaw.place}: ", "bold"), (f"{problem.severity}: ", style), problem.what)
        to.print(line, soft_wrap=True)
        to.print(Text(f"  {problem.remedy}"), soft_wrap=True)


_PLURALS = {"person": "people", "category": "categories"}


def counted(number: int, noun: str) -> str:
    """`1 flow`, `3 flows`."""
    return f"{number} {noun if number == 1 else _PLURALS.get(noun, noun + 's')}"
