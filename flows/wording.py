"""What pydantic finds wrong with a flow file, in our own words: what, where, and how to mend it (SAFE_5)."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from flows.catalog import suggestion
from flows.model import ID
from flows.problems import Place, Problem
from flows.schema import schema

Schema = Mapping[str, Any]

_SENTENCES = re.compile(r"(?<=[.”])\s+(?=(?:Write|Use|Choose|Give|Add|Remove)\b)")


def explained(error: ValidationError, data: object) -> list[Problem]:
    """The problems behind a validation error of a flow read from `data`, one for each cause, in the file's order."""
    found: dict[Place, Problem] = {}
    for detail in error.errors(include_url=False):
        place, here = _place(detail["loc"], data)
        problem = _problem(detail, place, here, data)
        found.setdefault(problem.where, problem)
    return list(found.values())


def what_and_remedy(error: ValueError) -> tuple[str, str]:
    """What is wrong, and what to do (empty if it does not say), of an error of ours that a value has raised."""
    what, *remedy = _SENTENCES.split(str(error), maxsplit=1)
    return what, remedy[0] if remedy else ""


def _place(loc: tuple[int | str, ...], data: object) -> tuple[Place, object]:
    """The place in the file, and what stands there. Parts of `loc` that are not in the file are pydantic's own."""
    place: list[str | int] = []
    here: Any = data
    for part in loc:
        in_list = isinstance(here, list) and isinstance(part, int) and part < len(here)
        if in_list or (isinstance(here, dict) and part in here):
            here = here[part]
            place.append(part)
    return tuple(place), here


def _problem(detail: ErrorDetails, place: Place, here: object, data: object) -> Problem:
    name = _name(place)
    match detail["type"]:
        case "missing":
            key = str(detail["loc"][-1])
            return Problem(
                f"“{key}” is missing.", f"Add {key}. {_help(_at((*place, key), data))}".strip(), (*place, key)
            )
        case "extra_forbidden":
            return _unknown_key(place, data)
        case "union_tag_invalid" | "union_tag_not_found":
            return _kind(place, here, data)
        case "condition":
            remedy = "Write {field: …, op: …, value: …}, {member_of: …}, or a group {all: […]}, {any: […]}, {not: …}."
            return Problem(f"“{name}” is not a condition.", remedy, place)
        case "literal_error" | "enum":
            choices = [str(choice) for node in _at(place, data) for choice in node.get("enum", ())]
            choices = choices or re.findall(r"'([^']*)'", str(detail.get("ctx", {}).get("expected", "")))
            remedy = f"{suggestion(str(here), choices)}Possible are {', '.join(choices)}."
            return Problem(f"“{name}” cannot be {_shown(here)}.", remedy, place)
        case "value_error":
            what, remedy = what_and_remedy(detail["ctx"]["error"])
            return Problem(f"{name}: {what}", remedy or _help(_at(place, data)), place)
        case "string_pattern_mismatch":
            remedy = (
                "Use up to 100 letters a to z, digits, hyphens, dots and underscores; begin with a letter or digit."
            )
            if detail["ctx"]["pattern"] != ID:
                remedy = _help(_at(place, data)) or f"Write it in the form {detail['ctx']['pattern']}."
            return Problem(f"“{name}” cannot be {_shown(here)}.", remedy, place)
        case "string_type" if isinstance(here, bool | int | float):
            return Problem(f"“{name}” has to be text, not {_shown(here)}.", "Put it in quotes.", place)
    if not isinstance(here, dict) and any(_const(node, "kind") for node in _at(place, data)):
        return _kind(place, here, data)
    said = detail["msg"].removeprefix("Input should be ").removeprefix("Value error, ")
    expected = _EXPECTED.get(detail["type"], said)
    remedy = _help(_at(place, data)) or f"Write {expected}."
    return Problem(f"“{name}” has to be {expected}, not {_shown(here)}.", remedy, place)


_EXPECTED = {
    "model_type": "a group of settings",
    "model_attributes_type": "a group of settings",
    "dict_type": "a group of settings",
    "list_type": "a list",
    "tuple_type": "a list",
    "string_type": "text",
    "bool_type": "true or false",
    "bool_parsing": "true or false",
    "int_type": "a whole number",
    "int_parsing": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "float_parsing": "a number",
    "date_type": "a date such as 2026-12-31",
    "date_parsing": "a date such as 2026-12-31",
    "date_from_datetime_parsing": "a date such as 2026-12-31",
    "date_from_datetime_inexact": "a date such as 2026-12-31",
    "condition_value": "text, a number, true or false, or a list of such",
}


