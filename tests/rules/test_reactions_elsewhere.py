"""STEP_23 with another program as the CRM: what forms and links do is handed over to it, each once (SAFE_1, SAFE_2)."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr
from sqlmodel import col, select
from temporalio.testing import WorkflowEnvironment

from activities.outside import choice
from activities.outside.superoffice.client import Access, SuperOffice
from activities.outside.superoffice.effects import SuperOfficeCrm
from activities.outside.webhook import CrmAddress, WebhookCrm
from activities.responses.handing import LOST, Handing
from activities.responses.outbox import GIVE_UP, LATER, Outbox
from activities.web import Web
from activities.webhooks import signing
from flows.ports import Port
from store.journeys import EffectRow
from store.pending import PendingEffect
from store.work import RequestRow
from tests.rules.given import is_member, mailed, person_now, swept
from tests.rules.test_crm_elsewhere import superoffice
from tests.rules.test_step_reactions import INTERESTED, TAGGED, _form, _submit
from tests.support.backend import Backend, Call, Fault, Reply, backend
from tests.support.databases import SqliteDatabases
from tests.support.running import Running, expect, problem, running
from tests.support.superoffice import Faults, StandIn
from tests.support.waiting import eventually
from tests.support.world import READER, World, now, wait
from tests.support.world import world as make_world

KARI = "kari@x.example"
SECRET = signing.new_secret()
SCORED = {"kind": "update_person", "increase": {"person.custom.score": 5}}
ASKED = {"kind": "create_request", "title": "{{ person.email }} asks", "owner": "nobody"}
CALLED = {"kind": "create_follow_up", "title": "Call", "meeting": "first_free", "owner": "7"}


@pytest.fixture
async def crm() -> AsyncIterator[Backend]:
    """The program behind FERD_CRM_URL."""
    async with backend() as program:
        yield program


def _settings(crm: Backend) -> dict[str, Any]:
    return {"crm": "webhook", "crm_url": crm.url, "crm_secret": SecretStr(SECRET)}


@pytest.fixture
async def ferd(
    temporal_env: WorkflowEnvironment, database_url: str, tmp_path: Path, crm: Backend
) -> AsyncIterator[Running]:
    """The API over a world whose CRM is that program, without a worker."""
    made = make_world(temporal_env, database_url, tmp_path, worker=False, **_settings(crm))
    async with made as world, running(world) as ferd:
        yield ferd


class _Killed(BaseException):
    """What nothing catches, as nothing runs on after SIGKILL."""


class _Lost:
    """A port whose worker is lost while it acts."""

    async def send(self, request: Any, key: str) -> Any:
        raise _Killed


@asynccontextmanager
async def _port(world: World, crm: Backend) -> AsyncIterator[Port[Any]]:
    web = Web(private=True)
    try:
        if world.settings.crm == "webhook":
            yield WebhookCrm(world.db, web, CrmAddress(crm.url, SECRET), now)
        else:
            access = Access(world.settings.crm_url or "", f"{crm.url}/tokens", "client", "secret", "refresh")
            yield SuperOfficeCrm(world.db, SuperOffice(web, access, now), now)
    finally:
        await web.close()


async def _round(world: World, port: Port[Any], later: timedelta = timedelta(), *, rounds: int = 9) -> None:
    """What a worker does beside its journeys, as long as there is more to do, as if it were `later`."""

    def clock() -> datetime:
        return now() + later

    elsewhere = choice.elsewhere(world.settings.crm)
    waiting = Handing(world.core.crm, elsewhere, "crm")
    outbox = Outbox(world.db, dict.fromkeys(elsewhere.requests, port), clock, waiting)
    while rounds and await outbox.once():
        rounds -= 1


async def _effects(world: World) -> Sequence[EffectRow]:
    return await world.db.read(
        lambda session: session.scalars(select(EffectRow).order_by(col(EffectRow.planned_at), col(EffectRow.key))).all()
    )


async def _states(world: World) -> list[tuple[str, str, int]]:
    return [(row.kind, row.status.value, row.tries) for row in await _effects(world)]


async def _listed(ferd: Running) -> list[Any]:
    return list((await ferd.get("/attention"))["items"])


async def test_STEP_23_a_form_changes_our_copy_at_once_and_the_crm_does_all_of_it_once(
    temporal_env: WorkflowEnvironment, database_url: str, tmp_path: Path, crm: Backend
) -> None:
    """With a worker: in their order, each with a key of its own; what is made is made there alone."""
    async with make_world(temporal_env, database_url, tmp_path, **_settings(crm)) as world, running(world) as ferd:
        await _form(ferd, "contact", actions=[TAGGED, INTERESTED, ASKED])
        flow = await world.flow(
            "heard",
            wait("rest", "1 day"),
            enrolment={
                "triggers": [{"event": "form_submitted", "form": "contact"}],
                "filter": {"field": "person.custom.interests", "op": "contains", "value": "beans"},
            },
        )
        await _submit(ferd, "contact", KARI)
        (participant,) = await world.participants(flow)
        kari = participant.person
        assert await is_member(world, kari, "hot")
        states = await eventually(
            lambda: _states(world), lambda found: [status for _, status, _ in found] == ["done"] * 3
        )
        assert states == [(kind, "done", 1) for kind in ("add_to", "update_person", "create_request")]
        assert [call.data["type"] for call in crm.calls] == [
            "ferd.crm.change_membership", "ferd.crm.change_person", "ferd.crm.create_request",
        ]  # fmt: skip
        keys = [call.headers["idempotency-key"] for call in crm.calls]
        assert sorted(keys) == sorted({row.key for row in await _effects(world)})
        asked = crm.calls[2].data
        assert (asked["subject"], asked["data"]["effect"]) == (f"person:{kari}", keys[2])
        assert asked["data"]["request"]["title"] == f"{KARI} asks"
        assert asked["data"]["request"]["origin"] == {
            "person": kari, "participant": "", "flow": "", "step": "form contact",
        }  # fmt: skip
        assert await world.stored.count(PendingEffect) == await world.stored.count(RequestRow) == 0
        ((_, data),) = [each for each in await ferd.events(kari) if each[0] == "form_submitted"]
        assert data["actions"][0] == "Added to selection hot; handed over to the CRM"
        assert data["actions"][2] == "Create request; handed over to the CRM"


async def test_STEP_23_a_link_hands_over_at_each_click_that_counts(ferd: Running, crm: Backend) -> None:
    world = ferd.world
    kari = await world.person(external_id="42")
    link = {"name": "Offer", "url": "https://fjord.example/offer", "actions": [SCORED]}
    expect(201, await ferd.api.put("/v1/links/offer", json=link))
    async with world.worker():
        await mailed(world, kari, '<a href="{{ links.offer }}">Offer</a>')
        await world.clicks(kari, "Offer", READER)
        await eventually(lambda: _states(world), lambda found: ("update_person", "done", 1) in found)
    (call,) = crm.calls
    assert call.data["data"]["external_id"] == "42"
    assert call.data["data"]["request"]["changes"] == [
        {"field": "person.custom.score", "change": "increase", "value": 5}
    ]
    assert (await person_now(world, kari)).custom == {"score": 5}
    assert [row.step for row in await _effects(world) if row.kind == "update_person"] == ["link offer"]


async def test_STEP_23_SAFE_1_a_lost_answer_and_a_lost_worker_are_asked_again_with_the_key(
    ferd: Running, crm: Backend
) -> None:
    """Later ones of the same person wait for it; those of others do not (SAFE_3)."""
    world = ferd.world
    await _form(ferd, "contact", actions=[SCORED])
    for email in (KARI, KARI, "ola@x.example"):
        await _submit(ferd, "contact", email)
    kari = next(row["id"] for row in (await ferd.get("/people"))["items"] if row["email"] == KARI)
    heard = list[str]()

    def reply(call: Call) -> Reply | Fault:
        heard.append(call.data["subject"])
        return "drop" if heard.count(f"person:{kari}") == 1 and heard[-1] == f"person:{kari}" else Reply(200)

    crm.reply = reply
    async with _port(world, crm) as port:
        await _round(world, port)
        assert sorted(status for _, status, _ in await _states(world)) == ["done", "unknown"]
        lost = next(row.key for row in await _effects(world) if row.status.value == "unknown")
        assert [entry["effect"] for entry in await _listed(ferd)] == [lost]
        with pytest.raises(_Killed):
            await _round(world, _Lost(), LATER)
        await _round(world, port, LATER)
        assert len(crm.calls) == 2  # nobody knows yet that the worker is lost
        await _round(world, port, LATER + LOST)
    assert await _states(world) == [("update_person", "done", tries) for tries in (3, 1, 1)]
    assert [call.headers["idempotency-key"] for call in crm.calls].count(lost) == 2
    assert [call.headers["idempotency-key"] for call in crm.calls][2] == lost
    assert await _listed(ferd) == []
    assert await world.stored.count(PendingEffect) == 0


async def test_STEP_23_SAFE_2_SAFE_3_a_crm_that_is_down_is_tried_for_a_day_and_what_it_refuses_is_listed(
    ferd: Running, crm: Backend
) -> None:
    world = ferd.world
    await _form(ferd, "contact", actions=[ASKED])
    await _submit(ferd, "contact", KARI)
    crm.reply = lambda call: Reply(503)
    async with _port(world, crm) as port:
        await _round(world, port)
        await _round(world, port, LATER - timedelta(seconds=60))  # not yet
        assert await _states(world) == [("create_request", "failed", 1)]
        assert await _listed(ferd) == []  # it is tried on
        problem(404, await _decide(ferd, (await _effects(world))[0].key, "again"))
        await _round(world, port, GIVE_UP)
        (entry,) = await _listed(ferd)
        assert (entry["kind"], entry["step"], entry["flow"]) == ("failed", "form contact", "")
        assert entry["text"].startswith("Create request: HTTP 503")
        assert entry["person"] == (await ferd.get("/people"))["items"][0]["id"]

        crm.reply = lambda call: Reply(422, {"error": "no such category"})
        all_of_it = {"source": "form contact"}
        assert (await ferd.post("/attention/again", all_of_it, 202))["done"] == 1
        assert await _listed(ferd) == []
        await _round(world, port)
        (refused,) = (await ferd.get("/attention", **all_of_it))["items"]
        assert (await ferd.get("/attention", source="link contact"))["items"] == []
        assert "no such category" in refused["text"]
        crm.reply = lambda call: Reply(200, {"id": 7})
        expect(200, await _decide(ferd, refused["effect"], "again"))
        await _round(world, port)
        (done,) = await _effects(world)
        assert (done.status.value, done.provider_id) == ("done", "7")
        assert {call.headers["idempotency-key"] for call in crm.calls} == {done.key}

        await _submit(ferd, "contact", KARI)
        crm.reply = lambda call: Reply(422)
        await _round(world, port)
        (other,) = await _listed(ferd)
        expect(200, await _decide(ferd, other["effect"], "not_done"))
    assert await _listed(ferd) == []
    assert await world.stored.count(PendingEffect) == 0


async def test_STEP_23_LIFE_16_SAFE_3_a_brake_does_not_count_among_the_day(
    ferd: Running, crm: Backend, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The CRM was down when it was paused for a week: what is tried again after that has the rest of the day."""
    world, begins, ends = ferd.world, now() + timedelta(hours=1), now() + timedelta(days=7)
    await _form(ferd, "contact", actions=[ASKED])
    await _submit(ferd, "contact", KARI)
    crm.reply = lambda call: Reply(503)
    async with _port(world, crm) as port:
        await _round(world, port)
        await ferd.post("/channels/crm/pause", {"at": begins.isoformat()})
        await ferd.post("/channels/crm/resume", {"at": ends.isoformat()})
        await swept(world, begins, monkeypatch)
        await swept(world, ends, monkeypatch)
        await _round(world, port, timedelta(days=7))
        assert (await _states(world), await _listed(ferd)) == ([("create_request", "failed", 2)], [])
        await _round(world, port, timedelta(days=7) + GIVE_UP)
        assert len(await _listed(ferd)) == 1


