"""What steps share that hand data to other programs: values with merge tags in them."""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, ClassVar

from pydantic import Field

from flows import templates
from flows.catalog import Catalog
from flows.facts import Facts
from flows.moments import zone_or
from flows.problems import Problem
from flows.steps.base import Action, Channel

if TYPE_CHECKING:
    from flows.definition import Flow

Datum = str | bool | int | float | None


class Calling(Action):
    """A step that calls another program."""

    channel: ClassVar[Channel] = "webhook"

    data: dict[str, Datum] = Field(
        default_factory=dict,
        title="Data",
        description="What to send along, by name; text may hold merge tags. Nothing of the person is sent but the id "
        "and what stands here.",
        examples=[{"plan": "trial", "email": "{{ person.email }}"}],
    )

    def values(self, flow: "Flow", facts: Facts) -> Mapping[str, object]:
        """The data with its merge tags filled in. Raises TemplateError."""
        known = {**facts.namespace(), "flow": {"id": flow.id, "name": flow.name}}
        zone = zone_or(facts.person.get("time_zone"), flow.zone)
        return {
            name: templates.render(value, known, html=False, zone=zone) if isinstance(value, str) else value
            for name, value in self.data.items()
        }

    def problems(self, flow: "Flow", catalog: Catalog) -> Iterator[Problem]:
        """Merge tags that are wrong."""
        for name, value in self.data.items():
            if isinstance(value, str):
                for problem in templates.problems(value):
                    yield problem.at(0, 0).under("data", name)
