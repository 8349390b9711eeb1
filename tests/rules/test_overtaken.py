"""What a transaction has read before it got its lock may be out of date by then: it decides from what is so now.

On PostgreSQL the one who comes second has read already and waits; on SQLite its transaction has not begun.
"""

import asyncio
from collections.abc import Callable
from datetime import timedelta
from threading import Thread
from typing import Any

from sqlalchemy import text
from sqlmodel import Session

from activities.desk.attention import UnknownEffect
from activities.desk.participants import OperationRefused
from activities.journeys import breaker
from activities.life.commands import command
from flows.outcome import Status
from store.flows import FlowRow, FlowStatus
from store.journeys import EffectRow, EffectStatus, MessageRow, ParticipantRow
from store.locks import lock_participant, lock_person
from store.people import Person
from tests.support.waiting import eventually
from tests.support.world import World, mail, now, wait

_WAITING = text("SELECT count(*) FROM pg_locks WHERE NOT granted")


async def overtaking(world: World, first: Callable[[Session], Any], second: Callable[[Session], Any]) -> None:
    """`second` begins and reads while `first` is at work, and gets its lock once `first` is written."""
    late = Thread(target=world.db.transact, args=(second,))

    def work(session: Session) -> None:
        first(session)
        session.flush()
        late.start()

    def begin() -> None:
        with Session(world.db.engines[0], expire_on_commit=False) as session, session.begin():
            work(session)
            while not world.db.sqlite and late.is_alive() and not session.connection().scalar(_WAITING):
                late.join(0.02)

    await asyncio.to_thread(begin)
    await asyncio.to_thread(late.join)


def stop(world: World, flow: str) -> Callable[[Session], Any]:
    def work(session: Session) -> None:
        command(session, world.core.definitions, world.core.crm.catalog(session), flow, "stop", now())

    return work


async def test_LIFE_17_the_breaker_does_not_pause_a_flow_that_is_being_stopped(still_world: World) -> None:
    """LIFE_8: stopped is stopped for good."""
    world = still_world
    breaks = {"settings": {"circuit_breaker": {"failed": "10 percent", "of_last": 1}}}
    flow = await world.flow("race", mail("hello"), **breaks)
    failed = MessageRow(
        id="msg", effect="x/hello/1", channel="email", person="p", participant="x", flow=flow, step="hello",
        to="a@x.example", sender="b@x.example", at=now() + timedelta(seconds=1), state=EffectStatus.FAILED,
    )  # fmt: skip
    await world.db.write(lambda session: session.add(failed))
    epoch = (await world.stored.flow(flow)).epoch
    await overtaking(world, stop(world, flow), lambda session: breaker.look(session, world.core.rules, flow, now()))
    row = await world.stored.flow(flow)
    assert (row.status, row.epoch) == (FlowStatus.STOPPED, epoch + 1)


async def test_LIFE_15_whoever_locks_a_participant_sees_the_flow_as_it_is_by_then(still_world: World) -> None:
    world = still_world
    flow = await world.flow("race", mail("hello"))
    participant = await world.enrol(flow)
    enrolled = await world.stored.participant(participant)
    person, number = enrolled.person, enrolled.number
    seen: list[Any] = []

    def change(session: Session) -> None:
        session.get_one(Person, person, with_for_update=True).first_name = "Ola"
        session.get_one(ParticipantRow, number).status = Status.CANCELLED
        stop(world, flow)(session)

    def look(session: Session) -> None:
        before = session.get_one(FlowRow, flow), session.get_one(Person, person)
        before_here = session.get_one(ParticipantRow, number)
        locked = lock_participant(session, participant)
        assert locked == (before_here, before[0])
        known = lock_person(session, person)
        assert known is before[1]
        seen.extend([before_here.status, before[0].status, before[0].generation, known.first_name])

    await overtaking(world, change, look)
    assert seen == [Status.CANCELLED, FlowStatus.STOPPED, 2, "Ola"]


async def test_SAFE_2_an_effect_that_two_people_have_sent_again_is_sent_again_once(still_world: World) -> None:
    """The second finds it asked for already, and is told so."""
    world = still_world
    flow = await world.flow("race", mail("hello"), wait("rest", "1 day"))
    participant = await world.enrol(flow)
    key, number = f"{participant}/hello/1", (await world.stored.participant(participant)).number
    unknown = EffectRow(
        key=key, participant=participant, flow=flow, step="hello", kind="send_email", channel="email",
        status=EffectStatus.UNKNOWN, planned_at=now(),
    )  # fmt: skip

    def lost(session: Session) -> None:
        session.add(unknown)
        session.get_one(ParticipantRow, number).passed = ["hello"]

    await world.db.write(lost)
    attention = world.core.attention
    answers: list[Any] = []

    def again(session: Session) -> None:
        try:
            answers.append(attention.settle(session, key, "again", now()).key)
        except (UnknownEffect, OperationRefused):
            answers.append("refused")

    await overtaking(world, again, again)
    assert answers == [f"{participant}/hello/2", "refused"]
    effects = await world.effects(participant)
    assert [(effect.key[-1], effect.status) for effect in effects] == [
        ("1", EffectStatus.REPEATED), ("2", EffectStatus.PLANNED)
    ]  # fmt: skip


async def test_SAFE_1_of_two_attempts_to_send_again_one_sends(still_world: World) -> None:
    world = still_world
    flow = await world.flow("race", mail("hello"), wait("rest", "1 day"))
    participant = await world.enrol(flow)
    key = f"{participant}/hello/2"
    asked = [
        EffectRow(
            key=f"{participant}/hello/{visit}", participant=participant, flow=flow, step="hello", kind="send_email",
            channel="email", status=status, planned_at=now(), tries=0,
        )
        for visit, status in ((1, EffectStatus.REPEATED), (2, EffectStatus.PLANNED))
    ]  # fmt: skip
    await world.db.write(lambda session: session.add_all(asked))
    repeats = world.core.attention._repeats
    begun: list[Any] = []

    def attempt(session: Session) -> None:
        begun.append(repeats.enter(session, key, now()))

    await overtaking(world, attempt, attempt)
    assert begun[0] is not None
    assert begun[1] is None
    await eventually(lambda: world.effects(participant), lambda found: found[-1].status is EffectStatus.UNKNOWN)


async def test_SAFE_2_an_effect_without_an_answer_is_listed_also_if_its_journey_is_over(still_world: World) -> None:
    """Its worker was killed while it sent, and the participant is cancelled before anybody asks."""
    world = still_world
    flow = await world.flow("over", mail("hello"))
    participant = await world.enrol(flow)
    steps = world.core.steps
    await world.db.write(lambda session: steps.enter(session, participant, 1, "send_email", now()) and None)
    await world.command(flow, "stop")
    await world.db.write(lambda session: steps.unanswered(session, participant, 1, now()) and None)
    assert [effect.status for effect in await world.effects(participant)] == [EffectStatus.UNKNOWN]
    assert [message.state for message in await world.messages(participant=participant)] == [EffectStatus.UNKNOWN]
