"""What becomes of a place in a flow's queue that nobody will take (STEP_20).

Those behind move up: the next takes it, and leaves its own to the one after. Places only change hands, so the rate and
the order stand whatever happens. The last one goes back to the queue, for whoever comes.
"""

from datetime import datetime, timedelta

from sqlalchemy import bindparam, select
from sqlmodel import Session, col

from activities.dispatcher import wake
from activities.life.pauses import Pauses
from flows.outcome import Status
from flows.pacing import Queue
from flows.units import Rate
from store.flows import FlowRow
from store.journeys import ParticipantRow
from store.queues import QueueRow

MOST = 60
"""So many move up for one who leaves: each is woken for it. Further behind the place is lost."""

_BEHIND = (
    select(ParticipantRow)
    .where(col(ParticipantRow.flow) == bindparam("flow"), col(ParticipantRow.queue) == bindparam("queue"))
    .where(col(ParticipantRow.place) > bindparam("place"), col(ParticipantRow.status) == Status.ACTIVE)
    .order_by(col(ParticipantRow.place), col(ParticipantRow.number))
    .limit(1)
    .with_for_update(skip_locked=True)  # nobody waits in a circle: who is in its gate keeps its place
)


def stood_still(session: Session, flow: FlowRow, now: datetime) -> timedelta:
    """How long the clock of a flow's own queues has stood still: places are by that clock (LIFE_12)."""
    return Pauses(session, [flow.id]).frozen(flow.id, "", flow.created_at, now)


def give_up(session: Session, row: ParticipantRow, flow: FlowRow, now: datetime) -> None:
    """This participant leaves without having sent. A place in a queue that all flows share is not handed on."""
    queue, free = row.queue, row.place
    row.queue, row.place = "", None
    if free is None or "/" not in queue or row.generation != flow.generation:
        return
    if free <= now - stood_still(session, flow, now):
        return
    name, _, stamp = queue.partition(" ")
    held = session.get(QueueRow, name, with_for_update=True)
    if held is None or held.stamp != stamp:
        return
    for _ in range(MOST):
        behind = session.scalars(_BEHIND, {"flow": flow.id, "queue": queue, "place": free}).one_or_none()
        if behind is None:
            rate = Rate.parse(stamp.partition(": ")[2])
            held.counts = list(Queue(held.slot, tuple(held.counts)).without(rate, free).counts)
            return
        behind.place, free = free, behind.place or free
        wake(session, behind, now)
