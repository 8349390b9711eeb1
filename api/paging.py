"""Lists come in pages: `items`, and `next_cursor` as long as there are more.

A page goes on after the last key of the one before, so that every page costs the same and what is added meanwhile
shifts nothing.
"""

import re
from base64 import b64decode, urlsafe_b64encode
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Annotated, Generic, TypeVar

from fastapi import Depends, Query
from pydantic import BaseModel, BeforeValidator, Field

from api.errors import ProblemDetail, Unprocessable
from flows.model import Id

Row = TypeVar("Row")
Item = TypeVar("Item", bound=BaseModel)


class Page(BaseModel, Generic[Item]):
    """One page of a list."""

    items: list[Item] = Field(title="Items")
    next_cursor: str | None = Field(
        title="Next cursor", description="The next page's `cursor`; null: this was the last."
    )


@dataclass(frozen=True, slots=True)
class Paging:
    """Which page is asked for: at most `limit` items whose key is greater than `after`."""

    after: str
    limit: int

    @property
    def after_number(self) -> int:
        """`after` of a list whose keys are numbers from one on. Raises Unprocessable."""
        if not re.fullmatch(r"[0-9]{0,18}", self.after):
            raise _not_ours()
        return int(self.after or 0)

    def page(self, rows: Sequence[Row], item: Callable[[Row], Item], key: Callable[[Row], str]) -> Page[Item]:
        """The page, from rows read with `limit + 1` in the order of their keys."""
        more = len(rows) > self.limit
        kept = rows[: self.limit]
        return Page(items=[item(row) for row in kept], next_cursor=_encode(key(kept[-1])) if more else None)


EMPTY_IS_ANY = BeforeValidator(lambda given: None if given == "" else given)
"""Of a list's filter: `?status=&step=` narrows by neither, as a form with empty fields sends it."""

OnlyId = Annotated[Id | None, EMPTY_IS_ANY]
"""A filter by what has this id."""


def _paging(
    cursor: Annotated[str, Query(description="Where to go on: `next_cursor` of the page before.")] = "",
    limit: Annotated[int, Query(ge=1, le=1000, description="Most items in the page.")] = 100,
) -> Paging:
    return Paging(_decode(cursor), limit)


PagingDep = Annotated[Paging, Depends(_paging)]


def _encode(key: str) -> str:
    return urlsafe_b64encode(key.encode()).decode().rstrip("=")


def _decode(cursor: str) -> str:
    try:
        key = b64decode(cursor + "=" * (-len(cursor) % 4), b"-_", validate=True).decode()
    except ValueError:
        raise _not_ours() from None
    if "\0" in key:
        raise _not_ours()
    return key


def _not_ours() -> Unprocessable:
    remedy = "Give next_cursor as it came, or leave it out to begin at the start."
    wrong = ProblemDetail(place="query", pointer="/cursor", what="This is not a cursor of ours.", remedy=remedy)
    return Unprocessable("The cursor is not valid.", remedy, problems=[wrong])
