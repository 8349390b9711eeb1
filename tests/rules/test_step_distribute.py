"""STEP_9: people are spread evenly over those who are there."""

import asyncio
from collections import Counter
from datetime import timedelta
from typing import Any

from sqlmodel import Session, col, select

from activities.crm import turns
from activities.crm.kinds import GroupIn
from activities.crm.nouns import ASSOCIATES, GROUPS
from flows.outcome import Reason
from store.people import Person
from tests.rules.given import ended, left, person_now, resting
from tests.rules.test_step_crm import associates
from tests.support.world import World, mail, now

SPREAD: dict[str, Any] = {"id": "spread", "kind": "distribute", "associates": ["liv", "jon", "eli"]}


async def owners(world: World, *people: str) -> Counter[str | None]:
    """How many of these people each associate has."""
    query = select(col(Person.our_contact)).where(col(Person.id).in_(people))
    return Counter(await world.db.read(lambda session: session.scalars(query).all()))


async def away(world: World, associate: str, **fields: Any) -> None:
    """Change an associate, as the API does."""
    await world.db.write(lambda session: ASSOCIATES.patch(session, associate, fields, now()) and None)


async def test_STEP_9_counts_differ_by_at_most_one_whatever_runs_at_once(world: World) -> None:
    """Fifty journeys at once over three associates, as members of a group."""
    await associates(world, "liv", "jon", "eli")
    members = GroupIn(name="Sales", members=["liv", "jon", "eli"])
    await world.db.write(lambda session: GROUPS.replace(session, "sales", members, now()) and None)
    flow = await world.flow("spread", {"id": "spread", "kind": "distribute", "group": "sales"})
    people = [await world.person() for _ in range(50)]
    participants = await asyncio.gather(*(world.enrol(flow, person) for person in people))
    for participant in participants:
        assert await left(world, participant) is Reason.COMPLETED
    assert sorted((await owners(world, *people)).values()) == [16, 17, 17]


async def test_STEP_9_who_is_not_there_is_passed_over_and_catches_nothing_up(world: World) -> None:
    """Absent, or not available: the others share. On return an associate takes turns again, and no more than that."""
    await associates(world, "liv", "jon", "eli")
    flow = await world.flow("spread", SPREAD)

    async def spread(count: int) -> Counter[str | None]:
        people = [await world.person() for _ in range(count)]
        for person in people:
            assert await left(world, await world.enrol(flow, person)) is Reason.COMPLETED
        return await owners(world, *people)

    today = now().date()
    absence = {"from": f"{today - timedelta(days=1)}", "to": f"{today + timedelta(days=1)}"}
    await away(world, "liv", absences=[absence])
    await away(world, "jon", available=False)
    assert await spread(3) == {"eli": 3}
    await away(world, "jon", available=True)
    assert await spread(4) == {"eli": 2, "jon": 2}
    await away(world, "liv", absences=[])
    assert await spread(6) == {"eli": 2, "jon": 2, "liv": 2}


async def test_STEP_9_a_fallback_where_nobody_is_there(world: World) -> None:
    """Without one, on_error decides; where the step says so, whoever has an owner keeps it."""
    await associates(world, "liv", "jon", "eli", available=False)
    await associates(world, "boss")
    falls = await world.flow("falls", {**SPREAD, "fallback": "boss", "owner": "our_service_contact"})
    keeps = await world.flow("keeps", {**SPREAD, "fallback": "boss", "only_if_unowned": True})
    holds = await world.flow("holds", SPREAD)
    person = await world.person(our_contact="liv")
    kept, fallen = await world.enrol(keeps, person), await world.enrol(falls, person)
    assert [await left(world, each) for each in (kept, fallen)] == [Reason.COMPLETED, Reason.COMPLETED]
    row = await person_now(world, person)
    assert (row.our_contact, row.our_service_contact) == ("liv", "boss")
    assert ("spread", "skipped") in await world.journal(kept)
    held = await world.until(await world.enrol(holds, person), holding=True)
    assert held.held == ["failing"]


async def test_STEP_9_a_new_person_settles_first(world: World) -> None:
    """The step waits until the person is old enough: no worker is kept, and what follows is not done before."""
    await associates(world, "liv", "jon", "eli")
    flow = await world.flow("settle", {**SPREAD, "settle": "10 minutes"}, mail("hello"))
    person = await world.person()
    participant = await world.enrol(flow, person)
    row = await resting(world, participant, "spread")
    created = (await person_now(world, person)).created_at
    assert row.until == created + timedelta(minutes=10)
    assert world.inbox.mails == []
    old = await world.person()
    await world.db.write(lambda session: _older(session, old))
    assert await left(world, await world.enrol(flow, old)) is Reason.COMPLETED
    assert await ended(world, flow, participant) is Reason.COMPLETED
    assert (await owners(world, person, old)).total() == 2


def _older(session: Session, person: str) -> None:
    row = session.get_one(Person, person)
    row.created_at -= timedelta(minutes=11)


async def test_STEP_9_a_turn_that_was_not_kept_was_not_taken(still_world: World) -> None:
    """What a crash loses is lost with the turn: the next one has it."""
    world = still_world
    await associates(world, "liv", "jon")
    taken: list[str | None] = []

    def crash(session: Session) -> None:
        taken.append(turns.take(session, "step/flow/spread", ["liv", "jon"], now()))
        raise ConnectionError

    def take(session: Session) -> None:
        taken.append(turns.take(session, "step/flow/spread", ["liv", "jon"], now()))

    for work in (take, crash, crash, take):
        try:
            await world.db.write(work)
        except ConnectionError:
            continue
    assert taken == ["liv", "jon", "jon", "jon"]
