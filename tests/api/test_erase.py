"""A person is erased: planted marks are looked for everywhere afterwards."""

import logging
from datetime import timedelta
from pathlib import Path
from uuid import uuid4

import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from sqlmodel import Session, SQLModel, col

from activities.crm.suppression import Suppression
from flows.outcome import Reason
from store.journeys import EffectRow, EffectStatus, JournalRow
from store.people import BlockedAddress, SuppressedAddress
from tests.rules.given import left, resting, unsubscribe
from tests.support.running import Running, expect, problem
from tests.support.world import World, mail, now, wait


async def dump(world: World) -> str:
    """Every value of every table."""

    def look(session: Session) -> str:
        tables = SQLModel.metadata.sorted_tables
        return "\n".join(f"{table.name} {tuple(row)}" for table in tables for row in session.execute(table.select()))

    return await world.db.read(look)


async def histories(world: World, *flows: str) -> str:
    """The histories of all workflows of these flows, and what lists of workflows show."""
    found = []
    for flow in flows:
        async for workflow in world.client.list_workflows(f"FerdFlow = '{flow}'"):
            handle = world.client.get_workflow_handle(workflow.id, run_id=workflow.run_id)
            found.append(str(workflow.raw_info) + (await handle.fetch_history()).to_json())
    assert found
    return "\n".join(found)


async def plant(ferd: Running, mark: str) -> str:
    """A person whose every field carries the mark; who is known from an event that came before."""
    await ferd.world.put("subscription-types/news")
    await ferd.post("/events", cloud(f"email:{mark}@X.example", mark), 202)
    person = {
        "first_name": mark, "last_name": f"{mark}sen", "email": f"{mark}@X.example", "external_id": f"crm-{mark}",
        "mobile": f"+47 9{int(mark, 16) % 10_000_000:07d}", "country": "NO", "custom": {"note": mark},
    }  # fmt: skip
    created = await ferd.api.post("/v1/people", json=person, headers={"Idempotency-Key": mark})
    return str(expect(201, created)["id"])


def cloud(subject: str, mark: str) -> dict[str, object]:
    """An event whose data and subject carry the mark."""
    return {
        "specversion": "1.0", "id": uuid4().hex, "source": "shop", "type": "order.placed", "subject": subject,
        "data": {"note": mark, "fields": {"name": mark}},
    }  # fmt: skip


async def journeys(ferd: Running, person: str, mark: str) -> tuple[str, str, str]:
    """The person rests in one flow, queues in another, and has gone through a third; each has left its traces."""
    world = ferd.world
    greet = mail("hello", subject="Hello {{ person.first_name }}")
    triggers = {"triggers": [{"event": "order.placed"}]}
    rests = await world.flow("rests", greet, wait("rest", "90 days"), mail("bye"), enrolment=triggers)
    queues = await world.flow("queues", wait("rest", "1 day"))
    through = await world.flow("through", greet)
    await ferd.post("/events", cloud(f"person:{person}", mark), 202)
    [resting_one] = await world.participants(rests)
    await resting(world, resting_one.id, "rest")
    assert await left(world, await world.enrol(through, person)) is Reason.COMPLETED
    await world.command(queues, "pause")
    await world.enrol(queues, person)
    kind = (await ferd.post("/sale-types", {"name": "Order"}, 201))["id"]
    await ferd.post("/sales", {"person": person, "title": f"For {mark}", "type": kind}, 201)
    row = EffectRow(
        key=f"{resting_one.id}/bye/1", participant=resting_one.id, flow=rests, step="bye", kind="send_email",
        channel="email", status=EffectStatus.UNKNOWN, planned_at=now(), error=f"550 <{mark}@X.example>",
    )  # fmt: skip
    await world.db.write(lambda session: session.add(row))
    return rests, queues, through


@pytest.fixture
def spans(monkeypatch: pytest.MonkeyPatch) -> InMemorySpanExporter:
    """What would have been exported."""
    exporter = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    monkeypatch.setattr(trace, "_TRACER_PROVIDER", provider)
    return exporter


