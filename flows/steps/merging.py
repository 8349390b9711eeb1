"""What steps that write text share: the values of merge tags, and what is wrong with a template."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from flows import templates
from flows.catalog import Catalog, unknown
from flows.facts import Facts
from flows.moments import zone_or
from flows.problems import Problem

if TYPE_CHECKING:
    from flows.definition import Flow

UNSUBSCRIBE = "ferd:unsubscribe"
"""Stands in a rendered mail for the recipient's unsubscribe address, see `flows.ports.Email`."""


class Merging:
    """Fills in the texts of one step for one person."""

    def __init__(self, flow: "Flow", facts: Facts) -> None:
        self._zone = zone_or(facts.person.get("time_zone"), flow.zone)
        self._values: dict[str, object] = {
            **facts.namespace(),
            "flow": {"id": flow.id, "name": flow.name},
            "links": facts.records.links(),
            "unsubscribe_url": UNSUBSCRIBE,
        }

    def line(self, source: str) -> str:
        """A text of one line, such as a subject. Errors: TemplateError."""
        return templates.render_line(source, self._values, zone=self._zone)

    def text(self, source: str, *, html: bool = False) -> str:
        """A text of any length. Errors: TemplateError."""
        return templates.render(source, self._values, html=html, zone=self._zone)


def template_problems(source: str, catalog: Catalog) -> Iterator[Problem]:
    """What is wrong with a template, `line` and `column` counted within it; and the links it names in vain."""
    found = list(templates.problems(source))
    yield from found
    if not found:
        for path in templates.variables(source):
            if path.startswith("links."):
                yield from unknown(catalog, ("link",), path.removeprefix("links."))
