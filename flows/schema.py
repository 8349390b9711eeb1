"""The JSON Schema of the flow file, made from the models: an editor completes and explains with it.

`python -m flows.schema` prints it; docs/flow.schema.json is kept equal to it by a test.
"""

import json
from functools import cache
from typing import Any

from flows.definition import Flow


@cache
def schema() -> dict[str, Any]:
    """JSON Schema 2020-12 of a flow file."""
    made = Flow.model_json_schema(by_alias=True, mode="validation")
    definitions = made.pop("$defs")
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
