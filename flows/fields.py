"""The fields that conditions, merge tags and update_person speak of (CONTRACT.md).

A field is named by a dotted path, `person.first_name`. Some places are open: `person.custom.…` and `company.custom.…`
hold what a team has added (of any name, until it declares some: `declared`), `participant.…` what call_webhook kept
(STEP_22), `form.…` and `event.…` whatever came with an event. What is there is of type `any`.
"""

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import date, datetime
from difflib import get_close_matches
from enum import StrEnum
from types import MappingProxyType

from flows.ports import Change


class FieldType(StrEnum):
    """What kind of value a field holds."""

    TEXT = "text"
    NUMBER = "number"
    DATE = "date"
    DATETIME = "datetime"
    FLAG = "flag"
    LIST = "list"
    ANY = "any"

    @property
    def looks_like(self) -> str:
        """How a value of this type is written in a flow file."""
        return _LOOKS[self]


_LOOKS = {
    FieldType.TEXT: 'text, such as "Oslo"',
    FieldType.NUMBER: "a number, such as 200 or 12.5",
    FieldType.DATE: "a date, such as 2026-12-31",
    FieldType.DATETIME: "a date, or a date and time such as 2026-12-31 08:00",
    FieldType.FLAG: "true or false",
    FieldType.LIST: "an entry of the list, as text or a number",
    FieldType.ANY: "text, a number, or true or false",
}

CHANGES: Mapping[FieldType, frozenset[Change]] = {
    FieldType.TEXT: frozenset({"set", "clear", "copy"}),
    FieldType.NUMBER: frozenset({"set", "clear", "copy", "increase", "decrease"}),
    FieldType.DATE: frozenset({"set", "clear", "copy"}),
    FieldType.DATETIME: frozenset({"set", "clear", "copy"}),
    FieldType.FLAG: frozenset({"set", "clear", "copy"}),
    FieldType.LIST: frozenset({"set", "clear", "copy", "add", "remove"}),
    FieldType.ANY: frozenset({"set", "clear", "copy", "add", "remove", "increase", "decrease"}),
}
"""Which changes of update_person fit which type (STEP_3)."""


@dataclass(frozen=True, slots=True)
class Field:
    """A field with a name of its own. `choices`: the only values it can have (empty: no limit).

    `shape`: what a text must look like to be kept, whole, and `example` in words; the CRM may still know better.
    """

    type: FieldType
    derived: bool = False
    choices: tuple[str, ...] = ()
    shape: str = ""
    example: str = ""


LANGUAGE = "[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*"
"""What a language code looks like, whole."""

_CONSENT = Field(FieldType.TEXT, choices=("granted", "withdrawn"))
_EMAIL = Field(FieldType.TEXT, shape=r"[^@\s]+@[^@\s]+", example="an e-mail address, such as kari@fjord.example")
_MOBILE = Field(FieldType.TEXT, shape=r"\+?[\d\s()./-]{4,40}", example="a phone number, such as +47 400 00 000")
_COUNTRY = Field(FieldType.TEXT, shape="[A-Za-z]{2}", example="a country code of two letters, such as NO")
_LANGUAGE = Field(FieldType.TEXT, shape=LANGUAGE, example="a language code, such as nb or en-GB")
_ZONE = Field(FieldType.TEXT, shape=r"[A-Za-z][\w+-]*(/[\w+-]+)*", example="a time zone, such as Europe/Oslo")

FIELDS: Mapping[str, Field] = {
    "person.id": Field(FieldType.TEXT, derived=True),
    "person.first_name": Field(FieldType.TEXT),
    "person.last_name": Field(FieldType.TEXT),
    "person.name": Field(FieldType.TEXT, derived=True),
    "person.email": _EMAIL,
    "person.mobile": _MOBILE,
    "person.country": _COUNTRY,
    "person.language": _LANGUAGE,
    "person.time_zone": _ZONE,
    "person.category": Field(FieldType.TEXT),
    "person.company": Field(FieldType.TEXT, derived=True),
    "person.our_contact": Field(FieldType.TEXT),
    "person.our_service_contact": Field(FieldType.TEXT),
    "person.created_at": Field(FieldType.DATETIME, derived=True),
    "person.former_employee": Field(FieldType.FLAG),
    "person.consent.email": _CONSENT,
    "person.consent.sms": _CONSENT,
    "person.subscriptions": Field(FieldType.LIST),
    "company.id": Field(FieldType.TEXT, derived=True),
    "company.name": Field(FieldType.TEXT),
    "company.category": Field(FieldType.TEXT),
    "company.country": _COUNTRY,
    "company.employees": Field(FieldType.NUMBER),
    "company.our_contact": Field(FieldType.TEXT),
    "owner.id": Field(FieldType.TEXT, derived=True),
    "owner.name": Field(FieldType.TEXT),
    "owner.email": Field(FieldType.TEXT),
    "owner.mobile": Field(FieldType.TEXT),
    "participant.id": Field(FieldType.TEXT, derived=True),
    "participant.enrolled_at": Field(FieldType.DATETIME, derived=True),
}

