"""What tests of rules do again and again."""

from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any

import httpx2
import pytest
from sqlmodel import Session
from temporalio.service import RPCError

from api.participants import ParticipantInFull
from api.people import PersonPublic
from flows.outcome import Reason
from store.people import Person
from tests.support.waiting import eventually
from tests.support.world import SENDER, World, mail, now, taken

DAY = timedelta(days=1)
HOUR = timedelta(hours=1)


async def quietly(world: World, person: str, **fields: Any) -> None:
    """Change a person without an event, so that only a check can see it: over HTTP every change is told at once."""

    def work(session: Session) -> None:
        row = session.get_one(Person, person)
        for name, value in fields.items():
            setattr(row, name, value)

    await world.db.write(work)


async def person_now(world: World, person: str) -> PersonPublic:
    """The person as shown."""
    return PersonPublic.model_validate(taken(await world.api.get(f"/v1/people/{person}")))


async def company(world: World, **fields: Any) -> str:
    """A company."""
    id = f"com-{world.suffix}"
    await world.put(f"companies/{id}", **{"name": "Fjord", **fields})
    return id


async def unsubscribe(world: World, person: str, kind: str) -> None:
    """The person gets a mail of this kind and wants no more of them, by its List-Unsubscribe."""
    flow = await world.flow(f"of-{person}", mail(f"to-{person}"), email={**SENDER, "subscription": kind})
    await left(world, await world.enrol(flow, person))
    [got] = [each for each in world.inbox.mails if each["Subject"] == f"to-{person}"]
    address = httpx2.URL(str(got["List-Unsubscribe"]).strip("<>"))
    assert (await world.api.post(address.path)).status_code == 200


async def mailed(world: World, person: str, html: str) -> None:
    """The person gets a mail."""
    await world.content(f"to-{person}", html=html)
    await left(
        world, await world.enrol(await world.flow(f"of-{person}", mail("hello", content=f"to-{person}")), person)
    )


async def is_member(world: World, person: str, group: str) -> bool:
    """Whether the person is in a selection, or in `projects/ID`."""
    path = group if "/" in group else f"selections/{group}"
    return person in [each["person"] for each in await world.all(f"{path}/members")]


async def resting(world: World, participant: str, step: str) -> ParticipantInFull:
    """The participant, once it waits in a step: until a time, or for something."""
    return await eventually(
        lambda: world.participant(participant), lambda row: row.step == step and bool(row.until or row.awaits)
    )


async def out_or_at(world: World, participant: str, step: str) -> ParticipantInFull:
    """The participant, once it stands at a step or has left."""
    return await eventually(
        lambda: world.participant(participant), lambda row: row.step == step or not row.status.inside
    )


async def ended(world: World, flow: str, participant: str) -> Reason | None:
    """Lead a journey to its end; why it ended."""
    with suppress(RPCError):  # it has ended already
        await world.forward(flow, participant)
    return await left(world, participant)


async def left(world: World, participant: str) -> Reason | None:
    """Why a journey has ended that needs no time of its own for it."""
    row = await eventually(lambda: world.participant(participant), lambda row: not row.status.inside)
    return row.reason


async def steps_passed(world: World, participant: str) -> list[str]:
    """The steps that a participant has been through."""
    return (await world.participant(participant)).passed


async def enrolled_people(world: World, flow: str) -> list[str]:
    """Who came into a flow, in the order of arrival."""
    return [row.person for row in await world.participants(flow)]


def closed_now(**settings: Any) -> dict[str, Any]:
    """A sending window that opens in two to three hours, for two hours, in UTC."""
    start = now() + 3 * HOUR
    return {"days": "every_day", "from": f"{start:%H}:00", "to": f"{start + 2 * HOUR:%H}:00", **settings}


def when(field: str, value: object, op: str = "is") -> dict[str, object]:
    """A condition."""
    return {"field": field, "op": op, "value": value}


Doing = Callable[[str], Awaitable[None]]
"""Something that befalls a person."""


async def swept(world: World, at: datetime, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a worker's sweep does at a moment to come."""
    monkeypatch.setattr(world.core.sweep, "_clock", lambda: at)
    await world.core.sweep.once()
