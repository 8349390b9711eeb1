"""The dialect of Liquid that merge tags are written in: everything usual, and bounded.

Left out: include and render (there are no other templates to load), `safe` and `escapejs` (a merge value is always
escaped in HTML), `now` and `today` (a rendering is the same whenever it happens). Ranges have fixed bounds.

Whatever a rendering does is paid from one budget, about one unit for each character written or handled by a filter, and
for each character of markup that a loop repeats. A budget is spent in well under a second.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sized
from datetime import datetime, tzinfo
from io import StringIO
from typing import TextIO

import liquid
from liquid.builtin.expressions.primitive import IntegerLiteral, RangeLiteral
from liquid.exceptions import FilterArgumentError, LiquidSyntaxError, ResourceLimitError, UndefinedError
from liquid.expression import Expression
from liquid.filter import with_context
from liquid.undefined import UNDEFINED
from liquid.utils import ReadOnlyChainMap

from flows.fields import moment

BUDGET = 2_000_000
LONGEST_SOURCE = 1_000_000
LONGEST_TAG = 2_000
MOST_MARKUP = 50_000
LONGEST_RANGE = 1_000

_DATE_FORMAT = re.compile(r"(?:[^%]|%[-_^#]?[A-Za-z%])*")
_OPENING = re.compile(r"\{\{|\{%")
_VERBATIM = re.compile(r"\{%-?\s{0,20}(raw|doc)\s{0,20}-?%\}")


class _Buffer(StringIO):
    """An output of a rendering; what is written is paid for."""

    def __init__(self, context: "Context") -> None:
        super().__init__()
        self._context = context

    def write(self, text: str, /) -> int:
        self._context.spend(len(text))
        return super().write(text)


class Context(liquid.RenderContext):
    """One rendering: its values, its zone, and what is left of its budget."""

    def __init__(self, template: "Template", values: Mapping[str, object], zone: tzinfo) -> None:
        super().__init__(template, globals=values)
        # The library's scope would add `now` and `today`.
        self.scope = ReadOnlyChainMap(self.locals, self.globals, self.counters)
        self.zone = zone
        self._left = BUDGET
        self._lap = template.markup + 10

    def spend(self, amount: int) -> None:
        """Pay for work. Errors: ResourceLimitError when the budget is used up."""
        self._left -= amount
        if self._left < 0:
            raise ResourceLimitError("too much to do", token=None)

    def get(self, path: list[object], *, token: liquid.Token | None, default: object = UNDEFINED) -> object:
        """The value of a path. A missing value is empty; a root that does not exist is an error."""
        self.spend(1)
        if default is UNDEFINED and path[0] not in self.scope:
            # The token, not the path: in `[person.first_name]` the root is a person's value.
            raise UndefinedError(f"there is no “{token.value if token else ''}”", token=token)
        return super().get(path, token=token, default=default)

    def filter(self, name: str, token: liquid.Token | None) -> Callable[..., object]:
        """A filter that is paid for, before it runs where its result could be out of all proportion."""
        function = super().filter(name, token)
        growth = _GROWTH.get(name)

        def paid(value: object, *args: object, **options: object) -> object:
            if options and name != "default":
                raise FilterArgumentError("only default takes a named argument", token=token)
            self.spend(1 + _size(value) + sum(map(_size, args)))
            if growth and args:
                self.spend(growth(value, args))
            elif name == "uniq" and isinstance(value, Sized):
                self.spend(len(value) * _size(value))
            result = function(value, *args, **options)
            self.spend(_size(result))
            return result

        return paid

    def raise_for_loop_limit(self, length: int = 1) -> None:
        """Called by the library when a loop begins."""
        self.spend(length * self._lap)

    def get_buffer(self, buf: TextIO | None = None) -> StringIO:
        """Called by the library for text that is captured."""
        return _Buffer(self)


class Template(liquid.BoundTemplate):
    """A template that has been read. `markup`: how many characters of its source are tags."""

    context_class = Context
    markup = 0

    def filled_in(self, values: Mapping[str, object], zone: tzinfo) -> str:
        """The rendered text. Errors: LiquidError and whatever a filter makes of an odd value."""
        context = Context(self, values, zone)
        buffer = context.get_buffer()
        self.render_with_context(context, buffer)
        return buffer.getvalue()


class Environment(liquid.Environment):
    """Reads templates of this dialect."""

    template_class = Template

    def setup_tags_and_filters(self, *, extra: bool = False) -> None:
        """The library's tags and filters without those that this dialect leaves out."""
        super().setup_tags_and_filters(extra=extra)
        for tag in ("include", "render"):
            del self.tags[tag]
        for name in ("safe", "escapejs"):
            del self.filters[name]
        self.add_filter("date", _date)

    def read(self, source: str) -> Template:
        """A template from its source. Errors: LiquidError."""
        markup = _measure(source)
        template = self.from_string(source)
        assert isinstance(template, Template)
        template.markup = markup
        for node in template.nodes:
            _check_ranges(node)
        return template


