"""Update person: change fields of the person or the company, all of them or none (STEP_3)."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field

from flows import fields
from flows.catalog import Catalog, Kind, unknown
from flows.comparisons import Value
from flows.facts import Facts
from flows.ports import Change, ChangePerson, FieldChange
from flows.problems import Problem
from flows.steps.base import Action, Do, Fail, Move
from flows.steps.merging import Merging, template_problems
from flows.templates import TemplateError

if TYPE_CHECKING:
    from flows.definition import Flow

_NAMES: Mapping[str, Kind] = {
    "person.subscriptions": "subscription_type",
    "person.our_contact": "associate",
    "person.our_service_contact": "associate",
    "company.our_contact": "associate",
}
"""Fields whose values are ids of other things."""
_WAYS: tuple[Change, ...] = ("set", "clear", "add", "remove", "increase", "decrease", "copy")


class UpdatePerson(Action):
    """Changes fields of the person or the company, several at once: all or none."""

    in_store: ClassVar[bool] = True

    kind: Literal["update_person"] = Field(title="Kind", description="Change fields of the person or the company.")
    set: dict[str, Value] = Field(
        default_factory=dict,
        title="Set",
        description="Fields and their new values; text may hold merge tags.",
        examples=[{"person.category": "customer"}],
    )
    clear: list[str] = Field(
        default_factory=list, title="Clear", description="Fields to empty.", examples=[["person.custom.score"]]
    )
    add: dict[str, Value] = Field(
        default_factory=dict,
        title="Add",
        description="Lists and what to add to them: one entry or several.",
        examples=[{"person.subscriptions": "product-news"}],
    )
    remove: dict[str, Value] = Field(
        default_factory=dict,
        title="Remove",
        description="Lists and what to remove from them: one entry or several.",
        examples=[{"person.subscriptions": "product-news"}],
    )
    increase: dict[str, float | int] = Field(
        default_factory=dict,
        title="Increase",
        description="Numbers and by how much to increase them; nothing counts as 0.",
        examples=[{"company.custom.score": 10}],
    )
    decrease: dict[str, float | int] = Field(
        default_factory=dict,
        title="Decrease",
        description="Numbers and by how much to decrease them; nothing counts as 0.",
        examples=[{"company.custom.score": 5}],
    )
    copy_: dict[str, str] = Field(
        default_factory=dict,
        alias="copy",
        title="Copy",
        description="Fields and the field to copy each from.",
        examples=[{"person.country": "company.country"}],
    )

    def changes(self) -> list[FieldChange]:
        """Every change, in the order of the settings."""
        given: dict[Change, Mapping[str, object]] = {
            "set": self.set, "clear": dict.fromkeys(self.clear), "add": self.add, "remove": self.remove,
            "increase": self.increase, "decrease": self.decrease, "copy": self.copy_,
        }  # fmt: skip
        return [FieldChange(path, way, value) for way in _WAYS for path, value in given[way].items()]

    def enter(self, flow: "Flow", facts: Facts) -> Move:
        """Asks for all changes together; fails if a merge tag cannot be filled."""
        merging = Merging(flow, facts)
        try:
            changes = tuple(
                change if (text := template(change)) is None else replace(change, value=merging.line(text))
                for change in self.changes()
            )
        except TemplateError as error:
            return Fail(f"The values cannot be filled in: {error}")
        names = ", ".join(f"{change.field} ({change.change})" for change in changes)
        return Do(ChangePerson(str(facts.person["id"]), changes), f"Updated {names}")

    def summary(self) -> str:
        """`Update person.category, company.custom.score`."""
        return "Update " + ", ".join(change.field for change in self.changes())

    def problems(self, flow: "Flow", catalog: Catalog) -> Iterator[Problem]:
        """No changes, unknown fields, and changes that a field's type does not take."""
        if not self.changes():
            yield Problem("The step changes nothing.", f"Add one of {', '.join(_WAYS)}.")
        seen: dict[str, str] = {}
        for change in self.changes():
            place = self.clear.index(change.field) if change.change == "clear" else change.field
            if problem := _mismatch(change):
                yield problem.under(change.change, place)
            elif change.field in seen:
                yield Problem(
                    f"{change.field} is changed by both {seen[change.field]} and {change.change}.",
                    "Change each field once in a step; use a second step for a second change.",
                    (change.change, place),
                )
            seen.setdefault(change.field, change.change)
            if (text := template(change)) is not None:
                for found in template_problems(text, catalog):
                    yield found.at(0, 0).under(change.change, change.field)
            if change.field in _NAMES and change.change in ("set", "add", "remove"):
                for index, name in entries(change.value):
                    yield from unknown(catalog, (_NAMES[change.field],), name, change.change, change.field, *index)


def template(change: FieldChange) -> str | None:
    """The text with merge tags that a change sets, if it is one."""
    text = change.value if change.change == "set" else None
    return text if isinstance(text, str) and ("{{" in text or "{%" in text) else None


def entries(value: object) -> Iterator[tuple[tuple[int, ...], str]]:
    """Each entry of a value that may be one or several, and its place among them."""
    if isinstance(value, tuple):
        yield from (((index,), str(each)) for index, each in enumerate(value))
    else:
        yield (), str(value)


def _mismatch(change: FieldChange) -> Problem | None:
    """What is wrong with one change; its place is that of the field."""
    path, kind = change.field, fields.field_type(change.field)
    if kind is None:
        nearest = fields.nearest(path)
        hint = f"Did you mean “{nearest}”? " if nearest else ""
        return Problem(
            f"There is no field “{path}”.", f"{hint}Fields of your own are person.custom.… and company.custom.…"
        )
    if not fields.changeable(path):
        return Problem(f"{path} cannot be changed by a flow.", "Change a field of the person or the company.")
    if change.change not in fields.changes(path):
        possible = ", ".join(way for way in _WAYS if way in fields.changes(path))
        return Problem(f"{path} holds {kind.value}: {change.change} is not possible.", f"Possible are {possible}.")
    if change.change == "copy":
        return _no_copy(path, kind, str(change.value))
    entries = list(change.value) if isinstance(change.value, tuple) else [change.value]
    if change.change in ("set", "add", "remove") and not (
        _accepted(path, kind, change.value, entries) and _kept(change)
    ):
        return Problem(
            f"{path} cannot hold {change.value!r}.", f"Write {fields.looks_like(path)}; to empty a field use clear."
        )
    return None


def _accepted(path: str, kind: fields.FieldType, value: object, entries: list[object]) -> bool:
    several = kind in (fields.FieldType.LIST, fields.FieldType.ANY)
    if isinstance(value, tuple) and not several:
        return False
    return all(fields.accepts(path, entry) for entry in entries)


def _kept(change: FieldChange) -> bool:
    """Whether a text that is set looks like what the field holds; one with merge tags is known only at the step."""
    return change.change != "set" or template(change) is not None or fields.keeps(change.field, change.value)


def _no_copy(path: str, kind: fields.FieldType, source: str) -> Problem | None:
    source_kind = fields.field_type(source)
    if source_kind is None:
        nearest = fields.nearest(source)
        return Problem(
            f"There is no field “{source}” to copy from.",
            f"Did you mean “{nearest}”?" if nearest else "Name a field of the person, the company or the owner.",
        )
    if not fields.copies_to(source_kind, kind):
        return Problem(
            f"{source} holds {source_kind.value} and {path} {kind.value}: they cannot be copied.",
            "Copy between fields of the same type.",
        )
    return None
