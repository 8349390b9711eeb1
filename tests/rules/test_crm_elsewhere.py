"""Another program as the CRM: SAFE_1 and SAFE_2 for effects that leave our store, and a copy that follows them."""

import asyncio
import importlib.util
import threading
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from http.server import ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr
from sqlmodel import Session, col, select
from temporalio.testing import WorkflowEnvironment

from activities.outside.webhook import CrmAddress, CrmRequest, WebhookCrm
from activities.web import Web
from activities.webhooks import signing
from flows.making import CreateRequest, CreateSale, Distribute, Origin
from flows.outcome import Reason, Status
from flows.ports import ChangePerson, Done, FieldChange, NotDone
from store.database import Database
from store.journeys import EffectStatus, ParticipantRow
from store.people import Associate
from store.pulling import ToldRow
from tests.rules.given import ended, is_member, left, person_now, when
from tests.support.backend import Backend, Call, Reply, backend
from tests.support.databases import SqliteDatabases
from tests.support.running import running
from tests.support.superoffice import Faults, StandIn
from tests.support.waiting import eventually
from tests.support.world import World, mail, now
from tests.support.world import world as make_world

SECRET = signing.new_secret()


@pytest.fixture
async def crm() -> AsyncIterator[Backend]:
    """The program behind FERD_CRM_URL."""
    async with backend() as program:
        yield program


@pytest.fixture
async def world(
    temporal_env: WorkflowEnvironment, database_url: str, tmp_path: Path, crm: Backend
) -> AsyncIterator[World]:
    """A world whose CRM is that program."""
    settings: dict[str, Any] = {"crm": "webhook", "crm_url": crm.url, "crm_secret": SecretStr(SECRET)}
    async with make_world(temporal_env, database_url, tmp_path, **settings) as small:
        yield small


async def test_STEP_3_and_4_leave_our_store_and_the_copy_follows(world: World, crm: Backend) -> None:
    await world.selection("customers")
    update = {"id": "u", "kind": "update_person", "set": {"person.category": "customer"}}
    add = {"id": "a", "kind": "add_to", "selection": "customers"}
    customer = {"name": "Customer", "when": when("person.category", "customer"), "steps": [mail("yes")]}
    flow = await world.flow("outside", update, add, {"id": "s", "kind": "split", "branches": [customer]})
    person = await world.person(external_id="42")
    participant = await world.enrol(flow, person)
    assert await left(world, participant) is Reason.COMPLETED
    first, second = crm.calls
    assert (first.data["type"], second.data["type"]) == ("ferd.crm.change_person", "ferd.crm.change_membership")
    assert first.headers["idempotency-key"] == f"{participant}/u/1"
    assert first.data["data"] == {
        "effect": f"{participant}/u/1",
        "external_id": "42",
        "request": {
            "person": person, "changes": [{"field": "person.category", "change": "set", "value": "customer"}]
        },
    }  # fmt: skip
    assert (await person_now(world, person)).category == "customer"
    assert await is_member(world, person, "customers")
    assert world.inbox.subjects == ["yes"]


async def test_SAFE_1_a_lost_answer_is_repeated_with_the_key_and_a_refusal_changes_no_copy(
    world: World, crm: Backend
) -> None:
    crm.script.extend(["drop", Reply(503), Reply(200)])
    flow = await world.flow("lost", {"id": "u", "kind": "update_person", "set": {"person.category": "customer"}})
    participant = await world.enrol(flow, person := await world.person())
    assert await ended(world, flow, participant) is Reason.COMPLETED
    assert len({call.headers["idempotency-key"] for call in crm.calls}) == 1
    assert len({call.body for call in crm.calls}) == 1
    assert (await person_now(world, person)).category == "customer"
    crm.reply = lambda call: Reply(422)
    held = await world.enrol(flow, other := await world.person())
    assert (await world.until(held, holding=True)).held == ["failing"]
    assert (await person_now(world, other)).category is None


