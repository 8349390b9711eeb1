"""Comparisons: a field, an operator and a value, `{field: company.employees, op: ">", value: 200}`.

How values are compared:

* A missing value satisfies only `empty`, `is_not` and `not_in` (SEMANTICS, STEP). None, blank text and an empty list or
  mapping count as missing.
* Text is compared without regard to case and to how accents are encoded (Unicode canonical caseless matching): `å` is
  `å` whether composed or not.
* Numbers are compared as decimals, exactly (TRIG_9). Where the condition's value is a number, text that reads as a
  number counts as one, because forms deliver text; likewise true, yes, on, 1 and false, no, off, 0 where it is a flag.
* `before` and `after` a date compare days in the given zone: `after 2026-12-31` begins on January 1st. With a time they
  compare moments. Dates and times without an offset are in the given zone; a date compared with a moment is its
  midnight. `is` and `in` do the same wherever data may be dates, which is everywhere but in text of our own.
* A list satisfies `is`, `contains` and `in` if one of its entries is the value; `is_not` and `not_in` if none is.
"""

import operator
from collections.abc import Callable, Iterator, Mapping, Sequence, Sized
from datetime import UTC, date, datetime, time, tzinfo
from decimal import Decimal
from typing import Annotated, Literal, get_args
from unicodedata import normalize

from pydantic import Field, PlainSerializer, PlainValidator
from pydantic_core import PydanticCustomError

from flows import fields
from flows.fields import FieldType
from flows.model import Strict
from flows.problems import Problem

Scalar = str | bool | int | float

Operator = Literal[
    "is",
    "is_not",
    "in",
    "not_in",
    "contains",
    "starts_with",
    "<",
    "<=",
    ">",
    ">=",
    "set",
    "empty",
    "before",
    "after",
]

_PRESENCE: frozenset[Operator] = frozenset({"set", "empty"})
_CHOICE: frozenset[Operator] = frozenset({"in", "not_in"})
_ORDER: frozenset[Operator] = frozenset({"<", "<=", ">", ">="})
_TIME: frozenset[Operator] = frozenset({"before", "after"})
_PARTS: frozenset[Operator] = frozenset({"contains", "starts_with"})
_EQUALITY: frozenset[Operator] = frozenset({"is", "is_not", "in", "not_in", "set", "empty"})

FITTING: Mapping[FieldType, frozenset[Operator]] = {
    FieldType.TEXT: _EQUALITY | _PARTS,
    FieldType.NUMBER: _EQUALITY | _ORDER,
    FieldType.DATE: _EQUALITY | _TIME,
    FieldType.DATETIME: _EQUALITY | _TIME,
    FieldType.FLAG: _EQUALITY - _CHOICE,
    FieldType.LIST: _EQUALITY | {"contains"},
    FieldType.ANY: frozenset(get_args(Operator)),
}
"""Which operators fit which type of field."""

