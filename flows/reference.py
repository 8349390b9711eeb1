"""The reference of steps, made from the models: every kind, each of its settings, what comes of it.

python -m flows.reference > docs/steps.md
"""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, get_args

from flows.schema import schema
from flows.steps import Step
from flows.steps.base import Action, BaseStep, Message, Sending

_SHARED = ("id", "kind", "name")
_REF = re.compile(r"^#/\$defs/")


def reference() -> str:
    """The page, as Markdown."""
    return "\n".join(_lines()) + "\n"


def _lines() -> Iterator[str]:
    models = schema()["$defs"]
    kinds = {_kind(model): model for model in _models() if model.__name__ in models}
    yield "# Steps"
    yield ""
    yield "Every kind of step with its settings. Each step also has an `id` of its own in the flow, its `kind`, and"
    yield "perhaps a `name`: a short label for people, shown with the numbers and in the Temporal UI."
    yield "Made from the models by `python -m flows.reference`."
    yield ""
    for kind in kinds:
        yield f"* [{kind}](#{kind})"
    parts: dict[str, None] = {}
    for kind, model in kinds.items():
        known = models[model.__name__]
        yield from ("", f"## {kind}", "", known["description"], "")
        yield from _settings(known, parts)
        yield from ("", f"**Outcomes.** {' '.join(_outcomes(model))}")
    yield from ("", "## Groups of settings")
    told: set[str] = set()
    while rest := [name for name in parts if name not in told]:
        for name in rest:
            told.add(name)
            yield from ("", f"### {name}", "", models[name].get("description", ""), "")
            yield from _settings(models[name], parts)


def _models() -> Iterator[type[BaseStep]]:
    yield from get_args(get_args(Step)[0])


def _kind(model: type[BaseStep]) -> str:
    return str(get_args(model.model_fields["kind"].annotation)[0])


def _settings(model: Mapping[str, Any], parts: dict[str, None]) -> Iterator[str]:
    if "properties" not in model:
        yield f"Written as {_type(model, parts)}."
        return
    required = model.get("required", ())
    yield "| setting | written as | default | description |"
    yield "|---|---|---|---|"
    for name, field in model["properties"].items():
        if name not in _SHARED:
            default = "required" if name in required else _default(field)
            description = field.get("description", "") + _examples(field)
            yield f"| `{name}` | {_cell(_type(field, parts))} | {default} | {_cell(description)} |"


def _type(field: Mapping[str, Any], parts: dict[str, None]) -> str:
    """A field's type in words; groups of settings that it names are noted in `parts`."""
    if "$ref" in field:
        name = _REF.sub("", field["$ref"])
        known = schema()["$defs"][name]
        if "enum" in known:
            return _choices(known["enum"])
        parts[name] = None
        return f"[{name}](#{name.lower()})"
    if "const" in field:
        return _choices([field["const"]])
    if "enum" in field:
        return _choices(field["enum"])
    options = field.get("anyOf") or field.get("oneOf")
    if options:
        if "discriminator" in field:
            return "a step"
        words = [_type(option, parts) for option in options if option.get("type") != "null"]
        return " or ".join(dict.fromkeys(words))
    kind = field.get("type")
    if kind == "array":
        entry = _type(field.get("items", {}), parts)
        return "a list of steps" if entry == "a step" else f"a list: {entry}"
    if kind == "object":
        inner = field.get("additionalProperties")
        return f"names, each with {_type(inner, parts)}" if isinstance(inner, dict) else "a group"
    return {"string": "text", "integer": "a whole number", "number": "a number", "boolean": "true or false"}.get(
        str(kind), "anything"
    )


def _choices(values: list[Any]) -> str:
    return " or ".join(f"`{value}`" for value in values)


def _default(field: Mapping[str, Any]) -> str:
    if field.get("default") in (None, ""):
        return ""
    return f"`{json.dumps(field['default'], ensure_ascii=False).strip(chr(34))}`"


def _examples(field: Mapping[str, Any]) -> str:
    found = field.get("examples")
    return f" Example: `{json.dumps(found[0], ensure_ascii=False)}`" if found else ""


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


def _outcomes(model: type[BaseStep]) -> Iterator[str]:
    if not issubclass(model, Action):
        yield "It has no effect of its own: the participant goes on, waits, takes a branch or leaves, as its settings"
        yield "say, and the journal says why."
        return
    yield "*Done*: on to the next step."
    if issubclass(model, Message):
        yield "*Dropped out*, with the reason, where consent, an address or a number is missing, or the address is"
        yield "blocked or active through another person (PART_2)."
        yield "*Later, or skipped*: outside the sending window (STEP_19), or over the cap (STEP_21)."
    elif issubclass(model, Sending):
        yield "Sending window and cap are for messages to the person, and so not for this one."
    if issubclass(model, Sending):
        yield "*Later*: over the throttle (STEP_20)."
    yield "*Not possible*: `on_error` decides; a fault that passes is first tried again for a day, pauses not counted."
    yield "*Unknown whether it happened*: `on_unknown` decides, and it stands in the attention list (SAFE_2)."


if __name__ == "__main__":
    print(reference(), end="")
