"""People: created, replaced, changed, deleted, unsubscribed."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from pydantic import ValidationError
from sqlalchemy import delete, select
from sqlmodel import Session, SQLModel, col

from activities.crm import custom
from activities.crm.faults import Conflict, Fault, Missing, Moved, Refused, faults
from activities.crm.models import Channel, PersonIn
from activities.crm.occur import Occur
from activities.crm.values import email_key, present
from store.columns import new_id
from store.library import SubscriptionType
from store.people import Associate, Company, Person, ProjectMember, SelectionMember

_NESTED = ("consent", "custom")
_REFERENCES: tuple[tuple[str, str, type[SQLModel]], ...] = (
    ("company", "company", Company),
    ("our_contact", "associate", Associate),
    ("our_service_contact", "associate", Associate),
)


class People:
    """Writes people, and tells what changed."""

    def __init__(self, occur: Occur) -> None:
        self._occur = occur

    def get(self, session: Session, person: str) -> Person:
        """The person. Raises Missing, also for a deleted one."""
        return _there(session.get(Person, person), person)

    def create(self, session: Session, given: PersonIn, at: datetime) -> Person:
        """A new person. Raises Conflict if the external id is taken, Refused for references to nothing."""
        return self._insert(session, new_id("per"), given, at)

    def replace(self, session: Session, person: str, given: PersonIn, at: datetime) -> tuple[Person, bool]:
        """The person with this id gets these fields and no others; True: it was created, or restored."""
        row = session.get(Person, person, with_for_update=True)
        if row is None:
            return self._insert(session, person, given, at), True
        if row.merged_into is not None:
            raise Moved("person", person, row.merged_into)
        restored, row.deleted_at = row.deleted_at is not None, None
        self.save(session, row, columns(given), at, told=not restored)
        if restored:
            session.flush()
            self._occur(session, type="person_created", person=row.id, at=at)
        return row, restored

    def patch(self, session: Session, person: str, changes: Mapping[str, Any], at: datetime) -> Person:
        """Change the fields given; `consent` and `custom` are merged, null removes (RFC 7396)."""
        row = self._lock(session, person)
        self.save(session, row, merged(row, changes), at)
        return row

    def save(
        self,
        session: Session,
        row: Person,
        fields: Mapping[str, Any],
        at: datetime,
        *,
        told: bool = True,
        triggers: bool = True,
        cause: Sequence[str] = (),
        also_changed: Sequence[str] = (),
    ) -> list[str]:
        """Give a locked row these columns and tell it, with what else has changed; answers the names of all of it."""
        changes = {name: value for name, value in fields.items() if getattr(row, name) != value}
        _check(session, row.id, changes, row.custom)
        changed = [*assign(row, fields), *also_changed]
        if changed:
            row.updated_at = at
            session.flush()
            if told:
                self._updated(session, row.id, changed, at, cause, triggers)
        return changed

    def delete(self, session: Session, person: str, at: datetime) -> None:
        """The person leaves every selection, project and flow (PART_3). The row stays."""
        row = self._lock(session, person)
        row.deleted_at = row.updated_at = at
        for members in (SelectionMember, ProjectMember):
            session.execute(delete(members).where(col(members.person) == person))
        self._occur(session, type="person_deleted", person=person, at=at)

    def unsubscribe(
        self, session: Session, person: str, subscription: str | None, at: datetime, cause: Sequence[str] = ()
    ) -> None:
        """The person wants no more of this kind of mail; None: no mail at all (PART_2)."""
        if subscription is None:
            self.withdraw(session, person, "email", at, cause)
            return
        row = session.get(Person, person, with_for_update=True)
        if row is None:
            raise Missing("person", person)
        before = row.unsubscribed
        row.subscriptions = [each for each in row.subscriptions if each != subscription]
        row.unsubscribed = list(dict.fromkeys([*row.unsubscribed, subscription]))
        if row.unsubscribed != before:
            self._told(session, row, "subscriptions", at, cause)

    def withdraw(
        self, session: Session, person: str, channel: Channel, at: datetime, cause: Sequence[str] = ()
    ) -> None:
        """The person wants no more messages of this channel (PART_2)."""
        row = session.get(Person, person, with_for_update=True)
        if row is None:
            raise Missing("person", person)
        if row.consent.get(channel) != "withdrawn":
            row.consent = {**row.consent, channel: "withdrawn"}
            self._told(session, row, f"consent.{channel}", at, cause)

    def take_back(self, session: Session, person: str, channel: Channel, at: datetime) -> None:
        """The person wants messages of this channel again after all; who had not withdrawn is left as is."""
        row = session.get_one(Person, person, with_for_update=True)
        if row.consent.get(channel) == "withdrawn":
            row.consent = {**row.consent, channel: "granted"}
            self._told(session, row, f"consent.{channel}", at, ())

    def _told(self, session: Session, row: Person, changed: str, at: datetime, cause: Sequence[str]) -> None:
        row.updated_at = at
        session.flush()
        self._updated(session, row.id, [changed], at, cause)

    def _lock(self, session: Session, person: str) -> Person:
        return _there(session.get(Person, person, with_for_update=True), person)

    def merged(self, session: Session, row: Person, changed: Sequence[str], at: datetime) -> None:
        """Tell that the person has become more by a merge; it enrols nobody."""
        self._updated(session, row.id, changed, at, (), triggers=False)

    def _insert(self, session: Session, id: str, given: PersonIn, at: datetime) -> Person:
        fields = columns(given)
        _check(session, id, fields, {})
        row = Person(id=id, **fields, created_at=at, updated_at=at)
        session.add(row)
        session.flush()
        self._occur(session, type="person_created", person=id, at=at)
        return row

    def _updated(
        self,
        session: Session,
        person: str,
        changed: Sequence[str],
        at: datetime,
        cause: Sequence[str],
        triggers: bool = True,
    ) -> None:
        data = {"changed": list(changed)}
        self._occur(session, type="person_updated", person=person, at=at, data=data, cause=cause, triggers=triggers)


def _there(row: Person | None, person: str) -> Person:
    if row is not None and row.merged_into is not None:
        raise Moved("person", person, row.merged_into)
    if row is None or row.deleted_at is not None:
        raise Missing("person", person)
    return row


def columns(given: PersonIn) -> dict[str, Any]:
    """The columns that hold these fields."""
    fields = given.model_dump()
    fields["custom"] = present(given.custom)
    fields["consent"] = given.consent.model_dump(exclude_none=True)
    fields["email_key"] = email_key(given.email) if given.email else None
    return fields


def assign(row: Person, fields: Mapping[str, Any]) -> list[str]:
    """Give the row these columns; answers the changed fields, each inner one of `consent.…` and `custom.…` apart."""
    before, now = _flat(row, fields), _flat(None, fields)
    changed = [name for name in {**before, **now} if before.get(name) != now.get(name) and name != "email_key"]
    for name, value in fields.items():
        if getattr(row, name) != value:
            setattr(row, name, value)
    # Wanting it again ends having turned away from it.
    row.unsubscribed = [each for each in row.unsubscribed if each not in row.subscriptions]
    return sorted(changed)


def merged(row: Person, changes: Mapping[str, Any]) -> dict[str, Any]:
    """The columns that these changes of fields lead to. Raises Refused.

    Only what changes is checked: what was taken in before may stay, whatever is thought of it today.
    """
    given = {
        name: {**getattr(row, name), **value} if name in _NESTED and isinstance(value, Mapping) else value
        for name, value in changes.items()
    }
    try:
        # A mobile number is read as one of the person's country.
        around = {"country": row.country} if "mobile" in given else {}
        model = PersonIn.model_validate({**around, **given})
    except ValidationError as error:
        raise Refused(faults(error, PersonIn)) from None
    names = {*changes, *(["email_key"] if "email" in changes else ())}
    return {name: value for name, value in columns(model).items() if name in names}


def _flat(row: Person | None, fields: Mapping[str, Any]) -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for name, given in fields.items():
        value = given if row is None else getattr(row, name)
        if name in _NESTED:
            flat.update({f"{name}.{inner}": each for inner, each in value.items()})
        else:
            flat[name] = value
    return flat


def _check(session: Session, id: str, fields: Mapping[str, Any], before: Mapping[str, Any]) -> None:
    """Raise for an external id that somebody else has, references to nothing, and custom fields that do not fit."""
    external_id = fields.get("external_id")
    if external_id is not None:
        query = select(col(Person.id)).where(col(Person.external_id) == external_id, col(Person.id) != id)
        taken = session.scalar(query)
        if taken is not None:
            raise Conflict(
                f"The external id belongs to person {taken}.",
                f"Change that person with PATCH /v1/people/{taken}; if it was deleted, PUT restores it.",
            )
    found = [
        Fault(f"There is no {noun} {target}.", f"Create the {noun} first, or leave it out.", (name,))
        for name, noun, table in _REFERENCES
        if (target := fields.get(name)) is not None and session.get(table, target) is None
    ]
    found += [
        Fault(f"There is no subscription type {each}.", "Create it first, or leave it out.", ("subscriptions", index))
        for index, each in enumerate(fields.get("subscriptions", ()))
        if session.get(SubscriptionType, each) is None
    ]
    found += custom.faults(session, "person", fields.get("custom", {}), before)
    if found:
        raise Refused(found)
