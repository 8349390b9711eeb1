"""SuperOffice's lists, such as categories and sale types (MDO lists): an item by its number, or by its name.

Lists change seldom, so a step works with what was read a while ago.
"""

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any

from activities.outside.superoffice.client import SuperOffice
from activities.outside.superoffice.fields import SLOTS
from activities.outside.superoffice.values import own_name
from flows.catalog import suggestion
from flows.ports import NotDone

_KEPT = timedelta(minutes=10)
_LAYOUTS = {"person": "/Person", "company": "/Contact"}


class Lists:
    """Reads lists. `kept`: for how long what was read is good."""

    def __init__(self, client: SuperOffice, clock: Callable[[], datetime], kept: timedelta = _KEPT) -> None:
        self._client = client
        self._clock = clock
        self._kept = kept
        self._known: dict[str, tuple[datetime, Mapping[int, str]]] = {}

    async def items(self, name: str) -> Mapping[int, str]:
        """The names of a list's items, by their numbers."""
        known = self._known.get(name)
        if known is not None and self._clock() - known[0] < self._kept:
            return known[1]
        found = await self._client.get(f"/MDOList/{name}?flat=True")
        items = {int(each["Id"]): str(each["Name"]) for each in found or () if not each.get("Deleted")}
        self._known[name] = (self._clock(), items)
        return items

    async def id(self, name: str, item: object) -> int:
        """The number of an item that is given by its number or its name. Raises NotDone, for good if there is none."""
        given = str(item).strip()
        if given.isdecimal():
            return int(given)
        items = await self.items(name)
        number = number_of(items, given)
        if number is None:
            remedy = suggestion(given, [*items.values()]) or "Write the name or number of one of its items."
            raise NotDone(f"SuperOffice's list {name} has no item “{given}”. {remedy.strip()}", retryable=False)
        return number

    async def of_field(self, path: str, theirs: str) -> str:
        """The name of the list that a user-defined field takes its items from. Raises NotDone."""
        name = (await self._of_fields(path)).get(theirs)
        if name is None:
            what = f"The list of SuperOffice's field {theirs} is not known: write the item's number."
            raise NotDone(what, retryable=False)
        return name

    async def by_field(self) -> Mapping[str, str]:
        """Every field whose values are items of a list, and that list, by their names; associates are no such items."""
        found = {field: slot.list for field, slot in SLOTS.items() if slot.list not in ("", "associate")}
        for of, path in _LAYOUTS.items():
            for theirs, name in (await self._of_fields(path)).items():
                found.setdefault(f"{of}.custom.{own_name(theirs)}", name)
        return dict(sorted(found.items()))

    async def _of_fields(self, path: str) -> Mapping[str, str]:
        """The lists of user-defined fields, by each name that a field has there."""
        layout: list[Mapping[str, Any]] = await self._client.get(f"{path}/UdefLayout") or []
        found: dict[str, str] = {}
        for field in layout:
            for theirs in (field.get("ProgId"), f"SuperOffice:{field.get('UdefIdentity')}"):
                if theirs and field.get("MdoListName"):
                    found.setdefault(str(theirs), str(field["MdoListName"]))
        return found


def number_of(items: Mapping[int, str], given: str) -> int | None:
    """The number of the item that is given by its number or its name; None: it is none of them."""
    text = given.strip().casefold()
    if text.isdecimal():
        return next((number for number in items if str(number) == text), None)
    return next((number for number, name in items.items() if name.casefold() == text), None)
