"""Many people written at once, from the rows of an import."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import and_, insert, or_, select
from sqlmodel import Session, col

from activities.crm.companies import Companies
from activities.crm.importing import Row, another_name, is_keyed
from activities.crm.occur import Occur
from activities.crm.people import People
from store.columns import new_id
from store.database import lock_newcomers
from store.people import Company, Person

# Every row has the same columns, so that one statement writes them all.
_NOBODY = Person(id="", created_at=datetime.min, updated_at=datetime.min).model_dump()


class Saved(NamedTuple):
    """How many people are new and how many were known; `people` are their ids, in the order of the rows.

    `unknown` are the lines of rows with an id that nobody has: nothing was done for them.
    """

    created: int
    updated: int
    people: tuple[str, ...] = ()
    unknown: tuple[int, ...] = ()


class Bulk:
    """Writes rows of an import. Nobody is enrolled by it unless asked (TRIG_1)."""

    def __init__(self, people: People, companies: Companies, occur: Occur) -> None:
        self._people = people
        self._companies = companies
        self._occur = occur

    def save(self, session: Session, rows: Sequence[Row], at: datetime, *, fire_triggers: bool) -> Saved:
        """Write one chunk of rows; no two of them may be about the same person."""
        lock_newcomers(session)
        known = self._known(session, rows)
        companies = self._companies_of(session, rows, at)
        created: list[dict[str, Any]] = []
        people: list[str] = []
        unknown: list[int] = []
        ids = iter(sorted(new_id("per") for _ in rows))  # in the order of the rows, which are of one moment
        for row, person in zip(rows, known, strict=True):
            if row.id and person is None:
                unknown.append(row.line)
                continue
            fields = row.person
            if row.company:
                fields = {**fields, "company": companies[row.company["name_key"]]}
            if person is None:
                created.append({**_NOBODY, **fields, "id": next(ids), "created_at": at, "updated_at": at})
                people.append(created[-1]["id"])
            else:
                people.append(person.id)
                self._update(session, person, fields, at, fire_triggers=fire_triggers)
        if created:
            session.execute(insert(Person), created)
        if created and fire_triggers:
            self._occur(session, type="person_created", person=[fields["id"] for fields in created], at=at)
        return Saved(len(created), len(people) - len(created), tuple(people), tuple(unknown))

    def _known(self, session: Session, rows: Sequence[Row]) -> list[Person | None]:
        """For each row the person whom it is about, locked. Of several with an address, who was there first."""
        ids = [row.id for row in rows if row.id]
        keys = [row.person["external_id"] for row in rows if "external_id" in row.person]
        addresses = [row.person["email_key"] for row in rows if not is_keyed(row) and "email_key" in row.person]
        there = col(Person.deleted_at).is_(None)
        of_rows = or_(
            and_(col(Person.id).in_(ids), there),
            col(Person.external_id).in_(keys),
            and_(col(Person.email_key).in_(addresses), there),
        )
        found = list(session.scalars(select(Person).where(of_rows).order_by(col(Person.id)).with_for_update()))
        found.sort(key=lambda person: (person.created_at, person.id))
        by_id = {person.id: person for person in found if person.deleted_at is None}
        by_key = {person.external_id: person for person in found if person.external_id}
        by_address: defaultdict[str | None, list[Person]] = defaultdict(list)
        for person in by_id.values():
            by_address[person.email_key].append(person)

        def of(row: Row) -> Person | None:
            if is_keyed(row):
                return by_id.get(row.id) if row.id else by_key.get(row.person["external_id"])
            sharing = by_address[row.person["email_key"]] if "email_key" in row.person else []
            return next((one for one in sharing if not another_name(row.person, one.model_dump())), None)

        return [of(row) for row in rows]

    def _companies_of(self, session: Session, rows: Sequence[Row], at: datetime) -> dict[str, str]:
        """The companies' ids by the keys of their names; missing ones are made, known ones changed."""
        keys = {row.company["name_key"] for row in rows if row.company}
        if not keys:
            return {}
        query = select(Company).where(col(Company.name_key).in_(keys)).order_by(col(Company.id).desc())
        # Of several with the same name the oldest is meant.
        found = {company.name_key: company for company in session.scalars(query.with_for_update())}
        for row in rows:
            if not row.company:
                continue
            key = row.company["name_key"]
            if key in found:
                fields = {name: value for name, value in row.company.items() if name not in ("name", "name_key")}
                self._companies.save(session, found[key], fields, at)
            else:
                found[key] = Company(id=new_id("com"), **row.company, created_at=at, updated_at=at)
                session.add(found[key])
        session.flush()  # people refer to them
        return {key: company.id for key, company in found.items()}

    def _update(
        self, session: Session, person: Person, fields: dict[str, Any], at: datetime, *, fire_triggers: bool
    ) -> None:
        for nested in ("consent", "custom"):
            if nested in fields:
                fields = {**fields, nested: {**getattr(person, nested), **fields[nested]}}
        restored, person.deleted_at = person.deleted_at is not None, None
        self._people.save(session, person, fields, at, told=not restored, triggers=fire_triggers)
        if restored and fire_triggers:
            session.flush()
            self._occur(session, type="person_created", person=person.id, at=at)
