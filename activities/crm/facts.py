"""A person as conditions and merge tags see it."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import select
from sqlmodel import Session, SQLModel, col

from store.database import AS_WRITTEN
from store.people import Associate, Company, Person

HIDDEN = {"email_key", "name_key", "deleted_at", "merged_into"}
"""Columns that are nobody's fields."""


@dataclass(frozen=True, slots=True)
class PersonFacts:
    """Field -> value of a person and those around it; empty where there is none. A deleted one says `deleted: True`."""

    person: dict[str, Any] = field(default_factory=dict)
    company: dict[str, Any] = field(default_factory=dict)
    owner: dict[str, Any] = field(default_factory=dict)
    service_owner: dict[str, Any] = field(default_factory=dict)


def facts_of(session: Session, person: str) -> PersonFacts:
    """What is known of the person with this id; nothing if there never was one."""
    row = session.get(Person, person, execution_options=AS_WRITTEN)
    if row is None:
        return PersonFacts()
    known = {**_fields(row), "name": row.name, "deleted": row.deleted_at is not None}
    return PersonFacts(
        person=known,
        company=look_up(session, Company, row.company),
        owner=look_up(session, Associate, row.our_contact),
        service_owner=look_up(session, Associate, row.our_service_contact),
    )


def load(session: Session, people: Sequence[str]) -> list[SQLModel]:
    """Read many people, and what is around them, at once: as long as these rows are kept, `facts_of` asks no more."""
    persons = session.scalars(select(Person).where(col(Person.id).in_(people))).all()
    companies = {row.company for row in persons if row.company is not None}
    associates = {id for row in persons for id in (row.our_contact, row.our_service_contact) if id is not None}
    rows: list[SQLModel] = [*persons]
    if companies:
        rows += session.scalars(select(Company).where(col(Company.id).in_(companies)))
    if associates:
        rows += session.scalars(select(Associate).where(col(Associate.id).in_(associates)))
    return rows


def look_up(session: Session, table: type[SQLModel], id: str | None) -> dict[str, Any]:
    """A row's fields; none without an id, or if there is no such row."""
    row = session.get(table, id) if id is not None else None
    return _fields(row) if row is not None else {}


def _fields(row: SQLModel) -> dict[str, Any]:
    return {name: getattr(row, name) for name in type(row).model_fields if name not in HIDDEN}
