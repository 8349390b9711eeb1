"""JSON from outside that is kept as it is."""

from math import isfinite
from typing import Any

_DEEPEST = 20


def storable(value: Any, deep: int = _DEEPEST) -> bool:
    """Whether both databases can keep it: no NUL, no half characters, no NaN, not nested too deeply."""
    match value:
        case str():
            return "\0" not in value and not any("\ud800" <= letter <= "\udfff" for letter in value)
        case float():
            return isfinite(value)
        case dict():
            return deep > 0 and all(storable(name) and storable(each, deep - 1) for name, each in value.items())
        case list():
            return deep > 0 and all(storable(each, deep - 1) for each in value)
    return True
