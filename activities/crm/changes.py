"""Changes of fields that a step asks for: all of them or none (STEP_3)."""

from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal, InvalidOperation
from typing import Any

from flows import fields
from flows.ports import FieldChange, NotDone

_PEOPLE_AND_COMPANIES = ("person", "company", "owner")


def apply(changes: Sequence[FieldChange], known: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    """What to write, as changes in the way of RFC 7396: {"person": {"custom": {"score": 12}}, "company": {…}}.

    `known` holds the fields as they are, under person, company and owner; each change sees those before it. Raises
    NotDone if a change cannot be made.
    """
    now = {root: _copied(values) for root, values in known.items()}
    written: dict[str, dict[str, Any]] = {}
    for change in changes:
        root, *path = change.field.split(".")
        if not fields.changeable(change.field) or not path:
            raise _refused(change, "a flow cannot change it")
        if not now.get(root):
            raise _refused(change, f"the person has no {root}")
        value = _changed(change, fields.value(now, change.field), now)
        _put(now[root], path, value)
        # `unsubscribed` and the like are derived: only what was asked for is written.
        _put(written.setdefault(root, {}), path, value)
    return written


def _changed(change: FieldChange, before: Any, known: Mapping[str, Any]) -> Any:
    match change.change:
        case "set":
            return _plain(change.value)
        case "clear":
            return [] if isinstance(before, list) else False if isinstance(before, bool) else None
        case "copy":
            source = str(change.value)
            if source.partition(".")[0] not in _PEOPLE_AND_COMPANIES:
                raise _refused(change, "only fields of the person, the company and the owner can be copied")
            return _plain(fields.value(known, source))
        case "add" | "remove":
            entries = _entries(change.value)
            here = _entries(before)
            if change.change == "add":
                return [*here, *(entry for entry in entries if entry not in here)]
            return [entry for entry in here if entry not in entries]
        case "increase" | "decrease":
            by = _number(change, change.value)
            sign = 1 if change.change == "increase" else -1
            return _plain_number(_number(change, before if before not in (None, "") else 0) + sign * by)


def _number(change: FieldChange, value: Any) -> Decimal:
    try:
        number = Decimal("none" if isinstance(value, bool) else str(value))
    except InvalidOperation:
        number = Decimal("nan")
    if not number.is_finite():
        raise _refused(change, "it does not hold a number")
    return number


def _plain_number(number: Decimal) -> int | float:
    return int(number) if number == number.to_integral_value() else float(number)


def _entries(value: Any) -> list[Any]:
    if value in (None, ""):
        return []
    return list(value) if isinstance(value, list | tuple) else [value]


def _plain(value: Any) -> Any:
    if isinstance(value, date):
        return value.isoformat()
    return list(value) if isinstance(value, tuple) else value


def _copied(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: _copied(value) if isinstance(value, Mapping) else value for name, value in values.items()}


def _put(values: dict[str, Any], path: Sequence[str], value: Any) -> None:
    *outer, last = path
    for name in outer:
        values = values.setdefault(name, {})
    values[last] = value


def _refused(change: FieldChange, why: str) -> NotDone:
    return NotDone(f"{change.field} cannot be changed ({change.change}): {why}", retryable=False)
