"""How the CRM tells what it has changed."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Protocol

from sqlmodel import Session


class Occur(Protocol):
    """Stores an event about a person and matches it, in the same transaction.

    `person` may be several to whom the same has happened: a few statements for all of them.
    Without `triggers` nobody is enrolled by it (TRIG_1); whoever waits for it is woken all the same.
    """

    def __call__(
        self,
        session: Session,
        *,
        type: str,
        person: str | Sequence[str],
        at: datetime,
        data: dict[str, Any] | None = None,
        cause: Sequence[str] = (),
        source: str = "ferd",
        triggers: bool = True,
    ) -> None: ...
