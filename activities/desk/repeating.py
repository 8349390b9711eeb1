"""The activity of an effect that is done again by hand: the gate, the world, the record; see `repeats`."""

import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from temporalio import activity
from temporalio.exceptions import ApplicationError

from activities.desk.repeats import Repeats
from activities.dispatcher import Dispatcher
from activities.journey import FRESH, heartbeating
from activities.journeys.steps import Begun
from activities.ports import Ports, hand_over
from workflows.contract import STEP_ATTEMPTS, Repeated, RepeatInput


class RepeatActivities:
    """The activity of RepeatWorkflow, with what it acts through."""

    def __init__(self, dispatcher: Dispatcher, repeats: Repeats, ports: Ports) -> None:
        self._dispatcher = dispatcher
        self._repeats = repeats
        self._ports = ports

    def all(self) -> list[Callable[..., Any]]:
        """What runs on the common task queue."""

        @activity.defn(name="repeat_effect")
        async def repeat_effect(given: RepeatInput) -> Repeated:
            now = activity.info().started_time.astimezone(UTC)
            async with heartbeating():
                if given.unanswered:
                    await self._dispatcher.write(lambda session: self._repeats.unanswered(session, given.effect, now))
                else:
                    await self._repeat(given.effect, now)
            return await self._dispatcher.write(lambda session: self._repeats.state(session, given.effect))

        return [repeat_effect]

    async def _repeat(self, effect: str, now: datetime) -> None:
        begun = await self._begin(effect, now)
        if begun is None:
            return
        outcome = await hand_over(self._ports, begun.request, effect)
        last_try = activity.info().attempt >= STEP_ATTEMPTS
        settled = await self._dispatcher.write(
            lambda session: self._repeats.settle(session, begun, outcome, now, last_try=last_try)
        )
        if not settled:
            raise ApplicationError(f"{type(outcome).__name__}: {effect}", type=type(outcome).__name__)

    async def _begin(self, effect: str, now: datetime) -> Begun | None:
        mine = False
        while True:
            planned = time.monotonic()
            begun = await self._dispatcher.write(
                lambda session, mine=mine: self._repeats.enter(session, effect, now, mine=mine)  # type: ignore[misc]
            )
            if begun is None or time.monotonic() - planned <= FRESH:
                return begun
            mine = True  # a pause may have been answered in between: through the gate again