async def test_the_example_backend_does_each_effect_once(sqlite_databases: Any) -> None:
    """What examples/ shows works with what is sent, of every kind."""
    path = Path(__file__).parents[2] / "examples" / "crm_backend.py"
    spec = importlib.util.spec_from_file_location("crm_backend", path)
    assert spec is not None
    assert spec.loader is not None
    example = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(example)
    example.Backend.log_message = lambda *given: None
    server = ThreadingHTTPServer(("127.0.0.1", 0), example.Backend)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    url = sqlite_databases.create()
    db, web = Database(url), Web(private=True)
    origin = Origin("p", "par_1", "f", "s")
    requests: list[CrmRequest] = [
        ChangePerson("p", (FieldChange("person.category", "set", "customer"),)),
        CreateRequest(origin, "Call", None, None, None, None, ("liv",), "Hello"),
        CreateSale(origin, "Beans", None, None, ("liv",), None, "Europe/Oslo", "NO"),
        Distribute(origin, "our_contact", ("liv", "ola"), None, None),
    ]
    try:
        port = WebhookCrm(db, web, CrmAddress(f"http://127.0.0.1:{server.server_port}/", example.SECRET), now)
        for number, request in enumerate(requests, 1):
            for _ in range(2):
                assert await port.send(request, f"par_1/{number}/1") == Done(provider_id=str(number))
        assert [type for type, _ in example.effects] == [
            "ferd.crm.change_person", "ferd.crm.create_request", "ferd.crm.create_sale", "ferd.crm.distribute",
        ]  # fmt: skip
        stranger = WebhookCrm(db, web, CrmAddress(f"http://127.0.0.1:{server.server_port}/", SECRET), now)
        with pytest.raises(NotDone, match="401"):
            await stranger.send(requests[0], "par_2/1/1")
    finally:
        await web.close()
        db.close()
        sqlite_databases.drop(url)
        await asyncio.to_thread(server.shutdown)
        server.server_close()


@asynccontextmanager
async def superoffice(
    temporal_env: WorkflowEnvironment, database_url: str, folder: Path, there: StandIn, *, worker: bool = True
) -> AsyncIterator[World]:
    """A world whose CRM is a stand-in for SuperOffice, with a person and an associate of it."""
    there.add_person(275, Contact={"ContactId": 18}, CustomFields={"n": "[I:1]"})
    there.selections[9] = {"SelectionId": 9, "Name": "Nine"}
    settings: dict[str, Any] = {
        "crm": "superoffice", "crm_url": there.url, "crm_secret": SecretStr("refresh"),
        "superoffice_client": "client", "superoffice_client_secret": SecretStr("secret"),
        "superoffice_token_url": f"{there.program.url}/tokens",
    }  # fmt: skip
    async with make_world(temporal_env, database_url, folder, worker=worker, **settings) as world:
        associate = Associate(id="7", name="Liv", created_at=now(), updated_at=now())
        await world.db.write(lambda session: session.add(associate))
        await world.selection("9")
        yield world


