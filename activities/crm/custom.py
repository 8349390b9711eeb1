"""Custom fields that a team has declared: what people's and companies' own fields may hold (STEP_3).

Until a team declares fields for people, their custom fields have any name and hold anything; likewise for companies.
"""

from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from typing import Annotated, Any, Literal, Self

from pydantic import Field, StringConstraints, model_validator
from sqlalchemy import select
from sqlmodel import Session, col

from activities.crm.faults import Conflict, Fault
from activities.crm.models import Incoming
from activities.crm.values import Name, wrong
from flows import fields
from flows.fields import FieldType
from store.kinds import CustomField

Of = Literal["person", "company"]

_FLAGS = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}


class CustomFieldIn(Incoming):
    """What can be written of a custom field."""

    of: Of = Field(title="Of", description="Whose field it is.")
    key: Annotated[str, StringConstraints(pattern=r"^[\w-]{1,100}$")] = Field(
        title="Key", description="Its name under `custom`, as conditions and merge tags have it: person.custom.KEY."
    )
    name: Name = Field(title="Name", description="Its name for people.")
    type: Literal["text", "number", "date", "datetime", "flag", "list", "any"] = Field(
        title="Type", description="What it holds; it decides which conditions and changes are possible."
    )
    choices: list[Name] = Field(
        default_factory=list, max_length=1_000, title="Choices", description="The only texts it can hold; none: any."
    )

    @model_validator(mode="after")
    def _choices_are_texts(self) -> Self:
        if self.choices and self.type not in ("text", "list"):
            raise wrong("Only texts and lists of texts have choices", "Leave the choices out.")
        return self


def once(session: Session, id: str, given: Mapping[str, Any]) -> None:
    """Raise Conflict for a field that is declared already."""
    query = select(col(CustomField.id)).where(
        col(CustomField.of) == given["of"], col(CustomField.key) == given["key"], col(CustomField.id) != id
    )
    if (taken := session.scalar(query)) is not None:
        raise Conflict(f"The field is declared already, as {taken}.", f"Change that one: /v1/custom-fields/{taken}.")


def declared(session: Session, of: str) -> dict[str, fields.Field]:
    """The fields declared for people, or for companies, by their keys; none: they hold anything."""
    rows = session.scalars(select(CustomField).where(col(CustomField.of) == of))
    return {row.key: as_field(row.type, row.choices) for row in rows}


def as_field(type: str, choices: Sequence[str]) -> fields.Field:
    """A declared field as flows know it."""
    return fields.Field(FieldType(type), choices=tuple(choices))


def faults(session: Session, of: Of, now: Mapping[str, Any], before: Mapping[str, Any]) -> list[Fault]:
    """What is wrong with the values that have changed; what was there before may stay."""
    changed = {key: value for key, value in now.items() if before.get(key) != value}
    return checked(of, declared(session, of), changed) if changed else []


def read(known: Mapping[str, fields.Field], key: str, cell: str) -> Any:
    """The value that a cell of a file stands for, by the field's type; as it is where it does not fit. Lists: `a|b`."""
    field = known.get(key)
    match field.type if field is not None else FieldType.TEXT:
        case FieldType.NUMBER:
            try:
                number = float(cell.replace(" ", ""))
            except ValueError:
                return cell
            return int(number) if number.is_integer() else number
        case FieldType.FLAG:
            return _FLAGS.get(cell.lower(), cell)
        case FieldType.LIST:
            return [entry.strip() for entry in cell.split("|") if entry.strip()]
    return cell


def checked(of: Of, known: Mapping[str, fields.Field], values: Mapping[str, Any]) -> list[Fault]:
    """What is wrong with values, given the fields that are declared."""
    if not known:
        return []
    return [fault for key, value in values.items() if (fault := _fault(of, known, key, value)) is not None]


def _fault(of: Of, known: Mapping[str, fields.Field], key: str, value: Any) -> Fault | None:
    field = known.get(key)
    if field is None:
        near = get_close_matches(key, known, 1)
        remedy = f"Did you mean “{near[0]}”?" if near else "Declare it with POST /v1/custom-fields, or leave it out."
        return Fault(f"The field {key} of a {of} is not declared.", remedy, ("custom", key))
    several = field.type in (FieldType.LIST, FieldType.ANY)
    entries = value if isinstance(value, list) and several else [value]
    if (field.type is FieldType.LIST and not isinstance(value, list)) or not all(
        fields.fits(field, entry) for entry in entries
    ):
        looks = " or ".join(field.choices) or field.type.looks_like
        return Fault(f"The field {key} cannot hold this value.", f"Write {looks}.", ("custom", key))
    return None
