"""SuperOffice tells: the copy of people follows, and what happens there becomes events (TRIG_1)."""

import base64
import hashlib
import hmac
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr
from sqlmodel import select
from temporalio.testing import WorkflowEnvironment

from store.people import Person
from tests.support.backend import backend
from tests.support.running import Running, expect, problem, running
from tests.support.superoffice import StandIn
from tests.support.world import world as make_world

SECRET = "shared-with-superoffice"


@pytest.fixture
async def there() -> AsyncIterator[StandIn]:
    async with backend() as program:
        yield StandIn(program)


@pytest.fixture
async def ferd(
    temporal_env: WorkflowEnvironment, database_url: str, tmp_path: Path, there: StandIn
) -> AsyncIterator[Running]:
    settings: dict[str, Any] = {
        "crm": "superoffice", "crm_url": there.url, "crm_secret": SecretStr("refresh"),
        "superoffice_client": "client", "superoffice_client_secret": SecretStr("secret"),
        "superoffice_token_url": f"{there.program.url}/tokens", "superoffice_webhook_secret": SecretStr(SECRET),
    }  # fmt: skip
    made = make_world(temporal_env, database_url, tmp_path, worker=False, **settings)
    async with made as small, running(small) as api:
        yield api


async def tell(ferd: Running, event: str, key: int, secret: str = SECRET, status: int = 204) -> None:
    body = json.dumps({"EventId": "x", "Event": event, "PrimaryKey": key, "Entity": "person", "Changes": []}).encode()
    signature = base64.b64encode(hmac.digest(secret.encode(), body, hashlib.sha256)).decode()
    answer = await ferd.public.post("/hooks/superoffice", content=body, headers={"X-SuperOffice-Signature": signature})
    if status == 403:
        problem(403, answer)
    else:
        expect(status, answer)


async def person(ferd: Running) -> Person:
    return await ferd.world.db.read(lambda session: session.scalars(select(Person)).one())


async def test_people_are_followed_and_what_happens_is_an_event_once(ferd: Running, there: StandIn) -> None:
    there.people[275] = {
        "PersonId": 275, "Firstname": "Kari", "Lastname": "Berg", "Retired": False, "Category": {"Id": 4},
        "Emails": [{"Value": "kari@kunde.example"}], "MobilePhones": [{"Value": "no number"}],
    }  # fmt: skip
    await tell(ferd, "person.created", 275)
    known = await person(ferd)
    assert (known.external_id, known.first_name, known.email, known.category, known.mobile) == (
        "275", "Kari", "kari@kunde.example", "4", None
    )  # fmt: skip
    there.people[275]["Firstname"] = "Åse"
    for _ in range(2):
        await tell(ferd, "person.changed", 275)
    assert (await person(ferd)).first_name == "Åse"
    there.sales[7] = {"SaleId": 7, "Status": "Sold", "Person": {"PersonId": 275}}
    for event in ("sale.created", "sale.changed", "sale.changed", "test", "person.unheard_of"):
        await tell(ferd, event, 7)
    told = [type for type, _ in await ferd.events(known.id)]
    assert told == ["person_created", "person_updated", "sale_created", "sale_sold"]
    await tell(ferd, "person.softdeleted", 275)
    assert (await person(ferd)).deleted_at is not None


async def test_who_has_not_the_secret_is_refused(ferd: Running) -> None:
    await tell(ferd, "person.changed", 275, secret="another", status=403)
    problem(403, await ferd.public.post("/hooks/superoffice", json={"Event": "person.changed", "PrimaryKey": 1}))
    assert await ferd.world.db.read(lambda session: session.scalars(select(Person)).all()) == []
