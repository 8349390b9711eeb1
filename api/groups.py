"""Selections and projects, and who is in them."""

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field

from activities.crm.groups import PROJECT, SELECTION, Kind
from activities.crm.models import Incoming, NamedIn
from activities.crm.nouns import PROJECTS, SELECTIONS
from api.paging import Page, PagingDep
from api.resource import Kept, PathId, problems, resource
from api.services import ServicesDep
from flows.model import Id


class GroupPublic(Kept):
    """A selection or project."""

    name: str


class Members(Incoming):
    """People by their ids."""

    people: list[Id] = Field(min_length=1, max_length=10_000, title="People")


class Added(BaseModel):
    """How many have become members."""

    added: int
    already: int = Field(description="Members before.")


class Removed(BaseModel):
    """How many are members no longer."""

    removed: int
    absent: int = Field(description="No members before.")


class Member(BaseModel):
    """A person is in the group since `at`."""

    person: str
    at: datetime


def _add_members(router: APIRouter, kind: Kind) -> None:
    path = "/{id}/members"

    @router.get(
        path,
        operation_id=f"list_{kind.noun}_members",
        summary=f"List the members of a {kind.noun}",
        responses=problems(404, 422),
    )
    async def members(services: ServicesDep, paging: PagingDep, id: PathId) -> Page[Member]:
        rows = await services.db.read(
            lambda session: services.crm.groups.members(session, kind, id, paging.after, paging.limit + 1)
        )
        return paging.page(rows, lambda row: Member(person=row.person, at=row.at), lambda row: row.person)

    @router.post(
        path,
        operation_id=f"add_{kind.noun}_members",
        summary=f"Add people to a {kind.noun}",
        description="All of them or, if one is unknown, none. One who is a member already stays one.",
        responses=problems(404, 413, 415, 422),
    )
    async def add(
        services: ServicesDep,
        id: PathId,
        body: Members,
        fire_triggers: Annotated[
            bool | None,
            Query(description=f"Whether flows start by {kind.event}; left out: only if one person is added (TRIG_1)."),
        ] = None,
    ) -> Added:
        at, people = services.clock(), set(body.people)
        fire = len(people) == 1 if fire_triggers is None else fire_triggers
        added = await services.dispatcher.write(
            lambda session: services.crm.groups.add(session, kind, id, body.people, at, triggers=fire)
        )
        return Added(added=len(added), already=len(people) - len(added))

    @router.delete(
        path,
        operation_id=f"remove_{kind.noun}_members",
        summary=f"Remove people from a {kind.noun}",
        responses=problems(404, 413, 415, 422),
    )
    async def remove(services: ServicesDep, id: PathId, body: Members) -> Removed:
        people = sorted(set(body.people))
        removed = await services.dispatcher.write(lambda session: services.crm.groups.remove(session, kind, id, people))
        return Removed(removed=removed, absent=len(people) - removed)


selections = resource("/selections", "selection", "selections", lambda _: SELECTIONS, NamedIn, GroupPublic)
_add_members(selections, SELECTION)
projects = resource("/projects", "project", "projects", lambda _: PROJECTS, NamedIn, GroupPublic)
_add_members(projects, PROJECT)
