"""Companies."""

from fastapi import APIRouter
from pydantic import Field

from activities.crm.companies import Companies
from activities.crm.embedded import EmbeddedCrm
from activities.crm.models import CompanyIn
from activities.crm.values import Custom
from api.resource import Kept, resource


class CompanyPublic(Kept):
    """A company."""

    name: str
    category: str | None
    country: str | None
    employees: int | None
    our_contact: str | None = Field(description="An associate's id.")
    custom: Custom


def _companies(crm: EmbeddedCrm) -> Companies:
    return crm.companies


router: APIRouter = resource("/companies", "company", "companies", _companies, CompanyIn, CompanyPublic)
