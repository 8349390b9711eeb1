"""Members of selections and projects in SuperOffice (STEP_4, STEP_5): what is so already is fine.

A selection is named by its number there, or by its name.
"""

from activities.outside.superoffice.client import SuperOffice
from activities.outside.superoffice.numbers import number
from flows.ports import ChangeMembership, Done, NotDone


class Membership:
    """Adds and removes members."""

    def __init__(self, client: SuperOffice) -> None:
        self._client = client

    async def change(self, person: int, company: int, request: ChangeMembership) -> Done:
        """Add the person to these selections and projects, or remove it. Raises NotDone and Silence."""
        add = request.change == "add"
        selections = [await self._selection(each, create=request.create and add) for each in request.selections]
        member = {"PersonId": person, "ContactId": company}
        for selection in selections:
            verb = "AddPerson" if add else "RemovePerson"
            await self._client.post(f"/Selection/{selection}/Members/{verb}", [member])
        for project in request.projects:
            await self._project(number(project, "project"), member, wanted=add)
        return Done()

    async def _selection(self, name: str, *, create: bool) -> int:
        if name.isdecimal():
            return int(name)
        found = await self._named(name)
        if found is None and create:
            await self._client.post("/Selection?$select=SelectionId", {**await self._new(), "Name": name})
            found = await self._named(name)  # of several who made it at once, all take the oldest
        if found is None:
            remedy = "Create it there, or say create: true."
            raise NotDone(f"SuperOffice has no selection “{name}”. {remedy}", retryable=False)
        return found

    async def _named(self, name: str) -> int | None:
        named = f"name is '{name.replace(chr(39), chr(39) * 2)}'"
        page = await self._client.get(
            "/Selection", select="selectionId,name", filter=named, orderBy="selectionId", top=1
        )
        return next((int(row["selectionId"]) for row in page.get("value", ()) if row.get("name") == name), None)

    async def _new(self) -> dict[str, object]:
        default = await self._client.get("/Selection/default")
        return {**(default or {}), "SelectionType": "Static", "TargetTableName": "contact"}

    async def _project(self, project: int, member: dict[str, int], *, wanted: bool) -> None:
        rows = self._client.rows(
            f"/Project/{project}/Members",
            select="projectMemberId,personId",
            filter=f"personId eq {member['PersonId']}",
            entities="projectMember,retired,stop",  # else those who have left are not seen
        )
        found = [int(row["projectMemberId"]) async for row in rows if row.get("personId") == member["PersonId"]]
        if wanted and not found:
            await self._client.post("/ProjectMember?$select=ProjectmemberId", {"ProjectId": project, **member})
        if not wanted:
            for id in found:
                await self._client.delete(f"/ProjectMember/{id}")
