"""Events from outside: CloudEvents, one or many."""

import asyncio
import json
from typing import Any

import pytest
from sqlmodel import col, select

from store.journeys import EventRow
from tests.support.running import Running, expect, problem
from tests.support.world import wait

ONE = {"Content-Type": "application/cloudevents+json"}
BATCH = {"Content-Type": "application/cloudevents-batch+json"}


def event(id: str = "1", **more: Any) -> dict[str, Any]:
    return {"specversion": "1.0", "id": id, "source": "https://shop.example", "type": "order.placed", **more}


async def send(ferd: Running, given: Any) -> list[Any]:
    headers = BATCH if isinstance(given, list) else ONE
    items: list[Any] = expect(202, await ferd.api.post("/v1/events", json=given, headers=headers))["items"]
    return items


async def stored(ferd: Running) -> list[EventRow]:
    """What was told from outside."""
    query = select(EventRow).where(col(EventRow.source) != "ferd").order_by(col(EventRow.number))
    return await ferd.world.db.read(lambda session: list(session.scalars(query)))


async def test_TRIG_1_an_event_enrols(still_ferd: Running) -> None:
    """TRIG_1: an event of a team's own, with a condition on its data; (source, id) says which are the same."""
    world = still_ferd.world
    large = {"event": "order.placed", "when": {"field": "event.total", "op": ">=", "value": 1000.5}}
    flow = await world.flow("orders", wait("w", "1 day"), enrolment={"triggers": [large]})
    small, big = await world.person(), await world.person()

    [item] = await send(still_ferd, event("1", subject=f"person:{small}", data={"total": 1000}))
    assert item == {"id": "1", "outcome": "accepted", "person": small, "detail": "", "problems": []}
    assert (await still_ferd.get(f"/flows/{flow}/participants"))["items"] == []
    await send(still_ferd, event("2", subject=f"person:{big}", data={"total": 1000.5}))
    [one] = (await still_ferd.get(f"/flows/{flow}/participants"))["items"]
    assert one["person"] == big

    [again] = await send(still_ferd, event("2", subject=f"person:{big}", data={"total": 9999}))
    assert again["outcome"] == "duplicate"
    [other] = await send(still_ferd, event("2", source="https://till.example", subject=f"person:{big}"))
    assert other["outcome"] == "accepted"


async def test_STEP_14_an_event_ends_a_wait(ferd: Running) -> None:
    """STEP_14: the journey goes on as soon as the event is told."""
    world = ferd.world
    step = {"id": "pay", "kind": "wait_for_action", "actions": [{"event": "order.paid"}], "within": "7 days"}
    flow = await world.flow("paying", step)
    person = await world.person(email="kari@fjord.no")
    participant = await world.enrol(flow, person)
    await world.until(participant, awaits=["order.paid"])
    [item] = await send(ferd, event("1", type="order.paid", subject="email:KARI@fjord.no"))
    assert item["person"] == person
    row = await world.stored.until(participant, status="finished")
    assert row.event == {}


async def test_TRIG_10_an_event_carries_the_flows_that_caused_it(still_ferd: Running) -> None:
    """TRIG_10: a trigger into a flow of the event's own chain is skipped."""
    world = still_ferd.world
    flow = await world.flow("loop", wait("w", "1 day"), enrolment={"triggers": [{"event": "order.placed"}]})
    person = await world.person()
    await send(still_ferd, event("1", subject=f"person:{person}", ferdcause=f"other, {flow}"))
    assert (await still_ferd.get(f"/flows/{flow}/participants"))["items"] == []
    await send(still_ferd, event("2", subject=f"person:{person}", ferdcause="other"))
    assert len((await still_ferd.get(f"/flows/{flow}/participants"))["items"]) == 1


async def test_a_batch_is_answered_item_by_item(still_ferd: Running) -> None:
    """SAFE_5: what is wrong is said with its place, and the rest is taken."""
    world = still_ferd.world
    person = await world.person()
    for _ in range(2):
        await world.person(email="shared@fjord.no")
    subject = f"person:{person}"
    items = await send(
        still_ferd,
        [
            event("1", subject=subject),
            event("2", subject="person:nobody"),
            event("3", subject="email:shared@fjord.no"),
            event("4"),
            event("5", subject=subject, type="link_cliked"),
            {"id": "6"},
            "seven",
            event("1", subject=subject),
            event("8", subject=subject, data=[1]),
            event("9", subject=subject, time="2026-11-22T10:00:00+01:00"),
        ],
    )
    assert [item["outcome"] for item in items] == [
        "accepted",
        "unmatched",
        "unmatched",
        "unmatched",
        "invalid",
        "invalid",
        "invalid",
        "duplicate",
        "invalid",
        "accepted",
    ]
    assert "share" in items[2]["detail"]
    [wrong] = items[4]["problems"]
    assert wrong["pointer"] == "/4/type"
    assert "link_clicked" in wrong["remedy"]
    assert [each["pointer"] for each in items[5]["problems"]] == ["/5/source", "/5/type"]
    assert items[8]["problems"][0]["pointer"] == "/8/data"

    rows = {row.external_id: row for row in await stored(still_ferd)}
    assert set(rows) == {"1", "2", "3", "4", "9"}
    assert (rows["3"].person, rows["3"].subject) == ("", "email:shared@fjord.no")
    assert rows["9"].at.isoformat() == "2026-11-22T09:00:00+00:00"


async def test_one_that_is_wrong_is_a_problem(still_ferd: Running) -> None:
    """SAFE_5: a single event that is not valid is refused, and nothing is kept."""
    person = await still_ferd.world.person()
    subject = f"person:{person}"
    for wrong, pointer in (
        (event(type="nothing"), "/type"),
        (event(time="yesterday"), "/time"),
        (event(time="2026-11-22T10:00:00"), "/time"),
        (event(data={"text": "x" * 65_536}), "/data"),
        (event(data={"text": "\0"}), "/data"),
        (event(data={"text": "\ud800"}), "/data"),
        (event(ferdcause="a b"), "/ferdcause/0"),
        (event(specversion="0.3"), "/specversion"),
        (event(datacontenttype="text/xml"), "/datacontenttype"),
        (event(data_base64="eyJ0b3RhbCI6IDJ9"), "/data_base64"),
        (event(id="\0"), "/id"),
    ):
        body = json.dumps({"subject": subject, **wrong})
        response = await still_ferd.api.post("/v1/events", content=body, headers=ONE)
        assert problem(422, response)["problems"][0]["pointer"] == pointer
    problem(422, await still_ferd.api.post("/v1/events", content=b"{", headers=ONE))
    problem(422, await still_ferd.api.post("/v1/events", json=7))
    problem(422, await still_ferd.api.post("/v1/events", json=[event()] * 1001))
    assert (await still_ferd.api.post("/v1/events", content=b"hello", headers={"Content-Type": "text/plain"})).is_error
    assert await stored(still_ferd) == []


@pytest.mark.parametrize("subject", [None, "email:nobody@fjord.no"])
async def test_the_same_event_at_the_same_moment_is_kept_once(still_ferd: Running, subject: str | None) -> None:
    answers = await asyncio.gather(*(send(still_ferd, event("1", subject=subject)) for _ in range(8)))
    assert sorted(items[0]["outcome"] for items in answers) == ["duplicate"] * 7 + ["unmatched"]
    assert len(await stored(still_ferd)) == 1
