"""What the handlers work with. `worker.py` and tests make one and give it to `create_app`."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Protocol, TypeVar

from fastapi import Depends, Request
from sqlmodel import Session

from activities.crm.embedded import EmbeddedCrm
from store.database import Database

T = TypeVar("T")


class Writer(Protocol):
    """Runs a transaction and afterwards tells Temporal what it asked for."""

    async def write(self, work: Callable[[Session], T]) -> T:
        """Run `work` as one transaction; it may run more than once."""


def _now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class Services:
    """Reads go to `db`, every change through `dispatcher`. `public_url` is how people reach us from outside.

    `api_keys` are administrators' keys; the others let in with less (`api.auth.Role`).
    """

    db: Database
    dispatcher: Writer
    crm: EmbeddedCrm
    api_keys: Sequence[str]
    editor_keys: Sequence[str] = ()
    viewer_keys: Sequence[str] = ()
    public_url: str = ""
    clock: Callable[[], datetime] = _now


def _services(request: Request) -> Services:
    services: Services = request.app.state.services
    return services


ServicesDep = Annotated[Services, Depends(_services)]