def _measure(source: str) -> int:
    """How much of the source is markup. What the library would need too long to read is refused."""
    if len(source) > LONGEST_SOURCE:
        raise LiquidSyntaxError(f"the template is longer than {LONGEST_SOURCE:,} characters", token=None)
    markup, at = 0, 0
    while opening := _OPENING.search(source, at):
        start = opening.start()
        if verbatim := _VERBATIM.match(source, start):
            close = re.compile(rf"\{{%-?\s{{0,20}}end{verbatim[1]}\s{{0,20}}-?%\}}").search(source, verbatim.end())
            at = close.end() if close else -1
        else:
            close_at = source.find("}}" if opening[0] == "{{" else "%}", start + 2)
            at = close_at + 2 if close_at >= 0 else -1
        if at < 0:
            raise LiquidSyntaxError("this tag is not closed", token=_token(source, start))
        if not verbatim:
            markup += at - start
            if not source[start + 2 : at - 2].strip(" \t\r\n-"):
                raise LiquidSyntaxError("this tag is empty", token=_token(source, start))
            if at - start > LONGEST_TAG:
                raise LiquidSyntaxError(
                    f"this tag is longer than {LONGEST_TAG:,} characters", token=_token(source, start)
                )
    if markup > MOST_MARKUP:
        raise LiquidSyntaxError(f"the template has more than {MOST_MARKUP:,} characters of tags", token=None)
    return markup


def _token(source: str, start: int) -> liquid.Token:
    return liquid.Token("", source[start : start + 2], start, source)


def _check_ranges(node: liquid.Node) -> None:
    for expression in node.expressions():
        for each in _within(expression):
            if isinstance(each, RangeLiteral):
                if not (isinstance(each.start, IntegerLiteral) and isinstance(each.stop, IntegerLiteral)):
                    raise LiquidSyntaxError("a range needs fixed numbers as its ends", token=each.token)
                if each.stop.value - each.start.value >= LONGEST_RANGE:
                    raise LiquidSyntaxError(f"a range has at most {LONGEST_RANGE:,} numbers", token=each.token)
    for child in node.children(None):  # type: ignore[arg-type]
        _check_ranges(child)


def _within(expression: Expression) -> Iterator[Expression]:
    yield expression
    for child in expression.children():
        yield from _within(child)


def _size(value: object) -> int:
    if isinstance(value, str):
        return len(value)
    if isinstance(value, Mapping):
        return sum(_size(key) + _size(each) + 1 for key, each in value.items())
    if isinstance(value, list | tuple):
        return len(value) + sum(map(_size, value))
    return value.bit_length() if isinstance(value, int) else 20


def _replacements(value: object, args: tuple[object, ...]) -> int:
    return str(value).count(str(args[0])) * len(str(args[1])) if len(args) > 1 else 0


def _separators(value: object, args: tuple[object, ...]) -> int:
    return len(value) * len(str(args[0])) if isinstance(value, Sized) else 0


_GROWTH: Mapping[str, Callable[[object, tuple[object, ...]], int]] = {"replace": _replacements, "join": _separators}


@with_context
def _date(value: object, form: object = "%Y-%m-%d", *, context: Context) -> object:
    """A date, or date and time in the rendering's zone, in the form of strftime; anything else stays as it is."""
    when = moment(value)
    if when is None:
        return value
    # A width such as %9999999d would make a text of that length.
    if not isinstance(form, str) or not _DATE_FORMAT.fullmatch(form):
        raise FilterArgumentError("unknown form of date", token=None)
    if isinstance(when, datetime) and when.tzinfo:
        when = when.astimezone(context.zone)
    return when.strftime(form)