def _unknown_key(place: Place, data: object) -> Problem:
    key = str(place[-1])
    around = _at(place[:-1], data)
    allowed = sorted({name for node in around for name in node.get("properties", {})})
    owner = next((str(part) for part in reversed(place[:-1]) if isinstance(part, str)), "")
    kind = _value(place[:-1], data)
    if isinstance(kind, dict) and isinstance(kind.get("kind"), str):
        owner = kind["kind"]
    remedy = f"{suggestion(key, allowed)}Possible here are {', '.join(allowed)}."
    return Problem(f"There is no setting “{key}”{f' in {owner}' if owner else ''}.", remedy, place)


def _kind(place: Place, here: object, data: object) -> Problem:
    kinds = [kind for node in _at(place, data) if (kind := _const(node, "kind"))]
    possible = f"Possible kinds are {', '.join(kinds)}."
    if not isinstance(here, dict):
        return Problem(f"A step is a group of settings, not {_shown(here)}.", f"Write id and kind. {possible}", place)
    if "kind" not in here:
        return Problem("The step has no kind.", f"Add kind. {possible}", (*place, "kind"))
    kind = here["kind"]
    remedy = f"{suggestion(str(kind), kinds)}{possible}"
    return Problem(f"There is no kind of step {_shown(kind)}.", remedy, (*place, "kind"))


def _name(place: Place) -> str:
    """What a person calls the place: `within`, or `actions, entry 2`."""
    named = next((index for index in reversed(range(len(place))) if isinstance(place[index], str)), None)
    if named is None:
        return "flow"
    return ", entry ".join([str(place[named]), *(str(int(number) + 1) for number in place[named + 1 :])])


def _shown(value: object) -> str:
    match value:
        case None:
            return "empty"
        case dict():
            return "a group of settings"
        case list():
            return "a list"
        case str():
            return f"“{value}”" if len(value) <= 60 else f"“{value[:60]}…”"
    return json.dumps(value)


def _value(place: Place, data: object) -> object:
    return _place(place, data)[1]


def _help(nodes: Sequence[Schema]) -> str:
    """What the schema says about a setting: its description, and an example."""
    for node in nodes[:1]:
        if "description" in node:
            example = next((each for each in node.get("examples", ()) if isinstance(each, str)), None)
            return str(node["description"]) + (f" For example: {example}" if example else "")
    return ""


def _at(place: Place, data: object) -> list[Schema]:
    """What the schema says about a place of the file: every alternative that fits what is around it."""
    nodes: list[Schema] = [schema()]
    here = data
    for part in place:
        nodes = [inner for node in _fitting(nodes, here) for inner in _inside(node, part)]
        inside, here = _place((part,), here)
        here = here if inside else None
    return _fitting(nodes, here)


def _fitting(nodes: Sequence[Schema], here: object) -> list[Schema]:
    """The nodes with their alternatives resolved; among groups of settings, those most like what is there."""
    plain = [each for node in nodes for each in _resolved(node)]
    if not isinstance(here, dict):
        return plain
    groups = [each for each in plain if "properties" in each and _const(each, "kind") in (None, here.get("kind"))]
    if not groups:
        return plain
    most = max(len(here.keys() & each["properties"].keys()) for each in groups)
    return [each for each in groups if len(here.keys() & each["properties"].keys()) == most]


def _resolved(node: Schema) -> Iterator[Schema]:
    """The node itself if it says something of its own, and whatever it stands for."""
    if "properties" in node or "type" in node or "description" in node:
        yield node
    if "$ref" in node:
        yield from _resolved(schema()["$defs"][node["$ref"].removeprefix("#/$defs/")])
    for choice in (*node.get("anyOf", ()), *node.get("oneOf", ())):
        yield from _resolved(choice)


def _inside(node: Schema, part: str | int) -> Iterator[Schema]:
    if isinstance(part, int):
        if "items" in node:
            yield node["items"]
    elif part in node.get("properties", {}):
        yield node["properties"][part]
    elif isinstance(node.get("additionalProperties"), dict):
        yield node["additionalProperties"]


def _const(node: Schema, key: str) -> str | None:
    value = node.get("properties", {}).get(key, {}).get("const")
    return str(value) if value is not None else None
