"""Tells endpoints what they subscribed to, until they have heard it: at least once, each with an id that stays.

A delivery that fails is tried again, later each time, for three days; an endpoint that fails rests meanwhile, so that
one that is down keeps nobody else waiting. What is being sent is put off a little first: if the worker dies, another
one sends it again.
"""

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial

from sqlalchemy import exists, or_, select
from sqlmodel import Session, col

from activities.rounds import rounds
from activities.web import Web, judge
from activities.webhooks.calls import cloud_event, post
from activities.webhooks.telling import Horizon, fan_out
from flows.ports import EffectError
from store.database import Database
from store.leases import lease
from store.outside import Delivery, EndpointRow

EVERY = timedelta(seconds=0.5)
AT_ONCE = 10
"""Deliveries to one endpoint at once; a single one as long as it fails."""
LEASE = timedelta(minutes=2)
FIRST_PAUSE, LONGEST_PAUSE, GIVE_UP = timedelta(seconds=5), timedelta(hours=6), timedelta(days=3)
LONGEST_REST = timedelta(minutes=5)


class Deliveries:
    """Runs beside every worker; several share the work."""

    def __init__(self, db: Database, web: Web, clock: Callable[[], datetime]) -> None:
        self._db = db
        self._web = web
        self._clock = clock
        self._horizon = Horizon()

    async def run(self) -> None:
        """Tell again and again until cancelled."""
        await rounds(self.once, EVERY, "webhooks_not_sent")

    async def once(self) -> bool:
        """Find what is to be told, and tell what is due; True: there may be more at once."""
        wanted, horizon = await self._db.read(self._look)
        if not wanted:
            return False
        more = await self._db.write(lambda session: fan_out(session, horizon, self._clock()))
        due = await self._db.write(lambda session: _claim(session, self._clock()))
        await asyncio.gather(*(self._tell(endpoint, delivery) for endpoint, delivery in due))
        return more or bool(due)

    def _look(self, session: Session) -> tuple[bool, int]:
        if not session.scalar(select(exists().where(col(EndpointRow.subscribed)) | exists(select(Delivery)))):
            return False, 0
        return True, self._horizon.look(session)

    async def _tell(self, endpoint: EndpointRow, delivery: Delivery) -> None:
        event = cloud_event(
            delivery.type, delivery.id, f"/flows/{delivery.flow}", delivery.person, delivery.data, delivery.at
        )
        why = ""
        try:
            judge(await post(self._web, endpoint, event, {}, self._clock()), self._clock())
        except EffectError as error:
            why = error.text[:500]
        await self._db.write(partial(_settle, endpoint.id, delivery.id, why, self._clock()))


def _claim(session: Session, now: datetime) -> list[tuple[EndpointRow, Delivery]]:
    """What is due at endpoints that do not rest."""
    awake = session.scalars(
        select(EndpointRow)
        .where(or_(col(EndpointRow.resting_until).is_(None), col(EndpointRow.resting_until) <= now))
        .where(
            exists().where(
                col(Delivery.endpoint) == col(EndpointRow.id), ~col(Delivery.given_up), col(Delivery.due) <= now
            )
        )
    ).all()
    claimed = []
    for endpoint in awake:
        due = (
            select(Delivery)
            .where(col(Delivery.endpoint) == endpoint.id, ~col(Delivery.given_up), col(Delivery.due) <= now)
            .order_by(col(Delivery.due))
            .limit(1 if endpoint.failures else AT_ONCE)
        )
        for delivery in lease(session, due, now + LEASE):
            delivery.tries += 1
            claimed.append((endpoint, delivery))
    return claimed


def _settle(endpoint_id: str, id: str, why: str, now: datetime, session: Session) -> None:
    endpoint = session.get(EndpointRow, endpoint_id, with_for_update=True)
    delivery = session.get(Delivery, (endpoint_id, id), with_for_update=True)
    if endpoint is None or delivery is None:
        return
    if not why:
        session.delete(delivery)
        endpoint.failures, endpoint.resting_until = 0, None
        return
    endpoint.failures += 1
    endpoint.resting_until = now + min(LONGEST_REST, FIRST_PAUSE * 2 ** min(endpoint.failures - 1, 10))
    delivery.why = why
    delivery.due = now + min(LONGEST_PAUSE, FIRST_PAUSE * 4 ** min(delivery.tries - 1, 10))
    delivery.given_up = now - delivery.at >= GIVE_UP