async def test_PART_8_nothing_personal_is_left_anywhere(
    spans: InMemorySpanExporter, ferd: Running, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    """PART_8, SAFE_4: out of all flows first; then no table, file, history, log or trace knows the person."""
    caplog.set_level(logging.INFO)
    world, mark = ferd.world, uuid4().hex[:12]
    person = await plant(ferd, mark)
    flows = await journeys(ferd, person, mark)
    assert mark in await dump(world)
    counts = [(await ferd.get(f"/flows/{flow}"))["statistics"] for flow in flows]
    inside = [row for flow in flows for row in await world.participants(flow) if row.status.inside]
    assert len(inside) == 2

    assert (await ferd.api.post(f"/v1/people/{person}/erase")).status_code == 204
    for row in inside:
        assert await left(world, row.id) is Reason.PERSON_DELETED
    await world.journey(flows[0], next(row.id for row in inside if row.flow == flows[0])).result()
    problem(404, await ferd.api.get(f"/v1/people/{person}"))
    problem(404, await ferd.api.post(f"/v1/people/{person}/erase"))
    found = await dump(world)
    assert mark not in found.lower()
    if world.db.sqlite:
        file = Path(str(world.db.url.database))
        for path in file.parent.glob(f"{file.name}*"):
            assert mark.encode() not in path.read_bytes().lower(), path
    assert mark not in await histories(world, *flows)
    assert mark not in "".join(span.to_json() for span in spans.get_finished_spans())
    logged = [record.getMessage() for record in caplog.records if record.name != "mail.log"]  # the test's own server
    assert mark not in "\n".join(logged) + "".join(capfd.readouterr())

    after = [(await ferd.get(f"/flows/{flow}"))["statistics"] for flow in flows]
    assert [each["enrolled"] for each in after] == [each["enrolled"] for each in counts] == [1, 1, 1]
    assert [each["steps"][0]["passed"] for each in after] == [each["steps"][0]["passed"] for each in counts]
    assert [each["dropped_out"] for each in after] == [{"person_deleted": 1}, {"person_deleted": 1}, {}]
    assert len((await ferd.get("/participants", person=person))["items"]) == 3


@pytest.mark.parametrize("why", ["blocked", "withdrawn", "unsubscribed"])
async def test_PART_8_who_wanted_no_mail_gets_none_after_a_new_import(ferd: Running, why: str) -> None:
    """PART_8: the address is known by its keyed hash alone; somebody else's is not."""
    world, mark = ferd.world, uuid4().hex[:12]
    person, address = await plant(ferd, mark), f"{mark}@x.example"
    if why == "blocked":
        await ferd.post("/blocked", {"channel": "email", "address": address}, 201)
    elif why == "withdrawn":
        await world.change(person, consent={"email": "withdrawn"})
    else:
        await unsubscribe(world, person, "news")
    assert (await ferd.api.post(f"/v1/people/{person}/erase")).status_code == 204
    assert await world.stored.count(BlockedAddress, col(BlockedAddress.address) == address) == 0
    assert await world.stored.count(SuppressedAddress) == 1

    again = (await ferd.post("/people", {"email": address.upper()}, 201))["id"]
    flow = await world.flow("again", mail("hello"))
    assert await left(world, await world.enrol(flow, again)) is Reason.ADDRESS_BLOCKED
    assert await left(world, await world.enrol(flow)) is Reason.COMPLETED
    assert world.inbox.subjects.count("hello") == 1

    lifted = await ferd.api.post("/v1/blocked/lift", json={"channel": "email", "address": address.upper()})
    assert lifted.status_code == 204
    assert await left(world, await world.enrol(flow, again, again=True)) is Reason.COMPLETED


def test_PART_8_what_is_kept_of_an_address_needs_the_key_and_can_be_switched_off() -> None:
    """PART_8: a key that was replaced still finds it; another key does not."""
    old, new, other = Suppression(["old"]), Suppression(["new", "old"]), Suppression(["other"])
    [kept] = old.hashes("email", "kari@x.example")
    assert kept in new.hashes("email", "kari@x.example")
    assert kept not in other.hashes("email", "kari@x.example")
    assert kept not in old.hashes("sms", "kari@x.example")
    assert "kari" not in kept
    off = Suppression(["old"], keep=False)
    off.remember(Session(), "email", "kari@x.example", now())  # would fail without a database


async def test_PART_8_what_was_under_way_is_cleaned_up_afterwards(still_ferd: Running) -> None:
    """PART_8: an effect that had begun tells how it went when everything was gone already."""
    world, mark = still_ferd.world, uuid4().hex[:12]
    person = await plant(still_ferd, mark)
    flow = await world.flow("under-way", mail("hello"))
    participant = await world.enrol(flow, person)
    await still_ferd.api.post(f"/v1/people/{person}/erase")

    def late(session: Session) -> None:
        session.add(JournalRow(participant=participant, flow=flow, at=now(), event="done", text=mark))

    await world.db.write(late)
    assert await world.core.chores.once() == 0  # not yet
    world.core.chores._clock = lambda: now() + timedelta(days=366)
    assert await world.core.chores.once() == 1
    assert mark not in await dump(world)


async def test_every_table_that_names_a_person_is_thought_of() -> None:
    """PART_8, PART_9: a new table has to say what becomes of it when a person is erased or merged."""
    thought_of = {
        "address_claim", "effect", "enrolment_job_person", "event", "event_use", "follow_up", "journal", "message",
        "delivery", "participant", "pause", "pending_effect", "project_member", "refusal", "request", "sale",
        "script_run", "selection_member",
    }  # fmt: skip
    naming = {
        table.name for table in SQLModel.metadata.sorted_tables if {"person", "participant"} & set(table.c.keys())
    }
    assert naming - thought_of == set()
    assert "participant" in naming
