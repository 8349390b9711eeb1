"""A flow file as the body of a request: YAML or JSON, read with the place of every problem."""

import asyncio
import json
from functools import lru_cache
from typing import Any

from fastapi import Request

from api.errors import Unprocessable, UnsupportedMediaType
from api.refusals import details
from flows.definition import Flow
from flows.loading import read
from flows.source import Media, Source, read_source

_MEDIA: dict[str, Media] = {
    "": "yaml",
    "application/json": "json",
    "application/yaml": "yaml",
    "application/x-yaml": "yaml",
    "text/yaml": "yaml",
    "text/x-yaml": "yaml",
    "text/plain": "yaml",
}

_TEXT = {"schema": {"type": "string", "description": "A flow file, docs/flow.schema.json."}}
REQUEST_BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "application/yaml": _TEXT,
            "application/json": {"schema": {"type": "object", "description": "A flow, docs/flow.schema.json."}},
        },
    }
}
"""For OpenAPI."""


async def read_flow(request: Request) -> tuple[Flow, str, Source]:
    """The flow, its text and its places. Raises Unprocessable with every problem, UnsupportedMediaType."""
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    media = _MEDIA.get(media_type)
    if media is None:
        raise UnsupportedMediaType(f"The body is {media_type}.", "Send application/yaml or application/json.")
    body = await request.body()
    loaded = await asyncio.to_thread(read, body, "", media)
    if loaded.flow is None:
        first = loaded.problems[0]
        raise Unprocessable("The flow cannot be read.", first.remedy, problems=details(loaded.problems))
    return loaded.flow, body.decode("utf-8-sig"), loaded.source


@lru_cache(maxsize=32)  # a stored version never changes, and reading YAML is most of what showing a flow costs
def places(text: str) -> Source:
    """The places of a stored flow file."""
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return read_source(text, "yaml")[0]
    return read_source(text, "json")[0]
