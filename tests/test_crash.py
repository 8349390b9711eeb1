"""A worker that is killed again and again loses no journey and sends no mail twice (SAFE_1, SAFE_2)."""

import asyncio
import contextlib
import random
from collections import Counter
from pathlib import Path

import pytest
from aiosmtpd.smtp import SMTP, Envelope, Session
from sqlmodel import col
from temporalio.testing import WorkflowEnvironment

from activities.mail.compose import message_id
from flows.outcome import Status
from store.journeys import EffectRow, EffectStatus, ParticipantRow
from tests.support.inbox import Inbox
from tests.support.processes import WORKER, python
from tests.support.waiting import eventually
from tests.support.world import World, mail, wait
from tests.support.world import world as make_world
from worker import AT_ONCE
from workflows.contract import TASK_QUEUE

KILLS = 5
# Seconds. Far more than it takes: a slow machine is no failure, a journey that never moves again is one.
STUCK, LIMIT = 240, 1500


class SlowInbox(Inbox):
    """Takes its time between having a mail and saying so: the moment in which a kill leaves doubt."""

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        """Keep the mail at once, answer later."""
        answer = await super().handle_DATA(server, session, envelope)
        await asyncio.sleep(random.uniform(0, 0.1))
        return answer


@pytest.mark.crash
@pytest.mark.parametrize("journeys", [200])
async def test_SAFE_1_a_worker_killed_at_random_sends_every_mail_once_or_says_that_it_does_not_know(
    temporal_env: WorkflowEnvironment, database_url: str, tmp_path: Path, journeys: int
) -> None:
    inbox = SlowInbox()
    async with make_world(temporal_env, database_url, tmp_path, worker=False, inbox=inbox, queue=TASK_QUEUE) as world:
        flow = await world.flow(
            "crash",
            mail("one"),
            wait("second", "1 second"),
            mail("two"),
            {"id": "tag", "kind": "update_person", "set": {"person.category": "done"}},
        )
        for _ in range(journeys):
            await world.enrol(flow)
        kills = 0

        async def inside() -> int:
            return await world.stored.count(ParticipantRow, col(ParticipantRow.ended_at).is_(None))

        async def moved() -> int:
            """Grows with every step: whoever is inside begins an effect next, or leaves."""
            return await world.stored.count(EffectRow) - await inside()

        async with asyncio.timeout(LIMIT):
            while await inside():
                async with python(world, *WORKER):
                    await eventually(moved, (await moved()).__lt__, STUCK, pause=0.1)
                    with contextlib.suppress(TimeoutError):  # at work, then killed at some moment of it
                        patience = random.uniform(0.2, 3.0) if kills < KILLS else STUCK
                        await eventually(inside, (0).__eq__, patience, pause=0.1)
                kills += 1
        await _assert_every_mail_once_or_unknown(world, flow, kills)
        assert kills >= KILLS


async def _assert_every_mail_once_or_unknown(world: World, flow: str, kills: int) -> None:
    rows = await world.participants(flow)
    assert Counter(row.status for row in rows) == {Status.FINISHED: len(rows)}
    arrived = Counter(str(received["Message-ID"]) for received in world.inbox.mails)
    effects = [effect for effect in await world.stored.effects(flow) if effect.channel == "email"]
    assert len(effects) == 2 * len(rows)
    for effect in effects:
        count = arrived[message_id(effect.key, "hello@fjord.example")]
        if effect.status is EffectStatus.DONE:
            assert count == 1, f"{effect.key} is done and arrived {count} times"
        else:
            assert effect.status is EffectStatus.UNKNOWN, f"{effect.key} is {effect.status}"
            assert count <= 1, f"{effect.key} is unknown and arrived {count} times"
    unknown = sum(effect.status is EffectStatus.UNKNOWN for effect in effects)
    assert unknown <= kills * AT_ONCE, f"{unknown} in doubt: more than {kills} kills can explain"
