"""Locks: whatever decides about one person has the person first, then the flow, then the participant.

One order everywhere, so that nobody waits in a circle. What was locked is kept until the transaction ends. It is read
anew even if this transaction has read it before: it may have changed while we waited for the lock.
"""

from typing import cast

from sqlalchemy import bindparam, select
from sqlmodel import Session, col

from store.database import lock_flow
from store.flows import FlowRow
from store.journeys import ParticipantRow
from store.people import Person

_PERSON = (
    select(Person)
    .where(col(Person.id) == bindparam("person"))
    .with_for_update()
    .execution_options(populate_existing=True)
)
_PERSON_OF = (
    select(col(ParticipantRow.flow), col(Person.id))
    .join(Person, col(Person.id) == col(ParticipantRow.person))
    .where(col(ParticipantRow.id) == bindparam("participant"))
    .with_for_update(of=Person)
)
_FLOW_OF = select(col(ParticipantRow.flow)).where(col(ParticipantRow.id) == bindparam("participant"))
_ALL = (
    select(ParticipantRow, FlowRow, Person)
    .join(FlowRow, col(FlowRow.id) == col(ParticipantRow.flow))
    .outerjoin(Person, col(Person.id) == col(ParticipantRow.person))
    .where(col(ParticipantRow.id) == bindparam("participant"))
    .with_for_update(of=ParticipantRow)
    .execution_options(populate_existing=True)
)


def lock_person(session: Session, person: str) -> Person | None:
    """The person, locked; None: there is none. Who is locked already costs nothing more."""
    held = session.info.get("locked", {}).get(person)
    if held is not None:
        return cast(Person, held)
    row = session.scalars(_PERSON, {"person": person}).one_or_none()
    if row is not None:
        _remember(session, row)
    return row


def lock_participant(session: Session, participant: str) -> tuple[ParticipantRow, FlowRow] | None:
    """The participant and its flow, locked (the flow shared) after its person; None: there is none."""
    held: str | None = None
    if session.get_bind().dialect.name == "postgresql":  # SQLite has one writer at a time
        found = session.connection().execute(_PERSON_OF, {"participant": participant}).one_or_none()
        held = found[1] if found is not None else None
        # Not found: the person is gone, or the participant.
        of = found[0] if found is not None else session.connection().scalar(_FLOW_OF, {"participant": participant})
        if of is not None:
            lock_flow(session, of)
    rows = session.execute(_ALL, {"participant": participant}).one_or_none()
    if rows is None:
        return None
    row, flow, person = rows
    if person is not None:
        if held not in (None, person.id):  # merged into another at this very moment
            session.scalars(_PERSON, {"person": person.id}).one()
        _remember(session, person)
    return row, flow


def _remember(session: Session, person: Person) -> None:
    if not session.in_nested_transaction():  # a savepoint that is rolled back gives its locks back
        session.info.setdefault("locked", {})[person.id] = person
