"""How SuperOffice writes values: user-defined and extra fields as typed text, list items by their numbers.

`CustomFields` holds `[I:23]`, `[F:1.5]`, `[D:…]`, `[DT:…]` or plain text under each field's programmatic name, and
beside it entries whose names end in `:DisplayText`, `:DisplayTooltip` and `:org` (the last are what it was before).
"""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from flows.ports import NotDone

_TYPED = re.compile(r"^\[(I|F|D|DT):(.*)\]$")
_BESIDE = (":DisplayText", ":DisplayTooltip", ":org")
_TEXT = ":DisplayText"
_MOMENTS = ("%m/%d/%Y %H:%M:%S", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%d")


def own_name(theirs: str) -> str:
    """A custom field's name here: what is no letter, digit or _ is a `_`, as in `SuperOffice_1`."""
    return re.sub(r"\W", "_", theirs)


def custom_of(entity: Mapping[str, Any]) -> dict[str, Any]:
    """The custom fields of a person or company there, by their names here. Of a list item it is its text."""
    theirs = entity.get("CustomFields") or {}
    read = {name: decoded(value) for name, value in theirs.items() if not name.endswith(_BESIDE)}
    texts = {name: theirs.get(name + _TEXT) for name, value in read.items() if isinstance(value, int)}
    return {own_name(name): texts.get(name) or value for name, value in read.items()}


def their_name(entity: Mapping[str, Any], own: str) -> str:
    """The name there of a custom field, which is what the entity has. Raises NotDone."""
    for name in entity.get("CustomFields") or {}:
        if not name.endswith(_BESIDE) and own_name(name) == own:
            return str(name)
    raise NotDone(f"SuperOffice has no user-defined or extra field {own} here.", retryable=False)


def is_list(entity: Mapping[str, Any], theirs: str) -> bool:
    """Whether the field may hold an item of a list: a number with a text beside it, which may be empty."""
    fields = entity.get("CustomFields") or {}
    return theirs + _TEXT in fields and isinstance(decoded(fields.get(theirs)), int)


def decoded(value: Any) -> Any:
    """`[I:23]` is 23; what has no type is itself, and the year 1 is nothing."""
    found = _TYPED.match(value) if isinstance(value, str) else None
    if found is None:
        return value
    kind, text = found.groups()
    if kind == "I":
        return int(text)
    if kind == "F":
        return float(text)
    moment = _moment(text)
    if moment is None or moment.year == 1:
        return None
    return moment.date().isoformat() if kind == "D" else moment.isoformat()


def encoded(value: Any, like: Any) -> Any:
    """A value in the way in which the field's value now is written."""
    found = _TYPED.match(like) if isinstance(like, str) else None
    if found is None:
        return value
    kind = found.group(1)
    if value is None:
        return {"I": "[I:0]", "F": "[F:0]"}.get(kind, f"[{kind}:01/01/0001 00:00:00.0000000]")
    if kind == "I":
        return f"[I:{int(value)}]"
    if kind == "F":
        return f"[F:{float(value)}]"
    moment = datetime.fromisoformat(str(value))
    return f"[{kind}:{moment:%m/%d/%Y %H:%M:%S}.0000000]"


def _moment(text: str) -> datetime | None:
    for form in _MOMENTS:
        try:
            return datetime.strptime(text.partition(".")[0], form).replace(tzinfo=UTC)
        except ValueError:
            continue
    return None
