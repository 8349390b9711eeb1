"""The text of a YAML or JSON file as plain data, with the line and column of every part.

YAML 1.2, core schema: `NO` and `08:00` are text, dates are text too. Nothing in a file makes an object or runs code;
tags, keys that are not text, repeated keys and files that unfold to something huge are problems (SAFE_5).
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from ruamel.yaml import YAML
from ruamel.yaml.composer import Composer
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode
from ruamel.yaml.reader import ReaderError

from flows.problems import Place, Problem

Media = Literal["yaml", "json"]

LARGEST = 1024 * 1024
"""Bytes that a file may have."""

_MOST_NODES = 30_000
_DEEPEST = 60

_STANDARD_TAGS = {
    f"tag:yaml.org,2002:{name}" for name in ("map", "seq", "str", "int", "float", "bool", "null", "timestamp", "merge")
}
_TEXT_TAG = "tag:yaml.org,2002:str"
_NULL = {"", "~", "null", "Null", "NULL"}
_FLAGS = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}
_INTEGER = re.compile(r"[-+]?[0-9]{1,300}")
_OCTAL_OR_HEX = re.compile(r"0o[0-7]{1,100}|0x[0-9a-fA-F]{1,100}")
_NUMBER = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_NO_NUMBER = re.compile(r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)")


@dataclass(frozen=True, slots=True)
class Source:
    """What a file says, and where each part of it stands: place -> line and column, from one."""

    data: object = None
    positions: Mapping[Place, tuple[int, int]] = field(default_factory=dict)

    def position(self, place: Place) -> tuple[int, int]:
        """Line and column of a place, or of the nearest part around it that is in the file; 0, 0 if there is none."""
        for end in range(len(place), -1, -1):
            if found := self.positions.get(place[:end]):
                return found
        return 0, 0

    def placed(self, problem: Problem) -> Problem:
        """The problem with its line and column."""
        return problem if problem.line else problem.at(*self.position(problem.where))


def read_source(text: str | bytes, media: Media | None = None) -> tuple[Source, list[Problem]]:
    """The data of a file and what is wrong with its text. Never raises; with problems the data may be incomplete."""
    raw = text if isinstance(text, bytes) else text.encode("utf-8", "surrogatepass")
    if len(raw) > LARGEST:
        return Source(), [Problem("The file is larger than 1 MiB.", "Divide it, or move long texts into contents.")]
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        what = "The file is not UTF-8 text."
        return Source(), [Problem(what, "Save it with the encoding UTF-8.", line=line, column=1)]
    if media == "json":
        try:
            json.loads(text)
        except (ValueError, RecursionError) as error:
            return Source(), [_json_problem(error)]
        # JSON may be indented with tabs, YAML may not; inside its strings JSON has none.
        text = text.replace("\t", " ")
    return _Reader().read(text)


def _json_problem(error: ValueError | RecursionError) -> Problem:
    if isinstance(error, json.JSONDecodeError):
        return Problem(f"This is not JSON: {error.msg}.", "Mend it here.", line=error.lineno, column=error.colno)
    return Problem("This JSON cannot be read.", "Nest it less, and write shorter numbers.", line=1, column=1)


class _Reader:
    """Reads one text; collects problems and positions on the way."""

    def __init__(self) -> None:
        self._problems: list[Problem] = []
        self._positions: dict[Place, tuple[int, int]] = {}
        self._nodes = 0

    def read(self, text: str) -> tuple[Source, list[Problem]]:
        try:
            node = _compose(text)
            data = None if node is None else self._value(node, ())
        except _TooMuchError:
            self._problems.append(
                Problem("The file unfolds to too much.", "Nest it less, and use fewer aliases.", line=1, column=1)
            )
            data = None
        except (YAMLError, ValueError, RecursionError, IndexError) as error:
            self._problems.append(_yaml_problem(error, text))
            data = None
        return Source(data, self._positions), self._problems

    def _value(self, node: Node, place: Place) -> object:
        self._nodes += 1
        if self._nodes > _MOST_NODES or len(place) > _DEEPEST:
            raise _TooMuchError
        self._positions.setdefault(place, _start(node))
        if node.tag not in _STANDARD_TAGS:
            self._problem(f"The tag {node.tag} has no meaning here.", "Remove the tag.", place)
        if isinstance(node, MappingNode):
            return self._mapping(node, place)
        if isinstance(node, SequenceNode):
            return [self._value(item, (*place, index)) for index, item in enumerate(node.value)]
        return self._scalar(node, place) if isinstance(node, ScalarNode) else None

    def _mapping(self, node: MappingNode, place: Place) -> dict[str, object]:
        values: dict[str, object] = {}
        for key_node, value_node in node.value:
            if not isinstance(key_node, ScalarNode):
                remedy = "Write a name before the colon; put text in quotes that begins with { or [."
                self._problem("A key is a list or a group of settings.", remedy, place, key_node)
                continue
            key = self._text(key_node.value, place)
            if key in values:
                line, _ = self._positions[(*place, key)]
                what = f"“{key}” is given twice, first in line {line}."
                self._problem(what, "Keep one of them.", (*place, key), key_node)
                continue
            self._positions[(*place, key)] = _start(key_node)
            values[key] = self._value(value_node, (*place, key))
        return values

    def _scalar(self, node: ScalarNode, place: Place) -> object:
        written: str = node.value
        if node.style is not None or (node.tag == _TEXT_TAG and written):
            return self._text(written, place)
        if written in _NULL:
            return None
        if written in _FLAGS:
            return _FLAGS[written]
        if _INTEGER.fullmatch(written):
            return int(written)
        if _OCTAL_OR_HEX.fullmatch(written):
            return int(written, 0)
        if _NO_NUMBER.fullmatch(written) or (_NUMBER.fullmatch(written) and abs(float(written)) == float("inf")):
            what = f"{written[:40]} is not a number that can be used."
            self._problem(what, "Write a number, or text in quotes.", place)
            return None
        return float(written) if _NUMBER.fullmatch(written) else self._text(written, place)

    def _text(self, written: str, place: Place) -> str:
        """JSON writes an emoji as two escapes, which are one character; halves and NUL cannot be stored."""
        text = written.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
        if "\0" in text or text.count("\ufffd") > written.count("\ufffd"):
            self._problem("This text holds a character that cannot be stored.", "Remove it.", place)
        return text

    def _problem(self, what: str, remedy: str, place: Place, node: Node | None = None) -> None:
        if any(known.where == place for known in self._problems):
            return  # one for each place: two keys of a group are at the same
        line, column = _start(node) if node is not None else self._positions.get(place, (0, 0))
        self._problems.append(Problem(what, remedy, place, line=line, column=column))


class _TooMuchError(Exception):
    """More nodes or deeper nesting than any flow has, as in a file of aliases to aliases."""


class _Composer(Composer):
    """Stops early, because reading a hostile file to its end can take half a minute."""

    def __init__(self, loader: Any = None) -> None:
        super().__init__(loader=loader)
        self.warn_double_anchors = False
        self._nodes = self._depth = 0

    def compose_node(self, parent: Any, index: Any) -> Node | None:
        self._nodes += 1
        self._depth += 1
        if self._nodes > _MOST_NODES or self._depth > _DEEPEST + 2:
            raise _TooMuchError
        node: Node | None = super().compose_node(parent, index)
        self._depth -= 1
        return node


def _compose(text: str) -> Node | None:
    reader = YAML(typ="safe", pure=True)
    reader.Composer = _Composer
    node: Node | None = reader.compose(text)
    return node


def _start(node: Node) -> tuple[int, int]:
    return node.start_mark.line + 1, node.start_mark.column + 1


def _yaml_problem(error: Exception, text: str) -> Problem:
    line, column, why = 1, 1, "it is nested too deeply"
    if isinstance(error, MarkedYAMLError):
        mark = error.problem_mark or error.context_mark
        if mark is not None:
            line, column = mark.line + 1, mark.column + 1
        why = " ".join(str(part) for part in (error.context, error.problem) if part)
    elif isinstance(error, ReaderError):
        before = text[: error.position]
        line, column = before.count("\n") + 1, error.position - (before.rfind("\n") + 1) + 1
        why = "it holds a character that YAML does not allow"
    elif isinstance(error, ValueError):
        why = str(error)
    remedy = "Mend it here: look for a missing colon, quote or bracket, and at the indentation, which is blanks only."
    return Problem(f"This is not YAML: {why}.", remedy, line=line, column=column)
