"""The queue before a flow's first step: who came during a pause, and behind them who comes while they are let in.

Nobody queues before an empty queue, unless the flow is paused. So the queue has an end: whoever lets people in looks
once with the flow's lock to itself, while nobody is about to queue, and finding it empty is done (LIFE_4).
"""

from sqlalchemy import exists, select
from sqlmodel import Session, col

from flows.outcome import Status
from store.flows import FlowRow
from store.journeys import ParticipantRow


def must_queue(session: Session, flow: FlowRow) -> bool:
    """Whether whoever comes now queues. Asked with the flow's lock; costs one look into an index at the most."""
    return flow.paused or (flow.applied_epoch < flow.epoch and anyone_queued(session, flow))


def anyone_queued(session: Session, flow: FlowRow) -> bool:
    """Whether anybody is still to be let in."""
    queued = exists().where(
        col(ParticipantRow.flow) == flow.id,
        col(ParticipantRow.generation) == flow.generation,
        col(ParticipantRow.status) == Status.QUEUED,
    )
    return bool(session.scalar(select(queued)))
