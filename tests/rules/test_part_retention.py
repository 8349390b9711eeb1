"""PART_7: what is remembered, and for how long. The clock is the retention's own."""

from datetime import timedelta
from typing import Any

import pytest
from sqlmodel import Session, select

from activities.upkeep import retention
from activities.upkeep.retention import Retention
from flows.outcome import Refusal, Status
from store.journeys import EffectRow, EffectStatus, EventRow, JournalRow, MessageRow, ParticipantRow
from tests.rules.given import resting
from tests.support.waiting import eventually
from tests.support.world import World, mail, now, wait

MARKER = "secret-of-kari"
FULL, THIN = timedelta(days=180), timedelta(days=730)


async def aged(world: World, days: int, full: timedelta = FULL, thin: timedelta = THIN) -> int:
    """What the job does, so many days from now."""
    return await Retention(world.db, full, thin, lambda: now() + timedelta(days=days)).once()


async def rows(world: World, *tables: type[Any]) -> list[dict[str, Any]]:
    """All rows of these tables, in the order of their keys."""

    def look(session: Session) -> list[dict[str, Any]]:
        queries = [select(table).order_by(*table.__table__.primary_key) for table in tables]
        return [row.model_dump() for query in queries for row in session.scalars(query)]

    return await world.db.read(look)


async def lived(world: World) -> tuple[str, str, str]:
    """A flow through which one person has gone, and in which another rests; with traces of both everywhere."""
    triggers = {"triggers": [{"event": "order.placed"}]}
    step = mail("hello", subject=f"{MARKER} {{{{ person.first_name }}}}")
    flow = await world.flow("aging", step, wait("rest", "900 days"), enrolment=triggers)
    gone, stays = await world.person(first_name=MARKER), await world.person(first_name=MARKER)
    for person in (gone, stays):
        await world.happens("order.placed", person, note=MARKER, link="offer")
    first, second = await world.participants(flow)
    for participant in (first.id, second.id):
        await resting(world, participant, "rest")
    # By hand, today: the journey's own clock would be far ahead of the store's.
    await world.operate(first.id, "cancel")
    await world.journey(flow, first.id).result()
    return flow, gone, stays


async def test_PART_7_in_full_then_thinned_then_enrolment_facts_alone(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """PART_7, TRIG_4: after half a year nothing personal is left, after two years "only once" still holds."""
    monkeypatch.setattr(retention, "PAGE", 2)  # several pages of everything
    flow, gone, stays = await lived(world)
    records = (JournalRow, EventRow, MessageRow, EffectRow, ParticipantRow)
    before = await rows(world, *records)
    assert MARKER in str(before)

    assert await aged(world, 170) == 0
    assert await rows(world, *records) == before

    await aged(world, 181)
    thinned = await rows(world, *records)
    assert len(thinned) == len(before)
    inside = [row for row in thinned if row.get("status") is Status.ACTIVE]
    assert MARKER not in str([row for row in thinned if row not in inside])
    assert MARKER in str(inside)  # who is inside needs what its conditions ask
    events = [row for row in thinned if row.get("type") == "order.placed"]
    assert [event["data"] for event in events] == [{"link": "offer"}] * 2
    kept = ("number", "participant", "flow", "at", "step", "kind", "event")
    assert [{name: row[name] for name in kept} for row in await rows(world, JournalRow)] == [
        {name: row[name] for name in kept} for row in before if "text" in row and "event" in row
    ]
    assert await aged(world, 181) == 0  # nothing twice

    await aged(world, 731)
    assert await rows(world, JournalRow, EventRow, MessageRow) == []
    assert [row["participant"] for row in await rows(world, EffectRow)] == [inside[0]["id"]]  # SAFE_1
    assert len(await rows(world, ParticipantRow)) == 2
    assert await world.propose(flow, gone) is Refusal.ONCE
    assert await world.propose(flow, stays) is Refusal.ALREADY_ACTIVE


async def test_PART_7_what_is_unknown_waits_for_a_person(still_world: World) -> None:
    """PART_7, SAFE_2: an unknown effect stays in the attention list, without what the other side said."""
    world = still_world
    flow = await world.flow("unknown", mail("hello"))
    participant = await world.enrol(flow)
    key = f"{participant}/hello/1"
    row = EffectRow(
        key=key, participant=participant, flow=flow, step="hello", kind="send_email", channel="email",
        status=EffectStatus.UNKNOWN, planned_at=now(), error=MARKER,
    )  # fmt: skip
    await world.db.write(lambda session: session.add(row))
    await world.operate(participant, "cancel")
    await aged(world, 1000)
    [entry] = await world.all("attention", flow=flow)
    assert (entry["effect"], entry["text"]) == (key, "")


async def test_PART_7_what_caps_of_a_week_count_is_remembered_for_a_week(world: World) -> None:
    """STEP_21: however short the periods are."""
    flow = await world.flow("short", mail("hello"))
    await world.enrol(flow)
    await eventually(lambda: world.messages(flow=flow), lambda all: {each.state for each in all} == {EffectStatus.DONE})
    for days, kept in ((6, 1), (8, 0)):
        await aged(world, days, timedelta(), timedelta())
        assert len(await rows(world, MessageRow)) == kept
