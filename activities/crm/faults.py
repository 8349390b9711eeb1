"""What is wrong with data that somebody gave: where, what, and how to mend it (SAFE_5)."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

from pydantic import BaseModel, ValidationError

from flows.wording import what_and_remedy

_REMEDIES = {
    "missing": "Add it.",
    "extra_forbidden": "Remove it.",
    "json_invalid": "Send valid JSON.",
    "string_type": "Write text, in quotes.",
    "bool_type": "Write true or false.",
    "bool_parsing": "Write true or false.",
    "int_type": "Write a whole number.",
    "int_parsing": "Write a whole number.",
    "list_type": "Write a list.",
    "dict_type": "Write an object.",
    "model_attributes_type": "Write a JSON object.",
    "literal_error": "Write one of these.",
    "string_pattern_mismatch": "Write it in this form.",
    "string_too_long": "Shorten it.",
    "string_too_short": "Write something.",
    "too_long": "Send fewer at a time.",
    "too_short": "Give at least one.",
}


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing wrong: `where` is the path in the data, ("consent", "email")."""

    what: str
    remedy: str
    where: tuple[str | int, ...] = ()

    @property
    def pointer(self) -> str:
        """The place as a JSON pointer (RFC 6901)."""
        return "".join("/" + str(part).replace("~", "~0").replace("/", "~1") for part in self.where)


class CrmError(Exception):
    """Root of what the CRM answers when it cannot do what was asked; nothing was changed.

    CrmError
    ├── Missing    there is no such thing
    │   └── Moved  …any more: it was merged into another
    ├── Conflict   it contradicts what is there
    └── Refused    the data is wrong; `faults` say where
    """

    def __init__(self, what: str, remedy: str) -> None:
        super().__init__(what)
        self.what = what
        self.remedy = remedy


class Missing(CrmError):
    """There is no such thing."""

    def __init__(self, kind: str, id: str) -> None:
        super().__init__(f"There is no {kind} {id}.", f"Check the id, or create the {kind}.")


class Moved(Missing):
    """It was merged into another (PART_9)."""

    def __init__(self, kind: str, id: str, into: str) -> None:
        super().__init__(kind, id)
        self.what, self.remedy, self.into = f"The {kind} {id} was merged into {into}.", f"Ask for {into}.", into


class Conflict(CrmError):
    """It contradicts what is there."""


class Refused(CrmError):
    """The data is wrong."""

    def __init__(self, faults: Sequence[Fault]) -> None:
        super().__init__(faults[0].what, faults[0].remedy)
        self.faults = tuple(faults)


def faults(error: ValidationError, model: type[BaseModel] | None = None, data: object = None) -> list[Fault]:
    """pydantic's errors in our words; `data` is what was given, where the model has parts of several kinds."""
    return [fault(one, model, data) for one in error.errors(include_url=False, include_input=False)]


def fault(error: Mapping[str, Any], model: type[BaseModel] | None = None, data: object = None) -> Fault:
    """One of pydantic's errors in our words; `model` knows the names that exist, for "did you mean"."""
    kind, where = error["type"], _place(error, data)
    remedy = error.get("ctx", {}).get("remedy") or _REMEDIES.get(kind, "Mend the value.")
    if kind == "extra_forbidden":
        what = f"There is no field “{where[-1]}”."
        near = get_close_matches(str(where[-1]), _names(model), 1)
        remedy = f"Did you mean “{near[0]}”?" if near else remedy
    elif kind == "missing":
        what = "A required value is missing."
    elif kind == "value_error":
        what, advice = what_and_remedy(error["ctx"]["error"])
        remedy = advice or remedy
    else:
        message: str = error["msg"]
        what = message[:1].upper() + message[1:].rstrip(".") + "."
    return Fault(what, remedy, where)


def _place(error: Mapping[str, Any], data: object) -> tuple[str | int, ...]:
    """The place in the data: parts that are not in it are pydantic's own, but for the name of what is missing."""
    loc = tuple(error["loc"])
    if not isinstance(data, dict | list):
        return loc
    place: list[str | int] = []
    here: Any = data
    for part in loc:
        if (isinstance(here, list) and isinstance(part, int) and part < len(here)) or (
            isinstance(here, dict) and part in here
        ):
            here = here[part]
            place.append(part)
    return (*place, loc[-1]) if error["type"] == "missing" and loc else tuple(place)


def _names(model: type[BaseModel] | None) -> Iterable[str]:
    return model.model_fields if model else ()
