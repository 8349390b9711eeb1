"""The JSON Schema of the flow file, made from the models: an editor completes and explains with it.

`python -m flows.schema` prints it; docs/flow.schema.json is kept equal to it by a test.
"""

import json
from functools import cache
from typing import Any

from flows.definition import Flow


@cache
def schema() -> dict[str, Any]:
    """JSON Schema 2020-12 of a flow file. Kinds of step that this version does not have are left out."""
    made = Flow.model_json_schema(by_alias=True, mode="validation")
    definitions = made.pop("$defs")
    unavailable = definitions.pop("Unavailable")["properties"]["kind"]["enum"]
    for model in definitions.values():
        _without(model, unavailable)
    _without(made, unavailable)
    for model in (made, *definitions.values()):
        for field in model.get("properties", {}).values():
            _explain(field, definitions)
    made.pop("title")
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": "urn:ferd:flow",
        "title": "A flow of ferd",
        **made,
        "$defs": definitions,
    }


def _without(model: dict[str, Any], kinds: list[str]) -> None:
    """Leave kinds out of the lists of steps."""
    for field in model.get("properties", {}).values():
        choice = field.get("items", {})
        if choice.get("discriminator", {}).get("propertyName") == "kind":
            mapping = {kind: ref for kind, ref in choice["discriminator"]["mapping"].items() if kind not in kinds}
            field["items"] = {
                "oneOf": [{"$ref": ref} for ref in mapping.values()],
                "discriminator": {"propertyName": "kind", "mapping": mapping},
            }


def _explain(field: dict[str, Any], definitions: dict[str, Any]) -> None:
    """Repeat at the field what its model says of itself, where pydantic leaves that out as redundant."""
    if "$ref" in field:
        model = definitions[field["$ref"].removeprefix("#/$defs/")]
        field.setdefault("title", model["title"])
        field.setdefault("description", model["description"])


def dumps() -> str:
    """The schema as the text of its file."""
    return json.dumps(schema(), indent=2, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    print(dumps(), end="")
