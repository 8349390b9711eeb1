"""What befalls very many people at once is written in pages, and with a few statements for each page."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from sqlalchemy import event, update
from sqlmodel import Session, col

from activities.crm.telling import PAGE
from api.groups import PAGE as JOINING
from flows.outcome import Status
from store.enrolments import JobSource
from store.flows import FlowRow
from store.journeys import EventRow, ParticipantRow
from store.people import Person
from tests.rules.given import company
from tests.rules.test_trig_bulk import people
from tests.support.running import Running, expect
from tests.support.world import World, now, wait

# Of a page: locking, writing, matching, and for the flow that listens a job.
A_FEW = 20


@contextmanager
def counted(world: World) -> Iterator[dict[str, int]]:
    """How many statements and transactions are written meanwhile."""
    found = {"statements": 0, "transactions": 0}
    engine = world.db.engines[0]

    def statement(*_: Any) -> None:
        found["statements"] += 1

    def commit(*_: Any) -> None:
        found["transactions"] += 1

    event.listen(engine, "before_cursor_execute", statement)
    event.listen(engine, "commit", commit)
    yield found
    event.remove(engine, "before_cursor_execute", statement)
    event.remove(engine, "commit", commit)


async def inside(world: World, everyone: list[str], awaits: str) -> str:
    """A flow in which all of them wait for an event."""
    flow = await world.flow("crowd", wait("rest", "30 days"))
    await world.command(flow, "pause")

    def begin(session: Session) -> None:
        world.core.jobs.begin(session, session.get_one(FlowRow, flow), JobSource.PEOPLE, now(), people=everyone)

    await world.db.write(begin)
    await world.core.background.settle(flow, lambda _: None)
    waiting = {"awaits": [awaits], "status": Status.ACTIVE}
    rows = update(ParticipantRow).where(col(ParticipantRow.flow) == flow).values(**waiting)
    await world.db.write(lambda session: session.execute(rows) and None)
    return flow


async def woken(world: World, flow: str) -> int:
    here, told = col(ParticipantRow.flow) == flow, col(ParticipantRow.wake).is_not(None)
    return await world.stored.count(ParticipantRow, here, told)


async def test_TRIG_7_thousands_join_a_selection_in_pages(still_ferd: Running) -> None:
    """Who waits for it is woken, flows that listen propose everybody, and no person costs a statement."""
    world = still_ferd.world
    everyone = await people(world, 2 * JOINING + 10)
    await world.selection("vip", everyone[0])
    waiting = await inside(world, everyone[5:8], "added_to_selection")
    trigger = {"event": "added_to_selection", "selection": "vip"}
    listening = await world.flow("listening", wait("rest", "3 days"), enrolment={"triggers": [trigger]})
    await world.command(listening, "pause")
    with counted(world) as found:
        answer = await still_ferd.post("/selections/vip/members?fire_triggers=true", {"people": everyone})
    assert answer == {"added": len(everyone) - 1, "already": 1}
    assert found["transactions"] >= 3
    assert found["statements"] < found["transactions"] * A_FEW
    assert await world.stored.count(EventRow, col(EventRow.type) == "added_to_selection") == len(everyone)  # once each
    assert await woken(world, waiting) == 3
    await world.core.background.settle(listening, lambda _: None)
    assert len(await world.participants(listening)) == len(everyone) - 1


async def test_TRIG_7_if_one_is_unknown_none_of_thousands_joins(still_ferd: Running) -> None:
    world = still_ferd.world
    await world.selection("vip")
    everyone = [*await people(world, JOINING + 10), "nobody"]
    response = await still_ferd.api.post("/v1/selections/vip/members", json={"people": everyone})
    assert [each["pointer"] for each in expect(422, response)["problems"]] == [f"/people/{JOINING + 10}"]
    assert (await still_ferd.get("/selections/vip/members"))["items"] == []


@pytest.mark.parametrize("done", ["company deleted", "sale"])
async def test_STEP_14_a_company_with_very_many_people_is_told_in_pages(still_ferd: Running, done: str) -> None:
    """The first page at once, the others in the background; everyone inside is woken once it is done."""
    world = still_ferd.world
    everyone, com = await people(world, 2 * PAGE + 10), await company(world)
    rows = update(Person).values(company=com)
    await world.db.write(lambda session: session.execute(rows) and None)
    flow = await inside(world, everyone, "sale_created" if done == "sale" else "person_updated")
    with counted(world) as found:
        if done == "sale":
            await still_ferd.post("/sales", {"company": com, "title": "Beans"}, 201)
        else:
            expect(204, await still_ferd.api.delete(f"/v1/companies/{com}"))
    assert found["statements"] < 2 * A_FEW
    assert await woken(world, flow) == PAGE
    assert await world.core.chores.once() >= 2
    assert await woken(world, flow) == len(everyone)
    assert await world.stored.count(EventRow, col(EventRow.person).in_(everyone)) == len(everyone)


async def test_TRIG_1_an_import_that_fires_triggers_enrols_in_pages(still_ferd: Running) -> None:
    """TRIG_3: whom the filter takes; nobody costs a statement."""
    world, number = still_ferd.world, 400
    takes = {
        "triggers": [{"event": "person_created"}],
        "filter": {"field": "person.country", "op": "is", "value": "NO"},
    }
    flow = await world.flow("created", wait("rest", "3 days"), enrolment=takes)
    await world.command(flow, "pause")
    rows = "\n".join(f"x{at},{'NO' if at % 2 else 'SE'}" for at in range(number))
    with counted(world) as found:
        answer = await still_ferd.api.post(
            "/v1/people/import",
            content=f"external_id,country\n{rows}\n",
            headers={"content-type": "text/csv"},
            params={"fire_triggers": "true"},
        )
    assert expect(200, answer)["created"] == number
    assert found["statements"] < found["transactions"] * A_FEW
    assert await world.stored.count(EventRow, col(EventRow.type) == "person_created") == number
    assert [row.status for row in await world.participants(flow)] == [Status.QUEUED] * (number // 2)
    assert (await still_ferd.get(f"/flows/{flow}"))["statistics"]["refused"] == {"filter": number // 2}
