"""Follow-ups, requests and sales: what flows have made, and what others make and change."""

import datetime as dt
from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field, PlainSerializer

from activities.crm.embedded import EmbeddedCrm
from activities.crm.tasks import FollowUpIn, RequestIn, SaleIn
from activities.crm.work import Work
from api.paging import Page, PagingDep
from api.resource import Kept, add_create, add_one, problems
from api.services import ServicesDep
from flows.model import Id

Money = Annotated[Decimal, PlainSerializer(lambda amount: float(amount), return_type=float)]


class Made(Kept):
    """What every follow-up, request and sale answers."""

    title: str
    type: str | None
    owner: str | None = Field(description="An associate's id.")
    participant: str = Field(description="The participation in which a flow made it; else empty.")
    flow: str = Field(description="The flow that made it; else empty.")
    step: str = Field(description="The flow's step that made it; else empty.")


class FollowUpPublic(Made):
    """A follow-up: a to-do with a due date, or a meeting."""

    person: str
    project: str | None
    agenda: str = Field(description="HTML, without scripts, styles, forms and handlers.")
    files: list[str]
    links: list[str]
    due: dt.date | None
    starts_at: datetime | None
    ends_at: datetime | None
    done: bool


class RequestPublic(Made):
    """A request."""

    person: str
    status: str
    state: Literal["open", "closed"] = Field(description="The kind of its status.")
    category: str | None
    priority: str
    message: str = Field(description="HTML, without scripts, styles, forms and handlers.")


class SalePublic(Made):
    """A sale."""

    person: str | None
    company: str | None
    stage: str
    state: Literal["open", "sold", "lost"] = Field(description="The kind of its stage.")
    amount: Money | None
    currency: str | None
    description: str
    project: str | None
    date: dt.date | None


def _add_list(
    router: APIRouter, plural: str, of: Callable[[EmbeddedCrm], Work[Any, Any]], public: type[BaseModel]
) -> None:
    """GET of the list, narrowed down to whom they are about, who made them, or whose they are."""
    word = plural.replace("-", "_")

    @router.get("", operation_id=f"list_{word}", summary=f"List {plural}", responses=problems(422))
    async def list_all(
        services: ServicesDep,
        paging: PagingDep,
        person: Annotated[Id | None, Query(description="Only of this person.")] = None,
        flow: Annotated[Id | None, Query(description="Only made by this flow.")] = None,
        participant: Annotated[Id | None, Query(description="Only made in this participation.")] = None,
        owner: Annotated[Id | None, Query(description="Only of this associate.")] = None,
    ) -> Page[public]:  # type: ignore[valid-type]
        where = {"person": person, "flow": flow, "participant": participant, "owner": owner}
        rows = await services.db.read(
            lambda session: of(services.crm).page(session, paging.after, paging.limit + 1, **where)
        )
        return paging.page(rows, public.model_validate, lambda row: str(row.id))


def _resource(
    noun: str,
    plural: str,
    of: Callable[[EmbeddedCrm], Work[Any, Any]],
    model: type[BaseModel],
    public: type[BaseModel],
) -> APIRouter:
    router = APIRouter(prefix=f"/{plural}", tags=[plural])
    _add_list(router, plural, of, public)
    add_create(router, noun, of, model, public)
    add_one(router, noun, of, model, public)
    return router


routers = (
    _resource("follow-up", "follow-ups", lambda crm: crm.follow_ups, FollowUpIn, FollowUpPublic),
    _resource("request", "requests", lambda crm: crm.requests, RequestIn, RequestPublic),
    _resource("sale", "sales", lambda crm: crm.sales, SaleIn, SalePublic),
)
