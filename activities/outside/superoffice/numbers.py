"""Ids here and numbers in SuperOffice: what comes from there has its number there as its id here."""

from collections.abc import Mapping

from sqlmodel import Session

from flows.ports import NotDone
from store.people import Person


def person_number(session: Session, person: str) -> int:
    """The number of a person there: its external id here. Raises NotDone."""
    row = session.get(Person, person)
    if row is None or row.external_id is None or not row.external_id.isdecimal():
        raise NotDone("The person has no number in SuperOffice: its external_id.", retryable=False)
    return int(row.external_id)


def number(id: str, noun: str) -> int:
    """The number of anything else. Raises NotDone."""
    if not id.isdecimal():
        raise NotDone(f"The {noun} {id} is none of SuperOffice's: its id here is its number there.", retryable=False)
    return int(id)


def reference(key: str, id: str | None, noun: str) -> Mapping[str, int] | None:
    """A reference to it, as entities have them: `{"AssociateId": 7}`."""
    return None if id is None else {key: number(id, noun)}
