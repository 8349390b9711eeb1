"""The port over a store of its own, before a stand-in for SuperOffice."""

from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pytest

from activities.outside.superoffice.client import Access, SuperOffice
from activities.outside.superoffice.effects import SuperOfficeCrm
from activities.web import Web
from store.database import Database
from store.people import Associate, Person
from tests.support.backend import backend
from tests.support.databases import SqliteDatabases
from tests.support.superoffice import StandIn

NOW = datetime(2026, 12, 1, 8, tzinfo=UTC)


@dataclass
class Set:
    """The port, and what is behind it."""

    port: SuperOfficeCrm
    client: SuperOffice
    there: StandIn
    store: Database
    now: datetime = NOW


@pytest.fixture
def store(sqlite_databases: SqliteDatabases) -> Iterator[Database]:
    url = sqlite_databases.create()
    db = Database(url)
    yield db
    db.close()
    sqlite_databases.drop(url)


@pytest.fixture
async def crm(store: Database) -> AsyncIterator[Set]:
    times: dict[str, Any] = {"created_at": NOW, "updated_at": NOW}
    rows = [
        Person(id="per_1", external_id="275", **times),
        Person(id="per_2", **times),
        *(Associate(id=id, name=f"Associate {id}", time_zone="Europe/Oslo", **times) for id in ("7", "8")),
    ]
    await store.write(lambda session: session.add_all(rows))
    web = Web(private=True, longest=1)
    async with backend() as program:
        there = StandIn(program)
        there.add_person(
            275, Firstname="Kari", Contact={"ContactId": 18}, Category={"Id": 1}, Emails=[{"Value": "kari@x.example"}],
            CustomFields={
                "SuperOffice:1": "[I:1]", "SuperOffice:1:org": "[I:1]", "x_spent": "[F:10.5]", "SuperOffice:7": "[I:3]",
                "SuperOffice:7:DisplayText": "Silver", "x_note": "old",
            },
        )  # fmt: skip
        there.companies[18] = {"ContactId": 18, "Name": "Fjord", "CustomFields": {"x_score": "[I:1]"}}
        there.lists.update(
            category={"Prospect": 1, "Customer": 4}, shipmenttype={"News": 5, "Offers": 6},
            udlist9={"Silver": 3, "Gold": 8}, task={"Phone": 2}, ticketstatus={"Open": 1}, ejcategory={"Sales": 3},
            TicketType={"Question": 1}, saletype={"Retail": 5}, currency={"NOK": 36},
        )  # fmt: skip
        there.layout = [{"ProgId": "", "UdefIdentity": 7, "MdoListName": "udlist9"}]
        made = Set(None, None, there, store)  # type: ignore[arg-type]
        access = Access(there.url, f"{program.url}/tokens", "client", "secret", "refresh")
        made.client = SuperOffice(web, access, lambda: made.now)
        made.port = SuperOfficeCrm(store, made.client, lambda: made.now)
        yield made
    await web.close()
