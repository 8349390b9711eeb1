"""Forms that people fill in: who it was, and the event that flows wait for (TRIG_1, STEP_14)."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from pydantic import TypeAdapter, ValidationError
from sqlalchemy import select
from sqlmodel import Session, col

from activities.crm.embedded import EmbeddedCrm
from activities.crm.faults import faults
from activities.crm.library import FormField, NewPeople, Url
from activities.crm.models import PersonIn
from activities.crm.values import Email, email_key
from activities.enrolling.events import Event, Events
from activities.responses.reactions import Reacting
from store.database import lock_newcomers
from store.json_data import storable
from store.library import FormRow
from store.people import Person

LONGEST = 10_000  # characters of a field

_EMAIL: TypeAdapter[str] = TypeAdapter(Email)
_URL: TypeAdapter[str] = TypeAdapter(Url)
_NUMBER: TypeAdapter[int | float] = TypeAdapter(int | float)
_TRUE = {"on", "true", "1", "yes"}
_FALSE = {"off", "false", "0", "no"}
_NAMES = ("first_name", "last_name")
"""Fields of a form that a new person gets, besides the address."""


@dataclass(frozen=True, slots=True)
class Wrong:
    """A field that is missing or wrong, by the name that people see."""

    field: str
    label: str
    what: str


class NotFilledIn(Exception):
    """The form cannot be taken as it was filled in; nothing was kept."""

    def __init__(self, found: list[Wrong]) -> None:
        super().__init__(", ".join(wrong.field for wrong in found))
        self.found = found


def read(form: FormRow, given: Mapping[str, str]) -> dict[str, Any]:
    """The values of the form's own fields, each as its type says; others are passed over. Raises NotFilledIn."""
    values: dict[str, Any] = {}
    found: list[Wrong] = []
    for raw in form.fields:
        field = FormField.model_validate(raw)
        text = given.get(field.name, "").strip()
        label = field.label or field.name.replace("_", " ")
        if not text:
            if field.required:
                found.append(Wrong(field.name, label, "is missing"))
            continue
        try:
            values[field.name] = _value(field, text)
        except ValueError:
            found.append(Wrong(field.name, label, _EXPECTED.get(field.type, "cannot be read")))
    if found:
        raise NotFilledIn(found)
    return values


_EXPECTED = {
    "email": "is not an e-mail address",
    "number": "is not a number",
    "date": "is not a date such as 2026-12-31",
    "checkbox": "is neither yes nor no",
    "url": "is not a web address",
    "text": "is too long, or holds characters that cannot be kept",
}


def _value(field: FormField, text: str) -> Any:
    if len(text) > LONGEST or not storable(text):
        raise ValueError
    match field.type:
        case "email":
            return _EMAIL.validate_python(text)
        case "number":
            number = _NUMBER.validate_python(text.replace(",", ".") if text.count(",") == 1 else text)
            if abs(number) > 2**53 or number != number:
                raise ValueError
            return number
        case "date":
            return date.fromisoformat(text).isoformat()
        case "checkbox":
            if text.lower() not in _TRUE | _FALSE:
                raise ValueError
            return text.lower() in _TRUE
        case "url":
            return _URL.validate_python(text)
    return text


class Forms:
    """Takes forms in."""

    def __init__(self, events: Events, crm: EmbeddedCrm, reacting: Reacting) -> None:
        self._events = events
        self._crm = crm
        self._reacting = reacting

    def submit(
        self, session: Session, form: str, values: Mapping[str, Any], known: str | None, now: datetime
    ) -> str | None:
        """Record `form_submitted` of the person `known`, else of whoever has the address; answers who it was.

        Nobody with that address: a new person. Several: the one that was there first. No address: the event is kept as
        unmatched. What the form does by itself is done before flows hear of it (STEP_23).
        """
        row = session.get(FormRow, form)
        person = known if known is not None and self._exists(session, known) else None
        if person is None:
            defaults = NewPeople.model_validate(row.new_people).fields() if row is not None else {}
            person = self._by_address(session, values, defaults, now)
        data: dict[str, Any] = {"form": form, "fields": dict(values)}
        if row is not None and row.actions and person is not None:
            data["actions"] = self._reacting.react(session, "form", form, row.actions, person, data, now)
        self._events.take(session, Event("form_submitted", now, person or "", subject=f"form:{form}", data=data), now)
        return person

    def _exists(self, session: Session, person: str) -> bool:
        row = session.get(Person, person)
        return row is not None and row.deleted_at is None

    def _by_address(
        self, session: Session, values: Mapping[str, Any], defaults: Mapping[str, Any], now: datetime
    ) -> str | None:
        address = values.get("email")
        if not isinstance(address, str):
            return None
        key = email_key(address)
        lock_newcomers(session, key)
        found = session.scalar(
            select(col(Person.id))
            .where(col(Person.email_key) == key, col(Person.deleted_at).is_(None))
            .order_by(col(Person.created_at), col(Person.id))
            .limit(1)
        )
        if found is not None:
            return found
        try:
            names = {name: values[name] for name in _NAMES if isinstance(values.get(name), str)}
            given = PersonIn(email=address, **names, **defaults)
            return self._crm.people.create(session, given, now).id
        except ValidationError as error:
            wrong = {str(fault.where[0]) for fault in faults(error, PersonIn)}
            raise NotFilledIn(
                [Wrong(name, name.replace("_", " "), "cannot be kept") for name in sorted(wrong)]
            ) from None
