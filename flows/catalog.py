"""What exists around a flow: the names it may refer to. Checks ask it; the store or a folder of files answers."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import TYPE_CHECKING, Literal, Protocol

from flows.fields import Field
from flows.problems import Problem

if TYPE_CHECKING:
    from flows.steps.base import Action


Kind = Literal[
    "content",
    "selection",
    "project",
    "flow",
    "link",
    "form",
    "file",
    "subscription_type",
    "endpoint",
    "script",
    "associate",
    "group",
    "follow_up_type",
    "request_type",
    "category",
    "sale_type",
]


Acting = Literal["form", "link"]
"""What does something by itself (STEP_23)."""


class Catalog(Protocol):
    """Looks names up for the checks before a flow runs (LIFE_2)."""

    def exists(self, kind: Kind, name: str) -> bool:
        """Whether there is such a thing."""

    def names(self, kind: Kind) -> list[str]:
        """Some existing names of that kind, for the remedy "did you mean"; may be cut short."""

    def reactions(self, kind: Acting, name: str) -> Sequence["Action"]:
        """What the form or link does by itself at each submission or click."""

    def content_templates(self, content: str) -> dict[str, str]:
        """Liquid sources of a prepared e-mail: part (subject, html, text) -> source."""

    def content_ready(self, content: str) -> bool:
        """Whether the content is marked ready (STEP_1)."""

    def file_size(self, file: str) -> int:
        """Bytes of an attachment."""

    def content_attachments(self, content: str) -> list[str]:
        """Files that always go with the content."""

    def choices(self, kind: Kind, name: str | None, of: str) -> list[str] | None:
        """What a type of this kind permits `of` a setting, such as the status of requests; None: not known.

        Without a name: what is usual where no type is given.
        """

    def refusals(self, step: "Action") -> Iterator[Problem]:
        """What the CRM behind ferd can never do of a step."""

    def custom_fields(self) -> Mapping[str, Field]:
        """The custom fields that were declared, by their paths: `person.custom.score`."""


@dataclass(frozen=True, slots=True)
class GivenContent:
    """A prepared e-mail as the catalog knows it; `templates` are Liquid sources by part (subject, html, text)."""

    templates: Mapping[str, str] = field(default_factory=dict)
    ready: bool = True
    attachments: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class GivenCatalog:
    """A catalog of what it is given: ids by kind, contents, and the sizes of files in bytes, what types
    permit, and custom fields."""

    ids: Mapping[Kind, list[str]] = field(default_factory=dict)
    contents: Mapping[str, GivenContent] = field(default_factory=dict)
    files: Mapping[str, int] = field(default_factory=dict)
    acting: Mapping[tuple[Acting, str], Sequence["Action"]] = field(default_factory=dict)
    permitted: Mapping[tuple[Kind, str | None, str], list[str]] = field(default_factory=dict)
    custom: Mapping[str, Field] = field(default_factory=dict)

    def exists(self, kind: Kind, name: str) -> bool:
        """Whether the id was given."""
        return name in self.names(kind)

    def names(self, kind: Kind) -> list[str]:
        """Every id given."""
        if kind == "content":
            return list(self.contents)
        return list(self.files) if kind == "file" else list(self.ids.get(kind, ()))

    def reactions(self, kind: Acting, name: str) -> Sequence["Action"]:
        """As given."""
        return self.acting.get((kind, name), ())

    def content_templates(self, content: str) -> dict[str, str]:
        """The templates given for the content."""
        return dict(self.contents[content].templates)

    def content_ready(self, content: str) -> bool:
        """As given."""
        return self.contents[content].ready

    def file_size(self, file: str) -> int:
        """As given."""
        return self.files[file]

    def content_attachments(self, content: str) -> list[str]:
        """As given."""
        return list(self.contents[content].attachments)

    def choices(self, kind: Kind, name: str | None, of: str) -> list[str] | None:
        """As given; what was not given is not known."""
        return self.permitted.get((kind, name, of))

    def refusals(self, step: "Action") -> Iterator[Problem]:
        """None: the CRM is ferd's own."""
        return iter(())

    def custom_fields(self) -> Mapping[str, Field]:
        """As given."""
        return self.custom


def suggestion(name: str, known: list[str]) -> str:
    """`Did you mean “x”? ` if a known name is like this one, else nothing."""
    close = get_close_matches(name, known, n=1)
    return f"Did you mean “{close[0]}”? " if close else ""


def unknown(catalog: Catalog, kinds: tuple[Kind, ...], name: str | None, *where: str | int) -> Iterator[Problem]:
    """The problem of naming something that exists as none of these kinds, if so."""
    if name is not None and not any(catalog.exists(kind, name) for kind in kinds):
        noun = " or ".join(kinds).replace("_", " ").replace("follow up", "follow-up")
        known = [known for kind in kinds for known in catalog.names(kind)]
        yield Problem(
            f"There is no {noun} “{name}”.",
            f"{suggestion(name, known)}Create the {noun}, or name one that exists.",
            where,
        )
