"""The API over an embedded CRM that has no flows around it: what it tells is only kept."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from fastapi.testclient import TestClient
from sqlmodel import Session

from activities.crm.embedded import EmbeddedCrm
from api.services import Services
from store.database import Database
from tests.support.apps import borrowed

KEY = "a-key-for-tests-only"


@dataclass
class Told:
    """What the CRM told, in order: each event as its keyword arguments."""

    events: list[dict[str, Any]] = field(default_factory=list)

    def __call__(
        self,
        session: Session,
        *,
        type: str,
        person: str | Sequence[str],
        at: datetime,
        data: dict[str, Any] | None = None,
        cause: Any = (),
        source: str = "ferd",
        triggers: bool = True,
    ) -> None:
        for one in [person] if isinstance(person, str) else person:
            event = {"type": type, "person": one, "data": data, "cause": tuple(cause), "triggers": triggers}
            self.events.append(event)

    def take(self) -> list[dict[str, Any]]:
        """What was told since the last call."""
        taken, self.events = self.events, []
        return taken


@dataclass
class CrmApi:
    """A client that is let in, and what is behind it."""

    client: TestClient
    db: Database
    crm: EmbeddedCrm
    told: Told
    together: list[Sequence[str]] = field(default_factory=list)
    """People who came into a group at once and shall set off triggers, in the background."""


@contextmanager
def crm_api(url: str) -> Iterator[CrmApi]:
    """The API over the database at `url`."""
    db, told = Database(url), Told()
    together: list[Sequence[str]] = []
    crm = EmbeddedCrm(told, lambda session, kind, group, people, at: together.append(people))
    try:
        with (
            borrowed(Services(db, db, crm, [KEY])) as app,
            TestClient(app, headers={"X-API-Key": KEY}, raise_server_exceptions=False) as client,
        ):
            yield CrmApi(client, db, crm, told, together)
    finally:
        db.close()
