"""Companies."""

from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import Field

from activities.crm.companies import Companies
from activities.crm.embedded import EmbeddedCrm
from activities.crm.models import CompanyIn
from activities.crm.values import Custom, Line
from api.paging import Page, PagingDep
from api.resource import Kept, add_create, add_one, problems
from api.services import ServicesDep


class CompanyPublic(Kept):
    """A company."""

    external_id: str | None
    name: str
    category: str | None
    country: str | None
    employees: int | None
    our_contact: str | None = Field(description="An associate's id.")
    custom: Custom


def _companies(crm: EmbeddedCrm) -> Companies:
    return crm.companies


router = APIRouter(prefix="/companies", tags=["companies"])


@router.get("", operation_id="list_companies", summary="List companies", responses=problems(422))
async def list_companies(
    services: ServicesDep,
    paging: PagingDep,
    external_id: Annotated[Line | None, Query(description="Only the one with this key.")] = None,
) -> Page[CompanyPublic]:
    rows = await services.db.read(
        lambda session: _companies(services.crm).page(session, paging.after, paging.limit + 1, external_id)
    )
    return paging.page(rows, CompanyPublic.model_validate, lambda company: company.id)


add_create(router, "company", _companies, CompanyIn, CompanyPublic)
add_one(router, "company", _companies, CompanyIn, CompanyPublic)
