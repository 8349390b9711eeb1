"""SuperOffice's lists, such as categories and sale types (MDO lists): an item by its number, or by its name.

Lists change seldom, so what was read is kept for a while.
"""

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from difflib import get_close_matches
from typing import Any

from activities.outside.superoffice.client import SuperOffice
from flows.ports import NotDone

_KEPT = timedelta(minutes=10)


class Lists:
    """Reads lists."""

    def __init__(self, client: SuperOffice, clock: Callable[[], datetime]) -> None:
        self._client = client
        self._clock = clock
        self._known: dict[str, tuple[datetime, Mapping[str, int]]] = {}

    async def items(self, name: str) -> Mapping[str, int]:
        """The numbers of a list's items, by their names."""
        kept = self._known.get(name)
        if kept is not None and self._clock() - kept[0] < _KEPT:
            return kept[1]
        found = await self._client.get(f"/MDOList/{name}?flat=True")
        items = {str(each["Name"]): int(each["Id"]) for each in found or () if not each.get("Deleted")}
        self._known[name] = (self._clock(), items)
        return items

    async def id(self, name: str, item: object) -> int:
        """The number of an item that is given by its number or its name. Raises NotDone, for good if there is none."""
        given = str(item).strip()
        if given.isdecimal():
            return int(given)
        items = await self.items(name)
        numbers = {known.casefold(): number for known, number in items.items()}
        if given.casefold() in numbers:
            return numbers[given.casefold()]
        near = get_close_matches(given, items, 1)
        remedy = f"Did you mean “{near[0]}”?" if near else "Write the name or number of one of its items."
        raise NotDone(f"SuperOffice's list {name} has no item “{given}”. {remedy}", retryable=False)

    async def of_field(self, path: str, theirs: str) -> str:
        """The name of the list that a user-defined field takes its items from. Raises NotDone."""
        layout: list[Mapping[str, Any]] = await self._client.get(f"{path}/UdefLayout") or []
        for field in layout:
            if theirs in (field.get("ProgId"), f"SuperOffice:{field.get('UdefIdentity')}") and field.get("MdoListName"):
                return str(field["MdoListName"])
        what = f"The list of SuperOffice's field {theirs} is not known: write the item's number."
        raise NotDone(what, retryable=False)
