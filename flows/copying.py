"""A flow's file under another id: the text stays as it was written, but for the id and the name."""

import json
from collections.abc import Mapping

from ruamel.yaml import YAML
from ruamel.yaml.nodes import MappingNode, ScalarNode


def renamed(text: str, **values: str) -> str:
    """The text of a flow file with these top-level settings, such as `id` and `name`, put in place of its own."""
    try:
        data = json.loads(text)
    except ValueError:
        return _in_yaml(text, values)
    return json.dumps(data | values, ensure_ascii=False, indent=2) + "\n"


def _in_yaml(text: str, values: Mapping[str, str]) -> str:
    root = YAML(typ="safe", pure=True).compose(text)
    assert isinstance(root, MappingNode)  # it was read as a flow before
    left = dict(values)
    places = [
        (node.start_mark.index, node.end_mark.index, left.pop(key.value))
        for key, node in root.value
        if isinstance(key, ScalarNode) and key.value in left
    ]
    for start, end, value in sorted(places, reverse=True):
        text = text[:start] + _quoted(value) + text[end:]
    first = root.value[0][0].start_mark.index
    return text[:first] + "".join(f"{name}: {_quoted(value)}\n" for name, value in left.items()) + text[first:]


def _quoted(value: str) -> str:
    return json.dumps(value, ensure_ascii=False)
