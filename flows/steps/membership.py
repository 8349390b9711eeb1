"""What add_to and remove_from share: selections and projects, one or several of each."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, ClassVar

from pydantic import BeforeValidator, Field

from flows.catalog import Catalog, unknown
from flows.model import Id
from flows.problems import Problem
from flows.steps.base import Action

if TYPE_CHECKING:
    from flows.definition import Flow

Ids = Annotated[
    list[Id],
    BeforeValidator(lambda value: [value] if isinstance(value, str) else value, json_schema_input_type=Id | list[Id]),
]


class Membership(Action):
    """A step that changes which selections and projects the person is in."""

    in_store: ClassVar[bool] = True

    selection: Ids = Field(
        default_factory=list,
        title="Selection",
        description="A selection, or a list of them.",
        examples=["customers", ["customers", "newsletter"]],
    )
    project: Ids = Field(
        default_factory=list, title="Project", description="A project, or a list of them.", examples=["spring-fair"]
    )

    def names(self) -> str:
        """`selection customers, project fair`."""
        selections = [f"selection {name}" for name in self.selection]
        return ", ".join([*selections, *(f"project {name}" for name in self.project)])

    def unknown_selections(self, catalog: Catalog) -> Iterator[Problem]:
        """The selections that do not exist."""
        for index, name in enumerate(self.selection):
            yield from unknown(catalog, ("selection",), name, "selection", index)

    def problems(self, flow: "Flow", catalog: Catalog) -> Iterator[Problem]:
        """Nothing named, unknown selections and projects."""
        if not self.selection and not self.project:
            yield Problem("The step names neither a selection nor a project.", "Add selection or project.")
        yield from self.unknown_selections(catalog)
        for index, name in enumerate(self.project):
            yield from unknown(catalog, ("project",), name, "project", index)