async def _decide(ferd: Running, effect: str, outcome: str) -> Any:
    return await ferd.api.post("/v1/attention", json={"effect": effect, "outcome": outcome})


async def test_STEP_23_PART_3_nothing_is_handed_over_of_who_was_deleted(ferd: Running, crm: Backend) -> None:
    world = ferd.world
    await _form(ferd, "contact", actions=[SCORED])
    await _submit(ferd, "contact", KARI)
    (kari,) = (await ferd.get("/people"))["items"]
    expect(204, await ferd.api.delete(f"/v1/people/{kari['id']}"))
    async with _port(world, crm) as port:
        await _round(world, port)
    assert crm.calls == []
    (gone,) = await _effects(world)
    assert (gone.status.value, gone.error) == ("failed", "the person is gone")
    assert await _listed(ferd) == []
    assert await world.stored.count(PendingEffect) == 0


async def test_STEP_23_LIFE_16_PART_8_PART_9_a_brake_holds_it_and_it_follows_whom_it_is_about(
    ferd: Running, crm: Backend
) -> None:
    """Merged: it is handed over of the one that stays. Erased: nothing is handed over, and nothing is left."""
    world = ferd.world
    await _form(ferd, "contact", actions=[SCORED, ASKED])
    stays = await world.person(external_id="42")
    for email in (KARI, "ola@x.example"):
        await _submit(ferd, "contact", email)
    kari, ola = [row["id"] for row in (await ferd.get("/people"))["items"] if row["id"] != stays]
    async with _port(world, crm) as port:
        assert (await ferd.post("/channels/crm/pause"))["under_way"] == 0
        await _round(world, port)
        assert crm.calls == []
        await ferd.post("/channels/crm/resume")
        await ferd.post(f"/people/{kari}/merge", {"into": stays})
        crm.reply = lambda call: Reply(422 if call.data["subject"] == f"person:{ola}" else 200)
        await _round(world, port)
        expect(204, await ferd.api.post(f"/v1/people/{ola}/erase"))
        handed = [
            (call.data["subject"].removeprefix("person:"), call.data["data"]["external_id"]) for call in crm.calls
        ]
        assert handed.count((stays, "42")) == 2
        assert {person for person, _ in handed} == {stays, ola}
        assert await _listed(ferd) == []
        assert {row.person for row in await _effects(world)} == {stays}

        await _submit(ferd, "contact", "ola@x.example")
        expect(204, await ferd.api.post(f"/v1/people/{stays}/erase"))
        (left,) = (await ferd.get("/people"))["items"]
        expect(204, await ferd.api.post(f"/v1/people/{left['id']}/erase"))
        before = len(crm.calls)
        await _round(world, port)
    assert len(crm.calls) == before
    assert await world.stored.count(PendingEffect) == await world.stored.count(EffectRow) == 0


