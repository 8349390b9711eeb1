"""A person as conditions and merge tags see it."""

from dataclasses import dataclass, field
from typing import Any

from sqlmodel import Session, SQLModel

from store.people import Associate, Company, Person

_HIDDEN = {"email_key", "name_key", "deleted_at"}


@dataclass(frozen=True, slots=True)
class PersonFacts:
    """Field -> value of a person and those around it; empty where there is none. A deleted one says `deleted: True`."""

    person: dict[str, Any] = field(default_factory=dict)
    company: dict[str, Any] = field(default_factory=dict)
    owner: dict[str, Any] = field(default_factory=dict)
    service_owner: dict[str, Any] = field(default_factory=dict)


def facts_of(session: Session, person: str) -> PersonFacts:
    """What is known of the person with this id; nothing if there never was one."""
    row = session.get(Person, person)
    if row is None:
        return PersonFacts()
    known = {**_fields(row), "name": row.name, "deleted": row.deleted_at is not None}
    return PersonFacts(
        person=known,
        company=_look_up(session, Company, row.company),
        owner=_look_up(session, Associate, row.our_contact),
        service_owner=_look_up(session, Associate, row.our_service_contact),
    )


def _look_up(session: Session, table: type[SQLModel], id: str | None) -> dict[str, Any]:
    row = session.get(table, id) if id is not None else None
    return _fields(row) if row is not None else {}


def _fields(row: SQLModel) -> dict[str, Any]:
    return {name: getattr(row, name) for name in type(row).model_fields if name not in _HIDDEN}
