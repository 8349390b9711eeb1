"""What flows send and refer to: content, links, forms, subscription types."""

from typing import Literal

from pydantic import JsonValue

from activities.crm.library import ContentIn, FormField, FormIn, LinkIn
from activities.crm.models import NamedIn
from activities.crm.nouns import CONTENT, SUBSCRIPTION_TYPES
from api.resource import Kept, resource


class ContentPublic(Kept):
    """A prepared e-mail: Liquid sources, and the ids of files that always go along."""

    name: str
    state: Literal["draft", "ready"]
    subject: str
    html: str
    text: str
    attachments: list[str]


class LinkPublic(Kept):
    """A tracked link."""

    name: str
    url: str
    actions: list[dict[str, JsonValue]]


class FormPublic(Kept):
    """A form."""

    name: str
    fields: list[FormField]
    thanks_url: str | None
    thanks_text: str | None
    actions: list[dict[str, JsonValue]]
    new_people: dict[str, JsonValue]


class SubscriptionTypePublic(Kept):
    """A kind of mail that people can want or turn away from."""

    name: str


routers = (
    resource("/content", "content", "content", lambda _: CONTENT, ContentIn, ContentPublic),
    resource("/links", "link", "links", lambda crm: crm.links, LinkIn, LinkPublic),
    resource("/forms", "form", "forms", lambda crm: crm.forms, FormIn, FormPublic),
    resource(
        "/subscription-types",
        "subscription type",
        "subscription types",
        lambda _: SUBSCRIPTION_TYPES,
        NamedIn,
        SubscriptionTypePublic,
    ),
)
