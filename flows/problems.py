"""A problem: what is wrong, where, and how to mend it (LIFE_2, SAFE_5)."""

from dataclasses import dataclass, replace
from typing import Literal

Place = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong with a flow.

    `where` is the path in the file, `("steps", 2, "content")`; `step` the id of the step it belongs to, if any; `line`
    and `column` count from one and are 0 where the text is not known. A warning does not keep a flow from running.
    """

    what: str
    remedy: str
    where: Place = ()
    step: str | None = None
    severity: Literal["error", "warning"] = "error"
    line: int = 0
    column: int = 0

    @property
    def pointer(self) -> str:
        """The place as a JSON pointer (RFC 6901)."""
        return "".join("/" + str(part).replace("~", "~0").replace("/", "~1") for part in self.where)

    def under(self, *place: str | int, step: str | None = None) -> "Problem":
        """The same problem seen from further out."""
        return replace(self, where=(*place, *self.where), step=self.step or step)

    def at(self, line: int, column: int) -> "Problem":
        """The same problem at a line and column of the text."""
        return replace(self, line=line, column=column)
