"""Which of a person's and a company's fields is which in SuperOffice: read there, and written by JSON Patch.

What has no place here SuperOffice does not keep in a way that can be written: such a flow is refused (LIFE_2).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from activities.outside.superoffice import values
from activities.outside.superoffice.values import custom_of

Entity = Mapping[str, Any]
Operation = Mapping[str, object]

PERSON = (
    "PersonId,Firstname,Lastname,Emails,MobilePhones,Category,Country,Retired,NoMailing,Associate,SupportAssociate,"
    "Contact,ShipmentTypes,CustomFields"
)
"""The properties of a PersonEntity that are asked for."""
COMPANY = "ContactId,Name,Category,Country,Associate,CustomFields"
"""Those of a ContactEntity: all of it would bring every person of the company."""


@dataclass(frozen=True, slots=True)
class Slot:
    """Where a field's value is. `path` is what a test of JSON Patch names; `list` the MDO list its items are of."""

    path: str
    read: Callable[[Entity], Any]
    write: Callable[[Entity, Any], Operation]
    list: str = ""
    empty: object = None


def slot(field: str, entity: Entity) -> Slot | None:
    """The place of a field in this entity; None: it has none."""
    if field in SLOTS:
        return SLOTS[field]
    root, _, name = field.partition(".custom.")
    return _custom(values.their_name(entity, name)) if name and root in ("person", "company") else None


def has_slot(field: str) -> bool:
    """Whether the field has a place there, if its name there is right."""
    return field in SLOTS or field.startswith(("person.custom.", "company.custom."))


def _plain(name: str, empty: object = None) -> Slot:
    path = f"/{name}"
    return Slot(
        path, lambda entity: entity.get(name), lambda _, value: {"op": "replace", "path": path, "value": value},
        empty=empty,
    )  # fmt: skip


def _reference(name: str, key: str, list: str = "") -> Slot:
    def read(entity: Entity) -> int | None:
        return (entity.get(name) or {}).get(key) or None

    def write(_: Entity, value: Any) -> Operation:
        return {"op": "replace", "path": f"/{name}", "value": {key: value} if value else None}

    return Slot(f"/{name}/{key}", read, write, list)


def _first(name: str) -> Slot:
    """The first of several: of a person's addresses and numbers only this one is ours."""

    def read(entity: Entity) -> str | None:
        entries = entity.get(name) or []
        return entries[0].get("Value") if entries else None

    def write(entity: Entity, value: Any) -> Operation:
        first, *others = entity.get(name) or [{}]
        entries = [*([{**first, "Value": value}] if value else ()), *others]
        return {"op": "replace", "path": f"/{name}", "value": entries}

    return Slot(f"/{name}/0/Value", read, write)


def _consent() -> Slot:
    def read(entity: Entity) -> str:
        return "withdrawn" if entity.get("NoMailing") else "granted"

    def write(_: Entity, value: Any) -> Operation:
        return {"op": "replace", "path": "/NoMailing", "value": value == "withdrawn"}

    return Slot("", read, write, empty="granted")


def _selected(name: str, list: str) -> Slot:
    """Items of a list that can be chosen: what is chosen, by number."""

    def read(entity: Entity) -> tuple[int, ...]:
        return tuple(sorted(each["Id"] for each in entity.get(name) or () if each.get("Selected")))

    def write(entity: Entity, value: Any) -> Operation:
        known = {*read(entity), *(value or ())}
        items = [{"Id": id, "Selected": id in (value or ())} for id in sorted(known)]
        return {"op": "add", "path": f"/{name}", "value": items}

    return Slot("", read, write, list, empty=())


def _custom(theirs: str) -> Slot:
    def read(entity: Entity) -> Any:
        return (entity.get("CustomFields") or {}).get(theirs)

    def write(_: Entity, value: Any) -> Operation:
        return {"op": "replace", "path": "/CustomFields", "value": {theirs: value}}

    return Slot(f"/CustomFields/{theirs.replace('~', '~0').replace('/', '~1')}", read, write)


SLOTS: Mapping[str, Slot] = {
    "person.first_name": _plain("Firstname"),
    "person.last_name": _plain("Lastname"),
    "person.email": _first("Emails"),
    "person.mobile": _first("MobilePhones"),
    "person.category": _reference("Category", "Id", "category"),
    "person.former_employee": _plain("Retired", empty=False),
    "person.consent.email": _consent(),
    "person.subscriptions": _selected("ShipmentTypes", "shipmenttype"),
    "person.our_contact": _reference("Associate", "AssociateId", "associate"),
    "person.our_service_contact": _reference("SupportAssociate", "AssociateId", "associate"),
    "company.name": _plain("Name"),
    "company.category": _reference("Category", "Id", "category"),
    "company.our_contact": _reference("Associate", "AssociateId", "associate"),
}


def person_of(entity: Entity) -> dict[str, Any]:
    """A person's fields here, as PersonIn has them; list items by their names, references by their numbers."""
    company = (entity.get("Contact") or {}).get("ContactId")
    known = {
        "first_name": entity.get("Firstname") or None,
        "last_name": entity.get("Lastname") or None,
        "email": SLOTS["person.email"].read(entity),
        "mobile": SLOTS["person.mobile"].read(entity),
        "country": (entity.get("Country") or {}).get("TwoLetterISOCountry") or None,
        "category": (entity.get("Category") or {}).get("Value") or None,
        "former_employee": bool(entity.get("Retired")),
        "company": str(company) if company else None,
        "our_contact": _number(SLOTS["person.our_contact"].read(entity)),
        "our_service_contact": _number(SLOTS["person.our_service_contact"].read(entity)),
        "subscriptions": [str(id) for id in SLOTS["person.subscriptions"].read(entity)],
        "custom": custom_of(entity),
    }
    # What was withdrawn here stays so until somebody here grants it again: they know only of mails of their own.
    return {**known, "consent": {"email": "withdrawn"}} if entity.get("NoMailing") else known


def company_of(entity: Entity) -> dict[str, Any]:
    """A company's fields here, as CompanyIn has them."""
    return {
        "name": entity.get("Name") or f"Company {entity.get('ContactId')}",
        "category": (entity.get("Category") or {}).get("Value") or None,
        "country": (entity.get("Country") or {}).get("TwoLetterISOCountry") or None,
        "our_contact": _number(SLOTS["company.our_contact"].read(entity)),
        "custom": custom_of(entity),
    }


def _number(id: int | None) -> str | None:
    return str(id) if id else None