async def test_STEP_23_with_our_own_crm_nothing_is_handed_over(still_ferd: Running) -> None:
    world = still_ferd.world
    await _form(still_ferd, "contact", actions=[TAGGED, SCORED, ASKED])
    await _submit(still_ferd, "contact", KARI)
    assert await world.stored.count(PendingEffect) == await world.stored.count(EffectRow) == 0
    assert await world.stored.count(RequestRow) == 1


async def test_STEP_23_SAFE_2_superoffice_does_each_once_and_a_count_in_doubt_is_left_to_a_person(
    temporal_env: WorkflowEnvironment, sqlite_databases: SqliteDatabases, tmp_path: Path, crm: Backend
) -> None:
    """Every answer is lost once. PART_9: who is new by the form is listed, and handed over once merged."""
    there, url, heard = StandIn(crm), sqlite_databases.create(), set[str]()

    def first_time(call: Call) -> bool:
        known = call.path in heard
        heard.add(call.path)
        return not known

    there.faults = Faults(accept_then_drop=1, when=first_time)
    made = superoffice(temporal_env, url, tmp_path, there, worker=False)
    async with made as world, running(world) as ferd, _port(world, crm) as port:
        country = {"kind": "update_person", "set": {"person.country": "NO"}}
        never = await ferd.api.put("/v1/forms/contact", json={"name": "x", "actions": [ASKED, country]})
        assert [each["pointer"] for each in problem(422, never)["problems"]] == ["/actions/1/set/person.country"]
        count = {"kind": "update_person", "increase": {"person.custom.n": 1}}
        await _form(ferd, "contact", actions=[{"kind": "add_to", "selection": "9"}, count, ASKED, CALLED])
        await _submit(ferd, "contact", KARI)
        await _round(world, port)
        listed = await _listed(ferd)
        assert [entry["kind"] for entry in listed] == ["failed"] * 4
        assert all("no number in SuperOffice" in entry["text"] for entry in listed)
        known = await world.person(external_id="275")
        await ferd.post(f"/people/{listed[0]['person']}/merge", {"into": known})
        for entry in listed:
            expect(200, await _decide(ferd, entry["effect"], "again"))
        for number in range(5):  # an answer is lost in each of the first four
            await _round(world, port, number * LATER)
        statuses = [status for _, status, _ in await _states(world)]
        assert statuses == ["done", "unknown", "done", "done"]
        assert {there.counts[name] for name in ("Appointment", "Ticket", "Person")} == {1}
        assert there.chosen[9] == {275}
        assert there.people[275]["CustomFields"]["n"] == "[I:2]"
        (entry,) = await _listed(ferd)
        assert (entry["kind"], entry["text"].partition(":")[0]) == ("unknown", "Update person.custom.n")
        assert expect(200, await _decide(ferd, entry["effect"], "again"))["key"].endswith("/2")
        await _round(world, port)
        assert there.people[275]["CustomFields"]["n"] == "[I:3]"
        assert await world.stored.count(PendingEffect) == 0
    sqlite_databases.drop(url)
