"""A closed flow empties: when the last has left it is finished (LIFE_7).

Looked for by whoever leaves, with one look into an index. Two who leave in the same moment each see the other inside;
the sweep finds what they missed.
"""

from sqlalchemy import ColumnElement, and_, exists, select
from sqlmodel import Session, col

from activities.dispatcher import FlowChanged, ask
from flows.outcome import Status
from store.flows import FlowRow, FlowStatus
from store.journeys import ParticipantRow

INSIDE = (Status.ACTIVE, Status.QUEUED)


def left(session: Session, flow: FlowRow, participant: str) -> None:
    """This participant leaves: if it is the last, the flow's background work finishes it."""
    if flow.status is FlowStatus.CLOSED and not anyone_inside(session, flow, besides=participant):
        ask(session, FlowChanged(flow.id, flow.name))


def anyone_inside(session: Session, flow: FlowRow, *, besides: str = "") -> bool:
    """Whether anybody is inside, beside one."""
    others = exists().where(
        col(ParticipantRow.flow) == flow.id,
        col(ParticipantRow.generation) == flow.generation,
        col(ParticipantRow.status).in_(INSIDE),
        col(ParticipantRow.id) != besides,
    )
    return bool(session.scalar(select(others)))


def drained() -> ColumnElement[bool]:
    """In a query over flows: closed, and nobody is inside any more."""
    inside = exists().where(
        col(ParticipantRow.flow) == col(FlowRow.id),
        col(ParticipantRow.generation) == col(FlowRow.generation),
        col(ParticipantRow.status).in_(INSIDE),
    )
    return and_(col(FlowRow.status) == FlowStatus.CLOSED, ~inside)
