"""What steps that write text share: the values of merge tags, and what is wrong with a template."""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from flows import templates
from flows.catalog import Catalog, unknown
from flows.facts import Facts
from flows.moments import zone_or
from flows.problems import Problem
from flows.templates import TemplateError

if TYPE_CHECKING:
    from flows.definition import Flow

UNSUBSCRIBE = "ferd:unsubscribe"
"""Stands in a rendered mail for the recipient's unsubscribe address, see `flows.ports.Email`."""


class _Links(Mapping[str, str]):
    """The registered links, which tells those that were asked for and are not there: `missing`."""

    def __init__(self, known: Mapping[str, str]) -> None:
        self._known = known
        self.missing: list[str] = []

    def __getitem__(self, link: str) -> str:
        try:
            return self._known[link]
        except KeyError:
            self.missing.append(link)
            raise

    def __iter__(self) -> Iterator[str]:
        return iter(self._known)

    def __len__(self) -> int:
        return len(self._known)


class Merging:
    """Fills in the texts of one step for one person. A link that is gone is an error: no text leads nowhere."""

    def __init__(self, flow: "Flow", facts: Facts) -> None:
        self._zone = zone_or(facts.person.get("time_zone"), flow.zone)
        self._links = _Links(facts.records.links())
        self._values: dict[str, object] = {
            **facts.namespace(),
            "flow": {"id": flow.id, "name": flow.name},
            "links": self._links,
            "unsubscribe_url": UNSUBSCRIBE,
        }

    def line(self, source: str) -> str:
        """A text of one line, such as a subject. Errors: TemplateError."""
        return self._whole(templates.render_line(source, self._values, zone=self._zone))

    def text(self, source: str, *, html: bool = False) -> str:
        """A text of any length. Errors: TemplateError."""
        return self._whole(templates.render(source, self._values, html=html, zone=self._zone))

    def _whole(self, text: str) -> str:
        if self._links.missing:
            raise TemplateError(f"there is no link “{self._links.missing[0]}” any more.")
        return text


def template_problems(source: str, catalog: Catalog) -> Iterator[Problem]:
    """What is wrong with a template, `line` and `column` counted within it; and the links it names in vain."""
    found = list(templates.problems(source))
    yield from found
    if not found:
        for path in templates.variables(source):
            if path.startswith("links."):
                yield from unknown(catalog, ("link",), path.removeprefix("links."))
