"""A flow file read and printed. Whatever is wrong is a problem with line and column, never an exception (SAFE_5)."""

from dataclasses import dataclass
from io import StringIO
from typing import Any

from pydantic import ValidationError
from ruamel.yaml import YAML

from flows.definition import Flow
from flows.problems import Problem
from flows.source import Media, Source, read_source
from flows.wording import explained

_MOST_PROBLEMS = 100


@dataclass(frozen=True, slots=True)
class Loaded:
    """A file read: the flow if it can be understood, what is wrong with the text, and where each part of it stands.

    With a flow there are no problems here; what may be wrong with it all the same is for `flows.checks` to say.
    """

    flow: Flow | None
    problems: tuple[Problem, ...]
    source: Source


def read(text: str | bytes, name: str = "", media: Media | None = None) -> Loaded:
    """Reads a flow file. YAML unless `media` or the file's `name` says JSON. Never raises, whatever the text."""
    source, problems = read_source(text, media or ("json" if name.endswith(".json") else "yaml"))
    if not problems:
        try:
            return Loaded(_flow(source.data), (), source)
        except _NoFlowError as error:
            problems = [error.problem]
        except ValidationError as error:
            problems = explained(error, source.data)
    placed = sorted(
        (source.placed(problem) for problem in problems), key=lambda problem: (problem.line, problem.column)
    )
    return Loaded(None, tuple(placed[:_MOST_PROBLEMS]), source)


class _NoFlowError(Exception):
    """The file holds something else."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.what)
        self.problem = problem


def _flow(data: object) -> Flow:
    if data is None:
        raise _NoFlowError(Problem("The file is empty.", "Write a flow: at least id and steps.", line=1, column=1))
    if not isinstance(data, dict):
        raise _NoFlowError(Problem("This is not a flow.", "A flow is a group of settings such as id, name and steps."))
    return Flow.model_validate(data)


def dump(flow: Flow) -> str:
    """The flow as YAML, what is as by default left out. Reading it gives an equal flow."""
    printer: Any = YAML(typ="safe", pure=True)
    printer.default_flow_style = False
    printer.allow_unicode = True
    printer.sort_base_mapping_type_on_output = False
    printer.width = 120
    text = StringIO()
    printer.dump(flow.model_dump(mode="json", by_alias=True, exclude_defaults=True), text)
    return text.getvalue()
