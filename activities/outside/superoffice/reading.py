"""Reads from SuperOffice what our copy is made of."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

from activities.outside.superoffice.client import SuperOffice
from activities.outside.superoffice.fields import COMPANY, PERSON, Entity

AT_ONCE = 4
"""Entities read at once: SuperOffice serves others too."""
_MEMBERS = {"Selection": "/Selection/{}/Members", "Project": "/Project/{}/Members"}
_EVERYBODY = {"Selection": {}, "Project": {"entities": "projectMember,retired,stop"}}


class Reading:
    """Reads. Raises NotDone where SuperOffice cannot be asked now."""

    def __init__(self, client: SuperOffice) -> None:
        self._client = client

    async def person(self, number: int) -> Entity | None:
        """A person; None: there is none any more."""
        return await self._client.find(f"/Person/{number}", select=PERSON)

    async def company(self, number: int) -> Entity | None:
        """A company; None: there is none any more."""
        found = await self._client.find(f"/Contact/{number}", select=f"{COMPANY},Deleted")
        return None if found is None or found.get("Deleted") else found

    async def entity(self, path: str) -> Entity | None:
        """Any other entity; None: there is none."""
        return await self._client.find(path)

    async def numbers(self, noun: str, key: str, after: int, most: int, **query: object) -> list[int]:
        """The numbers of people or companies that come after that one. A page is asked for by number, not by how many
        to skip: there, skipping reads all that is skipped."""
        page = await self._client.get(
            f"/{noun}", select=key, filter=f"{key} gt {after}", orderBy=key, top=most, **query
        )
        return [int(row[key]) for row in page.get("value", ())]

    async def named(self, noun: str, after: int, most: int) -> list[tuple[int, str]]:
        """Selections or projects that come after that one, with their names."""
        key = f"{noun.lower()}Id"
        page = await self._client.get(
            f"/{noun}", select=f"{key},name", filter=f"{key} gt {after}", orderBy=key, top=most
        )
        return [(int(row[key]), str(row.get("name") or row[key])) for row in page.get("value", ())]

    async def name(self, noun: str, number: int) -> str | None:
        """The name of a selection or project; None: there is none."""
        found = await self._client.find(f"/{noun}/{number}", select="Name")
        return None if found is None else str(found.get("Name") or number)

    async def members(self, noun: str, number: int) -> set[int]:
        """The people who are in a selection or project."""
        rows = self._client.rows(_MEMBERS[noun].format(number), select="personId", **_EVERYBODY[noun])
        return {int(row["personId"]) async for row in rows if row.get("personId")}

    async def people(self, numbers: Sequence[int]) -> dict[int, Entity]:
        """These people, a few at once."""
        return await self._several(numbers, self.person)

    async def companies(self, numbers: Sequence[int]) -> dict[int, Entity]:
        """These companies, a few at once."""
        return await self._several(numbers, self.company)

    async def custom_fields(self) -> dict[tuple[str, str], str]:
        """The user-defined and extra fields: (of whom, name there) -> label."""
        found: dict[tuple[str, str], str] = {}
        for of, noun in (("person", "Person"), ("company", "Contact")):
            for field in await self._client.get(f"/{noun}/CustomField") or ():
                name = str(field["FieldName"])
                found[of, name] = str(field.get("DisplayName") or name)
        return found

    async def users(self) -> dict[int, Mapping[str, Any]]:
        """The associates: they are few."""
        rows = self._client.rows("/User", select="associateDbId,fullName,personEmail,isActive", orderBy="associateDbId")
        found: dict[int, Mapping[str, Any]] = {}
        async for row in rows:
            key = str(row.get("associateDbId") or "")
            found[int(key if key.isdecimal() else row["PrimaryKey"])] = row
        return found

    async def _several(self, numbers: Sequence[int], read: Any) -> dict[int, Entity]:
        places = asyncio.Semaphore(AT_ONCE)

        async def one(number: int) -> Entity | None:
            async with places:
                found: Entity | None = await read(number)
                return found

        entities = await asyncio.gather(*(one(number) for number in numbers))
        return {number: each for number, each in zip(numbers, entities, strict=True) if each is not None}
