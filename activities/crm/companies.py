"""Companies: created, replaced, changed, deleted."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from pydantic import ValidationError
from sqlalchemy import select
from sqlmodel import Session, col

from activities.crm import custom
from activities.crm.faults import Conflict, Fault, Missing, Refused, faults
from activities.crm.models import CompanyIn
from activities.crm.telling import Telling, later, pages
from activities.crm.values import name_key, present
from store.chores import TellListed, TellPeople
from store.columns import new_id
from store.people import Associate, Company, Person


class Companies:
    """Writes companies, and tells their people what changed."""

    def __init__(self, telling: Telling) -> None:
        self._telling = telling

    def get(self, session: Session, company: str) -> Company:
        """The company. Raises Missing."""
        row = session.get(Company, company)
        if row is None:
            raise Missing("company", company)
        return row

    def page(self, session: Session, after: str, limit: int, external_id: str | None = None) -> Sequence[Company]:
        """Companies in the order of their ids, from after that one on; only the one with this key, if one is given."""
        query = select(Company).where(col(Company.id) > after).order_by(col(Company.id))
        if external_id is not None:
            query = query.where(col(Company.external_id) == external_id)
        return session.scalars(query.limit(limit)).all()

    def create(self, session: Session, given: CompanyIn, at: datetime) -> Company:
        """A new company."""
        return self._insert(session, new_id("com"), given, at)

    def replace(self, session: Session, company: str, given: CompanyIn, at: datetime) -> tuple[Company, bool]:
        """The company with this id gets these fields and no others; True: it was created."""
        row = session.get(Company, company, with_for_update=True)
        if row is None:
            return self._insert(session, company, given, at), True
        self.save(session, row, columns(given), at)
        return row, False

    def patch(self, session: Session, company: str, changes: Mapping[str, Any], at: datetime) -> Company:
        """Change the fields given; `custom` is merged, null removes (RFC 7396)."""
        row = self.lock(session, company)
        self.save(session, row, merged(row, changes), at)
        return row

    def delete(self, session: Session, company: str, at: datetime) -> None:
        """The company goes; its people stay, without a company."""
        row = self.lock(session, company)
        belong = select(col(Person.id)).where(col(Person.company) == company, col(Person.deleted_at).is_(None))
        first, *rest = pages(session.scalars(belong.order_by(col(Person.id))).all()) or [()]
        session.delete(row)
        session.flush()
        self._telling.begin(session, TellListed(people=list(first), changed=["company"]), at)
        for people in rest:
            later(session, TellListed(people=list(people), changed=["company"]), at)

    def lock(self, session: Session, company: str) -> Company:
        """The company, locked until the transaction ends. Raises Missing."""
        row = session.get(Company, company, with_for_update=True)
        if row is None:
            raise Missing("company", company)
        return row

    def save(
        self,
        session: Session,
        row: Company,
        fields: Mapping[str, Any],
        at: datetime,
        *,
        cause: Sequence[str] = (),
        besides: str = "",
    ) -> list[str]:
        """Give a locked row these columns and tell its people, `besides` one; answers the changed, `company.…`."""
        _check(session, row.id, fields, row.custom)
        changed = assign(row, fields)
        if changed:
            row.updated_at = at
            session.flush()
            what = TellPeople(company=row.id, changed=changed, cause=list(cause))
            self._telling.begin(session, what, at, besides=besides)
        return changed

    def _insert(self, session: Session, id: str, given: CompanyIn, at: datetime) -> Company:
        fields = columns(given)
        _check(session, id, fields, {})
        row = Company(id=id, **fields, created_at=at, updated_at=at)
        session.add(row)
        session.flush()
        return row


def columns(given: CompanyIn) -> dict[str, Any]:
    """The columns that hold these fields."""
    return {**given.model_dump(), "custom": present(given.custom), "name_key": name_key(given.name)}


def assign(row: Company, fields: Mapping[str, Any]) -> list[str]:
    """Give the row these columns; answers the names of the fields that changed, `company.employees`."""
    changed = []
    for name, value in fields.items():
        before = getattr(row, name)
        if before == value:
            continue
        setattr(row, name, value)
        if name == "custom":
            changed += [f"company.custom.{key}" for key in {**before, **value} if before.get(key) != value.get(key)]
        elif name != "name_key":
            changed.append(f"company.{name}")
    return sorted(changed)


def merged(row: Company, changes: Mapping[str, Any]) -> dict[str, Any]:
    """The columns that these changes of fields lead to; only what changes is checked. Raises Refused."""
    given = {
        name: {**row.custom, **value} if name == "custom" and isinstance(value, Mapping) else value
        for name, value in changes.items()
    }
    try:
        model = CompanyIn.model_validate({"name": row.name, **given})
    except ValidationError as error:
        raise Refused(faults(error, CompanyIn)) from None
    names = {*changes, *(["name_key"] if "name" in changes else ())}
    return {name: value for name, value in columns(model).items() if name in names}


def _check(session: Session, id: str, fields: Mapping[str, Any], before: Mapping[str, Any]) -> None:
    """Raise for an external id that another has, an owner who does not exist, and custom fields that do not fit."""
    if (external_id := fields.get("external_id")) is not None:
        query = select(col(Company.id)).where(col(Company.external_id) == external_id, col(Company.id) != id)
        if (taken := session.scalar(query)) is not None:
            what = f"The external id belongs to company {taken}."
            raise Conflict(what, f"Change that company with PATCH /v1/companies/{taken}.")
    found = custom.faults(session, "company", fields.get("custom", {}), before)
    owner = fields.get("our_contact")
    if owner is not None and session.get(Associate, owner) is None:
        remedy = "Create the associate first, or leave it out."
        found.append(Fault(f"There is no associate {owner}.", remedy, ("our_contact",)))
    if found:
        raise Refused(found)