async def test_SAFE_1_every_step_is_done_once_in_superoffice_though_each_answer_is_lost_once(
    temporal_env: WorkflowEnvironment, database_url: str, tmp_path: Path, crm: Backend
) -> None:
    """What is made is found again; only a count that is in doubt is left to a person, and listed (SAFE_2)."""
    there = StandIn(crm)
    heard: Counter[str] = Counter()

    def first_time(call: Call) -> bool:
        heard[call.path] += 1
        return heard[call.path] == 1

    there.faults = Faults(accept_then_drop=1, when=first_time)
    async with superoffice(temporal_env, database_url, tmp_path, there) as world:
        person = await world.person(external_id="275", custom={"n": 1}, our_contact="7")
        owned = {"title": "Beans", "owner": "our_contact"}
        steps: list[dict[str, Any]] = [
            {"id": "count", "kind": "update_person", "increase": {"person.custom.n": 1}},
            {"id": "add", "kind": "add_to", "selection": ["9", "fans"], "create": True},
            {"id": "meet", "kind": "create_follow_up", "meeting": "first_free", **owned},
            {"id": "ask", "kind": "create_request", "title": "Help", "message": "<p>Hei</p>"},
            {"id": "sell", "kind": "create_sale", **owned},
            {"id": "give", "kind": "distribute", "associates": ["7"]},
        ]
        flow = await world.flow("outside", *steps)
        participant = await world.enrol(flow, person)
        assert await ended(world, flow, participant) is Reason.COMPLETED
        status = {effect.step: effect.status for effect in await world.effects(participant)}
        assert status.pop("count") is EffectStatus.UNKNOWN
        assert set(status.values()) == {EffectStatus.DONE}
        assert there.people[275]["CustomFields"]["n"] == "[I:2]"
        made = {name: there.counts[name] for name in ("Selection", "Appointment", "Ticket", "TicketMessage", "Sale")}
        assert set(made.values()) == {1}
        assert len(there.unheard) >= 8
        assert there.people[275]["Associate"] == {"AssociateId": 7}
        assert await is_member(world, person, "9")
        assert await is_member(world, person, "fans")


async def test_TRIG_10_what_a_flow_has_made_there_and_superoffice_then_tells_of_does_not_enrol_again(
    temporal_env: WorkflowEnvironment, database_url: str, tmp_path: Path, crm: Backend
) -> None:
    """The sale is found to be the flow's own by its mark; one that somebody else makes enrols."""
    there = StandIn(crm)
    async with superoffice(temporal_env, database_url, tmp_path, there) as world:
        sell = {"id": "sell", "kind": "create_sale", "title": "Beans", "owner": "7"}
        triggers = [{"event": "sale_created"}]
        flow = await world.flow("own", sell, enrolment={"triggers": triggers, "once": False})
        person = await world.person(external_id="275")
        assert await left(world, await world.enrol(flow, person)) is Reason.COMPLETED
        (made,) = there.sales
        there.sales[5] = {"SaleId": 5, "Heading": "Tea", "SaleText": "", "Person": {"PersonId": 275}}

        def tell(session: Session, number: int) -> None:
            session.add(ToldRow(id=str(number), event="sale.created", key=number, due=now()))

        async def followed() -> bool:
            return await world.db.read(lambda session: session.scalars(select(ToldRow)).first()) is None

        for number, taken_part in ((made, 1), (5, 2)):
            await world.db.write(partial(tell, number=number))
            await eventually(followed)
            parts = select(ParticipantRow).where(col(ParticipantRow.flow) == flow)
            assert len(await world.db.read(lambda session, parts=parts: session.scalars(parts).all())) == taken_part  # type: ignore[misc]


async def test_SAFE_3_who_is_not_known_there_is_held_and_goes_on_once_merged_into_who_came_from_there(
    temporal_env: WorkflowEnvironment, sqlite_databases: SqliteDatabases, tmp_path: Path, crm: Backend
) -> None:
    """PART_9: as docs/superoffice.md advises for people who are new by a form."""
    there, url = StandIn(crm), sqlite_databases.create()
    async with superoffice(temporal_env, url, tmp_path, there) as world, running(world) as ferd:
        new, known = await world.person(), await world.person(external_id="275")
        flow = await world.flow("new", {"id": "tag", "kind": "update_person", "set": {"person.first_name": "Åse"}})
        participant = await world.enrol(flow, new)
        await world.until(participant, holding=True)
        (entry,) = (await ferd.get("/attention", flow=flow))["items"]
        assert "no number in SuperOffice" in entry["text"]
        await ferd.post(f"/people/{new}/merge", {"into": known})
        await ferd.post(f"/participants/{participant}/retry")
        await world.until(participant, status=Status.FINISHED)
        assert there.people[275]["Firstname"] == "Åse"
    sqlite_databases.drop(url)
