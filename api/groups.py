"""Selections and projects, and who is in them."""

from collections.abc import Sequence
from datetime import datetime
from functools import partial
from typing import Annotated

from fastapi import APIRouter, Query, Request
from pydantic import BaseModel, Field

from activities.crm.groups import PROJECT, SELECTION, Kind
from activities.crm.models import Incoming, NamedIn
from activities.crm.nouns import PROJECTS, SELECTIONS
from api.engine import Engine, engine_of
from api.enrolment_jobs import ForecastPublic, shown
from api.paging import Page, PagingDep
from api.resource import Kept, PathId, problems, resource
from api.services import ServicesDep
from flows.model import Id

PAGE = 500  # people in a transaction


class GroupPublic(Kept):
    """A selection or project."""

    name: str


class Members(Incoming):
    """People by their ids."""

    people: list[Id] = Field(min_length=1, max_length=10_000, title="People")


class FlowForecast(ForecastPublic):
    """What people's joining would lead to in one flow."""

    flow: str


class Added(BaseModel):
    """How many have become members, or, after a dry run, would."""

    added: int
    already: int = Field(description="Members before.")
    flows: list[FlowForecast] | None = Field(
        default=None, description="Dry run: what each flow that listens would do with those added (TRIG_7)."
    )


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
        response_model_exclude_none=True,
        responses=problems(404, 413, 415, 422),
    )
    async def add(
        services: ServicesDep,
        request: Request,
        id: PathId,
        body: Members,
        fire_triggers: Annotated[
            bool | None,
            Query(description=f"Whether flows start by {kind.event}; left out: only if one person is added (TRIG_1)."),
        ] = None,
        dry_run: Annotated[
            bool, Query(description="Change nothing; answer whom flows would enrol if triggers were fired (TRIG_7).")
        ] = False,
    ) -> Added:
        at, people = services.clock(), set(body.people)
        if dry_run:
            return await _rehearse(engine_of(request), kind, id, body.people)
        fire = len(people) == 1 if fire_triggers is None else fire_triggers
        groups, added = services.crm.groups, 0
        # All are looked at before any is added; then page by page, so that nobody has to wait for thousands.
        new = await services.db.read(lambda session: groups.newcomers(session, kind, id, body.people))
        for first in range(0, len(new), PAGE):
            page = partial(groups.add, kind=kind, group=id, people=new[first : first + PAGE], at=at, triggers=fire)
            added += len(await services.dispatcher.write(page))
        return Added(added=added, already=len(people) - added)

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


async def _rehearse(engine: Engine, kind: Kind, group: str, people: Sequence[str]) -> Added:
    """What adding these people, and firing triggers by it, would lead to."""
    jobs, at = engine.core.jobs, engine.clock()
    added = await engine.db.read(lambda session: engine.crm.groups.newcomers(session, kind, group, people))
    flows = await engine.db.read(lambda session: jobs.listening(session, kind, group)) if added else []
    forecasts = [
        FlowForecast(flow=flow.id, **shown(await jobs.who_joins(engine.db, flow, kind, group, added, at)).model_dump())
        for flow in flows
    ]
    return Added(added=len(added), already=len(set(people)) - len(added), flows=forecasts)


selections = resource("/selections", "selection", "selections", lambda _: SELECTIONS, NamedIn, GroupPublic)
_add_members(selections, SELECTION)
projects = resource("/projects", "project", "projects", lambda _: PROJECTS, NamedIn, GroupPublic)
_add_members(projects, PROJECT)
