"""Groups of associates and the kinds of follow-ups, requests and sales, as they come in."""

from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Any, Literal, Self, TypeVar

from pydantic import AfterValidator, Field, model_validator

from activities.crm.models import Incoming
from activities.crm.values import Ids, Maybe, Name, wrong
from flows.catalog import Kind
from flows.units import Duration

T = TypeVar("T")

FollowUpField = Literal["project", "agenda", "files", "links"]
FOLLOW_UP_FIELDS: tuple[FollowUpField, ...] = ("project", "agenda", "files", "links")


def _once(name: Callable[[T], str]) -> AfterValidator:
    def check(entries: list[T]) -> list[T]:
        if len({name(entry).casefold() for entry in entries}) < len(entries):
            raise wrong("Two of these have the same name", "Give each a name of its own.")
        return entries

    return AfterValidator(check)


def _duration(text: str) -> str:
    try:
        return str(Duration.parse(text))
    except ValueError:
        raise wrong("This is not a duration", "Write it as 30 days, 10 workdays or 6 weeks.") from None


class GroupIn(Incoming):
    """What can be written of a primary group."""

    name: Name = Field(title="Name")
    members: Ids = Field(default_factory=list, max_length=1_000, title="Members", description="Associates: ids.")


class FollowUpTypeIn(Incoming):
    """What can be written of a type of follow-ups; it decides which fields apply."""

    name: Name = Field(title="Name")
    date: Literal["due", "meeting", "either"] = Field(
        default="either", title="Date", description="Whether these are to-dos, meetings, or either."
    )
    minutes: int = Field(default=60, ge=5, le=24 * 60, title="Minutes", description="How long a meeting takes.")
    fields: list[FollowUpField] = Field(
        default_factory=lambda: list(FOLLOW_UP_FIELDS), title="Fields", description="Which fields these have."
    )


class Status(Incoming):
    """A status of requests."""

    name: Name = Field(title="Name")
    kind: Literal["open", "closed"] = Field(title="Kind", description="Whether there is something left to do.")


class RequestTypeIn(Incoming):
    """What can be written of a type of requests; it decides statuses and priorities, and the usual ones."""

    name: Name = Field(title="Name")
    statuses: Annotated[list[Status], _once(lambda status: status.name)] = Field(
        default_factory=lambda: [Status(name="open", kind="open"), Status(name="closed", kind="closed")],
        min_length=1,
        max_length=100,
        title="Statuses",
    )
    default_status: Maybe[Name] = Field(default=None, title="Default status", description="Else the first.")
    priorities: Annotated[list[Name], _once(str)] = Field(
        default_factory=lambda: ["low", "medium", "high"], min_length=1, max_length=100, title="Priorities"
    )
    default_priority: Maybe[Name] = Field(default=None, title="Default priority", description="Else the middle one.")

    @model_validator(mode="after")
    def _defaults_exist(self) -> Self:
        _known(self.default_status, [status.name for status in self.statuses], "status")
        _known(self.default_priority, self.priorities, "priority")
        return self


class CategoryIn(Incoming):
    """What can be written of a category of requests."""

    name: Name = Field(title="Name")
    members: Ids = Field(
        default_factory=list,
        max_length=1_000,
        title="Members",
        description="Associates who answer for its requests: ids.",
    )
    assign: Literal["evenly", "fewest_open", "our_contact", "our_service_contact"] = Field(
        default="evenly",
        title="Assign",
        description="Whom a request is given to: its members in turn, the member with the fewest open requests, or the "
        "person's contact. Nobody if there is none available.",
    )


class Stage(Incoming):
    """A stage of sales."""

    name: Name = Field(title="Name")
    kind: Literal["open", "sold", "lost"] = Field(title="Kind")
    probability: int | None = Field(default=None, ge=0, le=100, title="Probability", description="Percent.")


class SaleTypeIn(Incoming):
    """What can be written of a type of sales; it decides the stages, the usual one, and how long a sale takes."""

    name: Name = Field(title="Name")
    stages: Annotated[list[Stage], _once(lambda stage: stage.name)] = Field(
        default_factory=lambda: [Stage(name=kind, kind=kind) for kind in ("open", "sold", "lost")],
        min_length=1,
        max_length=100,
        title="Stages",
    )
    default_stage: Maybe[Name] = Field(default=None, title="Default stage", description="Else the first.")
    duration: Annotated[str, AfterValidator(_duration)] = Field(
        default="30 days", title="Expected duration", description="From when it is made to when it is expected sold."
    )
    guide: list[Name] = Field(
        default_factory=list, max_length=100, title="Sales guide", description="What to do, one after the other."
    )

    @model_validator(mode="after")
    def _default_exists(self) -> Self:
        _known(self.default_stage, [stage.name for stage in self.stages], "stage")
        return self


def _known(name: str | None, names: Sequence[str], noun: str) -> None:
    if name is not None and name not in names:
        raise wrong(f"The default {noun} is none of those listed", "Name one of them, or leave it out.")


USUAL: Mapping[Kind, type[Incoming]] = {
    "follow_up_type": FollowUpTypeIn,
    "request_type": RequestTypeIn,
    "sale_type": SaleTypeIn,
}
"""The types, by the name that flows have for their kind."""


def permits(kind: Kind, type: Mapping[str, Any] | None, of: str) -> list[str] | None:
    """What a type permits of a setting of a step; `type` None: what is usual. None: nothing is known of it."""
    if kind not in USUAL:
        return None
    fields = type if type is not None else USUAL[kind].model_validate({"name": "usual"}).model_dump()
    match kind, of:
        case "follow_up_type", "date":
            return ["due", "meeting"] if fields["date"] == "either" else [fields["date"]]
        case "follow_up_type", "fields":
            return list(fields["fields"])
        case "request_type", "status":
            return _names_and_kinds(fields["statuses"])
        case "request_type", "priority":
            return list(fields["priorities"])
        case "sale_type", "stage":
            return _names_and_kinds(fields["stages"])
    return None


def permitted(types: Mapping[tuple[Kind, str], Mapping[str, Any]]) -> dict[tuple[Kind, str | None, str], list[str]]:
    """What all of these types permit, and what is usual, by kind, name and setting."""
    all_types = [*((kind, None, None) for kind in USUAL), *((kind, name, type) for (kind, name), type in types.items())]
    return {
        (kind, name, of): found
        for kind, name, type in all_types
        for of in ("date", "fields", "status", "priority", "stage")
        if (found := permits(kind, type, of)) is not None
    }


def _names_and_kinds(named: Sequence[Mapping[str, str]]) -> list[str]:
    """The names, then the kinds that stand for the first of their kind."""
    return list(dict.fromkeys([*(each["name"] for each in named), *(each["kind"] for each in named)]))
