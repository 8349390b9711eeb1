"""The kinds of follow-ups, requests and sales, the categories of requests, and custom fields."""

from typing import Literal

from activities.crm.custom import CustomFieldIn, Of
from activities.crm.kinds import CategoryIn, FollowUpField, FollowUpTypeIn, RequestTypeIn, SaleTypeIn, Stage, Status
from activities.crm.nouns import CATEGORIES, CUSTOM_FIELDS, FOLLOW_UP_TYPES, REQUEST_TYPES, SALE_TYPES
from api.resource import Kept, resource


class FollowUpTypePublic(Kept):
    """A type of follow-ups."""

    name: str
    date: Literal["due", "meeting", "either"]
    minutes: int
    fields: list[FollowUpField]


class RequestTypePublic(Kept):
    """A type of requests."""

    name: str
    statuses: list[Status]
    default_status: str | None
    priorities: list[str]
    default_priority: str | None


class CategoryPublic(Kept):
    """A category of requests."""

    name: str
    members: list[str]
    assign: Literal["evenly", "fewest_open", "our_contact", "our_service_contact"]


class SaleTypePublic(Kept):
    """A type of sales."""

    name: str
    stages: list[Stage]
    default_stage: str | None
    duration: str
    guide: list[str]


class CustomFieldPublic(Kept):
    """A custom field."""

    of: Of
    key: str
    name: str
    type: Literal["text", "number", "date", "datetime", "flag", "list", "any"]
    choices: list[str]


routers = (
    resource(
        "/follow-up-types",
        "follow-up type",
        "follow-up types",
        lambda _: FOLLOW_UP_TYPES,
        FollowUpTypeIn,
        FollowUpTypePublic,
    ),
    resource(
        "/request-types",
        "request type",
        "request types",
        lambda _: REQUEST_TYPES,
        RequestTypeIn,
        RequestTypePublic,
    ),
    resource("/categories", "category", "categories", lambda _: CATEGORIES, CategoryIn, CategoryPublic),
    resource("/sale-types", "sale type", "sale types", lambda _: SALE_TYPES, SaleTypeIn, SaleTypePublic),
    resource(
        "/custom-fields", "custom field", "custom fields", lambda _: CUSTOM_FIELDS, CustomFieldIn, CustomFieldPublic
    ),
)