OPEN = ("person.custom", "company.custom", "participant", "form", "event")
"""Places that hold fields of any name."""

_CHANGEABLE_ROOTS = ("person.", "company.")
_OPEN_FIELD = Field(FieldType.ANY)


_DECLARED: ContextVar[Mapping[str, Field]] = ContextVar("declared", default=MappingProxyType({}))


@contextmanager
def declared(custom: Mapping[str, Field]) -> Iterator[None]:
    """Within it, these are the custom fields: where a place has some declared, it holds fields of no other name."""
    token = _DECLARED.set(custom)
    try:
        yield
    finally:
        _DECLARED.reset(token)


def field(path: str) -> Field | None:
    """The field with this path, or None: there is no such field."""
    if known := FIELDS.get(path) or _DECLARED.get().get(path):
        return known
    closed = {custom.rpartition(".")[0] for custom in _DECLARED.get()}
    for place in (place for place in OPEN if place not in closed):
        if path.startswith(place + ".") and all(path.split(".")):
            return _OPEN_FIELD
    return None


def field_type(path: str) -> FieldType | None:
    """The type of the field with this path, or None: there is no such field."""
    known = field(path)
    return known.type if known else None


def changeable(path: str) -> bool:
    """Whether update_person may change the field: one of the person or the company that is not derived (STEP_3)."""
    known = field(path)
    return known is not None and not known.derived and path.startswith(_CHANGEABLE_ROOTS)


def changes(path: str) -> frozenset[Change]:
    """The changes that update_person can make to the field; none if it is unknown or not changeable (STEP_3)."""
    kind = field_type(path)
    return CHANGES[kind] if kind and changeable(path) else frozenset()


def copies_to(source: FieldType, target: FieldType) -> bool:
    """Whether a value of one type can be copied into a field of the other (STEP_3)."""
    return source is target or FieldType.ANY in (source, target)


def accepts(path: str, value: object) -> bool:
    """Whether the field can hold this value, written as in a flow file; for a list: have it as an entry."""
    known = field(path)
    return known is not None and fits(known, value)


def fits(known: Field, value: object) -> bool:
    """Whether a field can hold this value; a list: have it as an entry."""
    if known.choices:
        return value in known.choices
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    match known.type:
        case FieldType.TEXT:
            return isinstance(value, str)
        case FieldType.NUMBER:
            return is_number
        case FieldType.DATE | FieldType.DATETIME:
            return isinstance(value, str) and moment(value) is not None
        case FieldType.FLAG:
            return isinstance(value, bool)
        case FieldType.LIST:
            return isinstance(value, str) or is_number
        case FieldType.ANY:
            return isinstance(value, str | int | float)


def keeps(path: str, value: object) -> bool:
    """Whether a value that the field accepts also looks like what it holds: an e-mail address like one."""
    known = field(path)
    text = str(value).strip()
    return known is None or not known.shape or not text or re.fullmatch(known.shape, text) is not None


def looks_like(path: str) -> str:
    """How a value of the field is written in a flow file; for the remedy of a problem."""
    known = field(path) or _OPEN_FIELD
    return " or ".join(known.choices) or known.example or known.type.looks_like


def nearest(path: str) -> str | None:
    """The existing field whose path is most like this one, for "did you mean"."""
    parts = path[:200].split(".")
    opened = []
    for place in OPEN:
        if rest := parts[len(place.split(".")) :]:
            opened.append(".".join([place, *rest]))
    known = [*FIELDS, *_DECLARED.get(), *(each for each in opened if all(each.split(".")) and field(each))]
    found = get_close_matches(path[:200], known, n=1)
    return found[0] if found else None


def value(namespace: Mapping[str, object], path: str) -> object | None:
    """The value of a field in the roots that `Facts.namespace` gives, or None where it is missing."""
    here: object = namespace
    for part in path.split("."):
        if not isinstance(here, Mapping):
            return None
        here = here.get(part)
    return here


def moment(written: object) -> date | datetime | None:
    """A date, or a date and time, from data: such an object itself, or ISO 8601 text. None: it is neither."""
    if isinstance(written, date):
        return written
    if not isinstance(written, str):
        return None
    for read in (date.fromisoformat, datetime.fromisoformat):
        try:
            return read(written.strip())
        except ValueError:
            continue
    return None
