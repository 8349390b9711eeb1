"""Merge tags: Liquid templates of subjects, mails and titles, checked when saved and bounded when rendered.

Which Liquid it is, and its limits, is in `flows.dialect`. A missing value renders as empty text, or as what the filter
`default` gives; a name that does not exist is an error.
"""

import re
from collections.abc import Iterator, Mapping
from datetime import UTC, tzinfo
from difflib import get_close_matches
from functools import lru_cache
from typing import NoReturn

from liquid.exceptions import LiquidError, LiquidSyntaxError, ResourceLimitError, UndefinedError, UnknownFilterError
from liquid.static_analysis import Segments

from flows import fields
from flows.dialect import Environment, Template
from flows.problems import Problem

ROOTS = ("person", "company", "owner", "participant", "flow", "event", "form", "links", "unsubscribe_url")
"""What a merge tag may start with."""

_MORE_FIELDS = ("flow.id", "flow.name", "unsubscribe_url")
_PROPERTIES = ("size", "first", "last")
_EMPTY: Mapping[str, object] = {root: "" if root == "unsubscribe_url" else {} for root in ROOTS}
_ENVIRONMENTS = {html: Environment(autoescape=html) for html in (True, False)}
_BREAKS = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]+")


class TemplateError(ValueError):
    """A template that cannot be read or rendered. `line` and `column` count from one within it; 0: not known.

    `what` is a sentence without any merge value, so that it can be logged (SAFE_4).
    """

    def __init__(self, what: str, line: int = 0, column: int = 0) -> None:
        super().__init__(what)
        self.what, self.line, self.column = what, line, column


def render(source: str, values: Mapping[str, object], *, html: bool, zone: tzinfo = UTC) -> str:
    """The text with its merge tags filled in. Errors: TemplateError.

    `values` are the roots, as `Facts.namespace` gives them, with flow, links and unsubscribe_url. In HTML every value
    is escaped. The filter `date` shows times in `zone`.
    """
    template = _read(source, html)
    try:
        text = template.filled_in({**_EMPTY, **values}, zone)
    except LiquidError as error:
        _fail(source, error, _while_rendering(error))
    except Exception:
        # Filters meet values of every kind, and fail in ways of their own; their messages may show the value.
        raise TemplateError("A filter of the template does not fit the value it is given.") from None
    return text.encode("utf-8", "replace").decode()


def render_line(source: str, values: Mapping[str, object], *, zone: tzinfo = UTC) -> str:
    """Like `render`, for a text of one line such as a subject: line breaks and control characters become a blank."""
    return _BREAKS.sub(" ", render(source, values, html=False, zone=zone)).strip()


def variables(source: str) -> list[str]:
    """The dotted paths that the template uses, `person.first_name`, in order. Errors: TemplateError."""
    return list(dict.fromkeys(path for _, path in _paths(_read(source, False))))


def problems(source: str) -> Iterator[Problem]:
    """What is wrong with the template; `line` and `column` count within it. Whether links exist is not looked up."""
    try:
        template = _read(source, False)
        paths, filters = _paths(template), template.analyze().filters
    except TemplateError as error:
        yield Problem(error.what, "Correct the merge tag.", line=error.line, column=error.column)
        return
    for index, path in paths:
        if remedy := _unknown(path):
            line, column = _place(source, index)
            yield Problem(f"The merge tag “{path}” is unknown.", remedy, line=line, column=column)
    known = template.env.filters
    for name, spans in filters.items():
        if name not in known:
            line, column = _place(source, spans[0].index)
            near = get_close_matches(name, known, n=1)
            remedy = f"Did you mean “{near[0]}”?" if near else "Remove the filter."
            yield Problem(f"There is no filter “{name}”.", remedy, line=line, column=column)


@lru_cache(maxsize=256)
def _read(source: str, html: bool) -> Template:
    try:
        return _ENVIRONMENTS[html].read(source)
    except LiquidError as error:
        _fail(source, error, f"The template cannot be read: {str(error.message)[:200]}.")
    except RecursionError:
        raise TemplateError("The template cannot be read: it is nested too deeply.") from None


def _fail(source: str, error: LiquidError, what: str) -> NoReturn:
    index = error.token.start_index if error.token else -1
    line, column = _place(source, index) if index >= 0 else (0, 0)
    raise TemplateError(what, line, column) from None


def _while_rendering(error: LiquidError) -> str:
    if isinstance(error, ResourceLimitError):
        return "The template does too much: its loops or filters make more text than a message can have."
    if isinstance(error, UndefinedError | UnknownFilterError | LiquidSyntaxError):
        return f"The template cannot be filled in: {error.message}."
    return "A filter of the template does not fit the value it is given."


def _place(source: str, index: int) -> tuple[int, int]:
    return source.count("\n", 0, index) + 1, index - source.rfind("\n", 0, index)


def _paths(template: Template) -> list[tuple[int, str]]:
    """Where and what: every path that does not start with a name made in the template itself."""
    try:
        found = template.analyze().globals
    except RecursionError:
        raise TemplateError("The template cannot be read: it is nested too deeply.") from None
    return sorted((each.span.index, _dotted(each.segments)) for uses in found.values() for each in uses)


def _dotted(segments: Segments) -> str:
    """The path up to the first index that is a number or comes from a variable."""
    names = []
    for segment in segments:
        if not isinstance(segment, str):
            break
        names.append(segment)
    return ".".join(names)


def _unknown(path: str) -> str | None:
    """What to do about a path that does not exist; None: it does."""
    root, _, rest = path.partition(".")
    if root == "links":
        return None if rest else "Name the link: links.offer."
    value, _, property = path.rpartition(".")
    if path in _MORE_FIELDS or fields.field(path) or (property in _PROPERTIES and fields.field(value)):
        return None
    near = next(iter(get_close_matches(path, _MORE_FIELDS, n=1, cutoff=0.7)), None) or fields.nearest(path)
    return f"Did you mean “{near}”?" if near else f"Merge tags begin with {', '.join(ROOTS)}."
