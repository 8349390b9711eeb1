"""The kinds of values that the CRM's fields hold: each is checked and brought into one form when it comes in."""

import unicodedata
from collections.abc import Mapping
from functools import lru_cache
from importlib.resources import files
from math import isfinite
from typing import Annotated, Any, TypeVar
from zoneinfo import available_timezones

import phonenumbers
from email_validator import EmailNotValidError, validate_email
from pydantic import AfterValidator, BeforeValidator, PlainValidator, StringConstraints, WithJsonSchema
from pydantic_core import PydanticCustomError

from flows.fields import LANGUAGE
from flows.model import Id
from flows.rich_text import clean
from store.json_data import storable

Scalar = str | bool | int | float
Custom = dict[str, Scalar | list[Scalar]]

_LARGEST_NUMBER = 2**53  # beyond it, JSON readers disagree


def wrong(what: str, remedy: str) -> PydanticCustomError:
    """An error for a validator to raise. Texts never contain the value: it may be personal."""
    # The message is given as a value, not as the template, so that braces in it mean nothing.
    return PydanticCustomError("value", "{what}", {"what": what, "remedy": remedy})


def email_key(address: str) -> str:
    """An e-mail address as it is compared: NFC, lower case."""
    return unicodedata.normalize("NFC", address.strip()).lower()


def name_key(name: str) -> str:
    """A name as it is compared: NFC, case folded, single blanks."""
    return " ".join(unicodedata.normalize("NFC", name).casefold().split())


def phone(number: str, country: str | None) -> str:
    """A phone number in E.164; `country` (ISO 3166) is where a number without a country code is from."""
    try:
        parsed = phonenumbers.parse(number, country)
    except phonenumbers.NumberParseException:
        parsed = None
    if parsed is None or not phonenumbers.is_valid_number(parsed):
        raise wrong(
            "This is not a phone number that exists",
            "Write it with its country code, as in +47 400 00 000, or give the country.",
        )
    return phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.E164)


def _printable(text: str) -> str:
    # Line breaks in a name could become header lines of a mail; NUL cannot be stored; lone surrogates cannot be sent.
    if not text.isprintable() and any(unicodedata.category(letter) in ("Cc", "Cs", "Zl", "Zp") for letter in text):
        raise wrong("Control characters and line breaks are not allowed here", "Write it on one line.")
    return unicodedata.normalize("NFC", text)


def _storable(text: str) -> str:
    if not storable(text):
        raise wrong("The text holds NUL or half a character", "Save it again as UTF-8 text.")
    return text


def _email(address: str) -> str:
    try:
        return validate_email(address, check_deliverability=False).normalized
    except EmailNotValidError:
        raise wrong("This is not an e-mail address", "Write it as name@domain.") from None


def _country(code: str) -> str:
    if code.upper() not in _countries():
        raise wrong("This is not a country code", "Write two letters of ISO 3166, as in NO.")
    return code.upper()


@lru_cache
def _countries() -> frozenset[str]:
    lines = (files("tzdata") / "zoneinfo" / "iso3166.tab").read_text(encoding="utf-8").splitlines()
    return frozenset(line[:2] for line in lines if not line.startswith("#"))


def _zone(name: str) -> str:
    if name not in _zones():
        raise wrong("This is not a time zone", "Write its IANA name, as in Europe/Oslo.")
    return name


@lru_cache
def _zones() -> frozenset[str]:
    return frozenset(available_timezones())


def present(custom: Mapping[str, Any]) -> Custom:
    """The custom fields that have a value."""
    return {name: value for name, value in custom.items() if value is not None}


def _custom(given: Any) -> dict[str, Scalar | list[Scalar] | None]:
    """Fields of a team's own: name -> text, number, flag, or a list of these; null and empty text mean no value."""
    if not isinstance(given, dict):
        raise wrong("Custom fields are an object of names and values", 'Write it as {"name": value}.')
    custom: dict[str, Scalar | list[Scalar] | None] = {}
    for name, value in given.items():
        if not isinstance(name, str) or not name.replace("_", "").replace("-", "").isalnum() or len(name) > 100:
            raise wrong(
                "A custom field has a name that is not allowed",
                "Use letters, digits, - and _, 100 characters at most.",
            )
        custom[_printable(name)] = None if value is None or value == "" else _custom_value(value)
    return custom


def _custom_value(value: Any) -> Scalar | list[Scalar]:
    if isinstance(value, list) and len(value) <= 1_000:
        return [_scalar(each) for each in value]
    return _scalar(value)


def _scalar(value: Any) -> Scalar:
    match value:
        case bool():
            return value
        case int() if abs(value) <= _LARGEST_NUMBER:
            return value
        case float() if isfinite(value):
            return value
        case str() if len(value) <= 10_000:
            return _storable(value)
    raise wrong(
        "A custom field's value is of a kind that cannot be kept",
        "Give text, a number, true or false, or a list of these.",
    )


def _nothing(value: Any) -> Any:
    return None if isinstance(value, str) and not value.strip() else value


def _once(entries: list[str]) -> list[str]:
    return list(dict.fromkeys(entries))


T = TypeVar("T")

Line = Annotated[str, StringConstraints(strip_whitespace=True, max_length=300), AfterValidator(_printable)]
Name = Annotated[Line, StringConstraints(min_length=1)]
Prose = Annotated[str, StringConstraints(max_length=1_000_000), AfterValidator(_storable)]
RichText = Annotated[Prose, AfterValidator(clean)]
Email = Annotated[Line, AfterValidator(_email), WithJsonSchema({"type": "string", "format": "email"})]
Country = Annotated[Line, AfterValidator(_country)]
Zone = Annotated[Line, AfterValidator(_zone)]
Language = Annotated[Line, StringConstraints(pattern=f"^{LANGUAGE}$")]
Ids = Annotated[list[Id], AfterValidator(_once)]
CustomFields = Annotated[
    dict[str, Scalar | list[Scalar] | None],
    PlainValidator(
        _custom,
        json_schema_input_type=dict[str, Scalar | list[Scalar] | None],
    ),
]
Maybe = Annotated[T | None, BeforeValidator(_nothing)]
"""A value that may be missing; empty text is a missing value."""
