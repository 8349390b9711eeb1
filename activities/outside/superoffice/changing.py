"""Changes of a person and its company in SuperOffice: all of them or none, each once (STEP_3, SAFE_1, SAFE_2).

They are two entities there, and two JSON Patches. Everything is worked out before anything is written; where the second
is refused, the first is taken back. A patch that counts tests what it was worked out from: 409 says that somebody else
was faster, and it is worked out afresh. So the very same patch can be sent again when its answer was lost: it is done
once at most. If it is then refused, what was set is looked at; what was counted is left to a person.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from activities.outside.superoffice import values
from activities.outside.superoffice.client import Conflict, SuperOffice
from activities.outside.superoffice.fields import COMPANY, PERSON, Entity, Operation, Slot, slot
from activities.outside.superoffice.lists import Lists
from flows.ports import Done, FieldChange, NotDone, Silence

_TRIES = 5
_SELECT = {"person": PERSON, "company": COMPANY}


@dataclass(frozen=True, slots=True)
class _Edit:
    """One field gets a value. `counted`: it was worked out from what was there."""

    slot: Slot
    before: Any
    after: Any
    counted: bool

    def operations(self, entity: Entity) -> Iterable[Operation]:
        if self.counted and self.slot.path and self.before is not None:
            yield {"op": "test", "path": self.slot.path, "value": self.before}
        yield self.slot.write(entity, self.after)

    def back(self) -> "_Edit":
        return _Edit(self.slot, self.after, self.before, counted=True)


class Changing:
    """Carries out changes of fields."""

    def __init__(self, client: SuperOffice, lists: Lists) -> None:
        self._client = client
        self._lists = lists

    async def change(self, person: int, changes: Sequence[FieldChange]) -> Done:
        """Make these changes to the person with this number. Raises NotDone and Silence."""
        read = await self._read(person, changes)
        for root in read:  # before anything is written: what cannot be is refused as a whole
            await self._edits(root, read, changes)
        written: list[tuple[str, list[_Edit]]] = []
        for root in read:
            try:
                written.append((root, await self._write(root, read, changes)))
            except NotDone:
                await self._take_back(read, written)
                raise
        return Done()

    async def _read(self, person: int, changes: Sequence[FieldChange]) -> dict[str, Entity]:
        """The entities that are spoken of, by `person` and `company`, those to be written first."""
        here = await self._entity("person", f"/Person/{person}")
        named = {change.field.partition(".")[0] for change in changes}
        named |= {str(change.value).partition(".")[0] for change in changes if change.change == "copy"}
        if "company" not in named:
            return {"person": here}
        company = (here.get("Contact") or {}).get("ContactId")
        if not company:
            raise NotDone("The person has no company in SuperOffice.", retryable=False)
        return {"person": here, "company": await self._entity("company", f"/Contact/{company}")}

    async def _entity(self, root: str, path: str) -> Entity:
        found = await self._client.find(path, select=_SELECT[root])
        if found is None:
            raise NotDone(f"SuperOffice has no {path.strip('/')} any more.", retryable=False)
        return {**found, "_path": path}

    async def _write(self, root: str, read: dict[str, Entity], changes: Sequence[FieldChange]) -> list[_Edit]:
        """Write what concerns one entity; answers it. A Silence that is raised is the last word."""
        edits: list[_Edit] = []
        for _ in range(_TRIES):
            edits = await self._edits(root, read, changes)
            if not edits:
                return edits
            entity = read[root]
            try:
                await self._patch(entity, edits)
                return edits
            except Conflict:
                read[root] = await self._entity(root, entity["_path"])
        raise NotDone("It was changed by others at the same time, again and again.", retryable=True)

    async def _patch(self, entity: Entity, edits: Sequence[_Edit]) -> None:
        """Send the patch, and the very same once more if no answer was heard."""
        path, operations = entity["_path"], [each for edit in edits for each in edit.operations(entity)]
        try:
            await self._client.patch(path, operations)
            return
        except Silence as error:
            lost = error
        try:
            await self._client.patch(path, operations)
        except Conflict:
            raise Silence(f"{lost.text}; and it has changed since, by this or by somebody else") from None
        except NotDone as error:
            raise Silence(f"{lost.text}; and then: {error.text}") from error

    async def _take_back(self, read: dict[str, Entity], written: Sequence[tuple[str, list[_Edit]]]) -> None:
        """All or none: what was written before the rest was refused. Raises Silence if it cannot be taken back."""
        for root, edits in written:
            entity = read[root]
            back = [each for edit in edits for each in edit.back().operations(entity)]
            try:
                if back:
                    await self._client.patch(entity["_path"], back)
            except (Conflict, NotDone) as error:
                raise Silence(f"the {root} was changed, the rest was refused, and it was not taken back") from error

    async def _edits(self, root: str, read: dict[str, Entity], changes: Sequence[FieldChange]) -> list[_Edit]:
        entity = read[root]
        found = [await self._edit(entity, read, change) for change in changes if change.field.startswith(root + ".")]
        return [edit for edit in found if edit.before != edit.after]

    async def _edit(self, entity: Entity, read: dict[str, Entity], change: FieldChange) -> _Edit:
        place = _slot(change.field, entity)
        before = place.read(entity)
        counted = change.change in ("increase", "decrease", "copy")
        if change.change == "clear":
            after = values.encoded(place.empty, before)
        elif change.change in ("add", "remove"):
            ids = {await self._lists.id(place.list, each) for each in _several(change.value)}
            after = tuple(sorted({*before} | ids if change.change == "add" else {*before} - ids))
        elif change.change in ("increase", "decrease"):
            after = values.encoded(_counted(change, values.decoded(before)), before)
        else:
            given = change.value
            if change.change == "copy":
                source = read.get(str(given).partition(".")[0])
                if source is None:
                    raise NotDone(f"{given} cannot be copied in SuperOffice.", retryable=False)
                given = values.decoded(_slot(str(given), source).read(source))
            after = await self._given(entity, place, given, before)
        return _Edit(place, before, after, counted)

    async def _given(self, entity: Entity, place: Slot, value: object, before: object) -> Any:
        if place.list:
            several = [await self._lists.id(place.list, each) for each in _several(value)]
            return tuple(sorted(several)) if isinstance(before, tuple) else several[0]
        theirs = place.path.removeprefix("/CustomFields/")
        if theirs != place.path and values.is_list(entity, theirs) and not str(value).isdecimal():
            path = "/Person" if "PersonId" in entity else "/Contact"
            value = await self._lists.id(await self._lists.of_field(path, theirs), value)
        try:
            return values.encoded(value, before)
        except (TypeError, ValueError):
            raise NotDone(f"SuperOffice's field {theirs} cannot hold this value.", retryable=False) from None


def _slot(field: str, entity: Entity) -> Slot:
    place = slot(field, entity)
    if place is None:
        raise NotDone(f"The field {field} has no place in SuperOffice.", retryable=False)
    return place


def _counted(change: FieldChange, before: object) -> float | int:
    sign = 1 if change.change == "increase" else -1
    try:
        number = float(str(before or 0)) + sign * float(str(change.value))
    except ValueError:
        raise NotDone(f"{change.field} holds no number there.", retryable=False) from None
    return int(number) if number.is_integer() else number


def _several(value: object) -> Sequence[object]:
    return value if isinstance(value, list | tuple) else [value]