_ORDERS: Mapping[str, Callable[[Decimal, Decimal], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
_SAID: Mapping[str, str] = {"set": "is set", "empty": "is empty", "before": "is before", "after": "is after"}
_FLAGS: Mapping[str, bool] = {
    **dict.fromkeys(("true", "yes", "on", "1"), True),
    **dict.fromkeys(("false", "no", "off", "0"), False),
}


def _scalar(given: object) -> Scalar:
    """One plain value; dates become ISO text, so that YAML and JSON read alike."""
    if isinstance(given, bool):
        return given
    if isinstance(given, str):
        return str(given)
    if isinstance(given, int):
        return int(given)
    if isinstance(given, float) and float("-inf") < given < float("inf"):
        return float(given)
    if isinstance(given, datetime):
        return given.isoformat(" ")
    if isinstance(given, date):
        return given.isoformat()
    raise PydanticCustomError(
        "condition_value", "a condition's value is text, a number, true or false, or a list of such"
    )


def _value(given: object) -> Scalar | tuple[Scalar, ...] | None:
    if given is None:
        return None
    if isinstance(given, list | tuple):
        return tuple(_scalar(each) for each in given)
    return _scalar(given)


def _written(value: Scalar | tuple[Scalar, ...] | None) -> object:
    return list(value) if isinstance(value, tuple) else value


Value = Annotated[
    Scalar | tuple[Scalar, ...] | None,
    PlainValidator(_value, json_schema_input_type=Scalar | list[Scalar] | None),
    PlainSerializer(_written),
]


class Comparison(Strict):
    """A field compared with a value."""

    field: str = Field(
        title="Field", description="What to look at.", examples=["person.country", "company.employees", "form.budget"]
    )
    op: Operator = Field(title="Operator", description="How to compare the field with the value.")
    value: Value = Field(
        default=None,
        title="Value",
        description="Text, a number, true or false, a date; a list for in and not_in; none for set and empty.",
    )


def satisfied(comparison: Comparison, namespace: Mapping[str, object], zone: tzinfo) -> bool:
    """Whether the field, looked up in the roots of `Facts.namespace`, compares as asked. Never raises for any data."""
    return _compare(comparison, fields.value(namespace, comparison.field), zone)


def words(comparison: Comparison) -> str:
    """The comparison in words: `company.employees > 200`."""
    op = comparison.op
    said = _SAID.get(op, op.replace("_", " "))
    return f"{comparison.field} {said}" + ("" if op in _PRESENCE else f" {_value_words(comparison.value)}")


def problems(comparison: Comparison) -> Iterator[Problem]:
    """An unknown field, an operator that does not fit its type, a missing or unfit value; `where` relative to it."""
    field, op, value = comparison.field, comparison.op, comparison.value
    kind = fields.field_type(field)
    if kind is None:
        near = fields.nearest(field)
        remedy = f"Did you mean “{near}”?" if near else "Fields begin with person, company, owner, form or event."
        yield Problem(f"There is no field “{field}”.", remedy, ("field",))
    elif op not in FITTING[kind]:
        fitting = ", ".join(each for each in get_args(Operator) if each in FITTING[kind])
        yield Problem(f"“{op}” does not fit “{field}”, which is of type {kind}.", f"Use one of: {fitting}.", ("op",))
    elif op in _PRESENCE:
        if value is not None:
            yield Problem(f"“{op}” takes no value.", "Remove the value.", ("value",))
    elif value is None:
        yield Problem(f"“{op}” needs a value.", f"Add a value: {_looks_like(comparison)}.", ("value",))
    elif op in _CHOICE:
        if not isinstance(value, tuple) or not value:
            yield Problem(f"“{op}” needs a list.", "Write the values in square brackets: [NO, SE].", ("value",))
        else:
            for index, each in enumerate(value):
                yield from (problem.under("value", index) for problem in _value_problems(comparison, each))
    elif isinstance(value, tuple):
        yield Problem(f"“{op}” takes one value, not a list.", "Write one value; for several use in or any.", ("value",))
    else:
        yield from (problem.under("value") for problem in _value_problems(comparison, value))


def _compare(comparison: Comparison, data: object, zone: tzinfo) -> bool:
    op, value = comparison.op, comparison.value
    missing = _missing(data)
    if op in _PRESENCE:
        return missing is (op == "empty")
    if missing:
        return op in ("is_not", "not_in")
    if op in _TIME:
        side = _side(data, value, zone)
        return side is not None and (side < 0 if op == "before" else side > 0)
    if op in _ORDER:
        left, right = _number(data), _number(value)
        return left is not None and right is not None and _ORDERS[op](left, right)
    entries: Sequence[object] = data if isinstance(data, list | tuple) else (data,)
    if op in _PARTS and entries is not data:
        whole, part = _text(data), _text(value)
        return (
            whole is not None and part is not None and (part in whole if op == "contains" else whole.startswith(part))
        )
    if op == "starts_with":
        return False
    wanted = value if isinstance(value, tuple) else (value,)
    timed = fields.field_type(comparison.field) is not FieldType.TEXT
    found = any(_same(entry, each, timed, zone) for entry in entries for each in wanted)
    return found is (op in ("is", "in", "contains"))


def _missing(data: object) -> bool:
    return data is None or (isinstance(data, str) and not data.strip()) or (isinstance(data, Sized) and not len(data))


def _same(data: object, value: Scalar | None, timed: bool, zone: tzinfo) -> bool:
    if isinstance(value, bool):
        return _flag(data) is value
    if isinstance(value, int | float):
        return _number(data) == _number(value)
    if (timed or isinstance(data, date)) and (side := _side(data, value, zone)) is not None:
        return side == 0
    text = _text(data)
    return text is not None and text == _text(value)


def _flag(data: object) -> bool | None:
    return data if isinstance(data, bool) else _FLAGS.get(_text(data) or "") if isinstance(data, str) else None


def _number(data: object) -> Decimal | None:
    if isinstance(data, bool) or not isinstance(data, int | float | Decimal | str):
        return None
    try:
        number = Decimal(repr(data) if isinstance(data, float) else data)
    except ArithmeticError:
        return None
    return number if number.is_finite() else None


def _text(data: object) -> str | None:
    """Text as it is compared: without case, and with each accent encoded in one way (Unicode 3.13, D145)."""
    if isinstance(data, bool):
        return "true" if data else "false"
    if isinstance(data, int):
        return str(Decimal(data))
    if isinstance(data, float | Decimal):
        return str(data)
    if isinstance(data, date):
        return data.isoformat()
    if not isinstance(data, str):
        return None
    return normalize("NFC", normalize("NFD", data).casefold())


def _side(data: object, value: object, zone: tzinfo) -> int | None:
    """-1: the data lie before the value, 0: at it, 1: after it; None: one of the two is no date."""
    left, right = fields.moment(data), fields.moment(value)
    if left is None or right is None:
        return None
    try:
        if isinstance(right, datetime):
            left, right = _instant(left, zone), _instant(right, zone)
        elif isinstance(left, datetime):
            left = _instant(left, zone).astimezone(zone).date()
    except (OverflowError, ValueError):
        return None
    return (left > right) - (left < right)


def _instant(moment: date, zone: tzinfo) -> datetime:
    if not isinstance(moment, datetime):
        moment = datetime.combine(moment, time())
    return (moment if moment.tzinfo else moment.replace(tzinfo=zone)).astimezone(UTC)


def _value_words(value: Scalar | tuple[Scalar, ...] | None) -> str:
    if not isinstance(value, tuple):
        return str(value).lower() if isinstance(value, bool) else str(value)
    shown = ", ".join(_value_words(each) for each in value[:5])
    return shown if len(value) <= 5 else f"{shown}, … ({len(value)} in all)"


def _value_problems(comparison: Comparison, value: Scalar) -> Iterator[Problem]:
    if isinstance(value, str) and not value.strip():
        yield Problem("The value is blank.", "Use the operators set and empty to ask whether there is a value.")
        return
    if comparison.op in _ORDER:
        fits = isinstance(value, int | float) and not isinstance(value, bool)
    elif comparison.op in _TIME:
        fits = fields.moment(value) is not None
    elif comparison.op in _PARTS and fields.field_type(comparison.field) is FieldType.TEXT:
        fits = isinstance(value, str)
    else:
        fits = fields.accepts(comparison.field, value)
    if not fits:
        yield Problem(
            f"“{_value_words(value)}” is no value that “{comparison.field} {comparison.op}” can be compared with.",
            f"Write {_looks_like(comparison)}.",
        )


def _looks_like(comparison: Comparison) -> str:
    if comparison.op in _ORDER:
        return FieldType.NUMBER.looks_like
    if comparison.op in _TIME:
        return FieldType.DATETIME.looks_like
    return fields.looks_like(comparison.field)
