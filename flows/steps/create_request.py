"""Create request: a ticket of the person (STEP_7)."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Literal

from pydantic import Field

from flows.catalog import Catalog, unknown
from flows.facts import Facts
from flows.making import CreateRequest as Request
from flows.model import Id
from flows.problems import Problem
from flows.steps.creating import Creating, Nobody, candidates, not_permitted, owner_problems, text_problems

if TYPE_CHECKING:
    from flows.definition import Flow


class CreateRequest(Creating):
    """Creates a request of the person, and gives it to somebody."""

    kind: Literal["create_request"] = Field(title="Kind", description="Create a request of the person.")
    type: Id | None = Field(
        default=None,
        title="Type",
        description="The request type; it decides the statuses and priorities, and the usual ones.",
        examples=["complaint"],
    )
    status: str | None = Field(
        default=None,
        title="Status",
        description="One of the type's statuses; or open, or closed, for its first of that kind.",
        examples=["open"],
    )
    category: Id | None = Field(default=None, title="Category", description="What it is about.")
    priority: str | None = Field(default=None, title="Priority", description="One of the type's priorities.")
    owner: Id = Field(
        default="automatic",
        title="Owner",
        description="our_contact, our_service_contact or an associate; automatic: by the category's rule; nobody: the "
        "category's members answer for it.",
        examples=["automatic", "nobody", "our_service_contact", "liv"],
    )
    fallback: Id | None = Field(
        default=None,
        title="Fallback",
        description="The associate who gets it where there is no such owner; without one, on_error decides.",
        examples=["liv"],
    )
    message: str = Field(
        default="",
        title="Message",
        description="What is asked or told: rich text (HTML) with merge tags.",
        examples=["<p>{{ person.name }} of {{ company.name }} wants to be called.</p>"],
    )

    def request(self, flow: "Flow", facts: Facts) -> Request:
        """The request, its texts filled in."""
        return Request(
            origin=self.origin(flow, facts),
            title=self.filled_title(flow, facts),
            type=self.type,
            status=self.status,
            category=self.category,
            priority=self.priority,
            owners=self._owners(facts),
            message=self.filled(flow, facts, self.message, html=True),
        )

    def _owners(self, facts: Facts) -> tuple[str, ...] | None:
        if self.owner in ("automatic", "nobody"):
            return None if self.owner == "automatic" else ()
        found = candidates(facts, self.owner, self.fallback)
        if not found:
            raise Nobody("The person has no such contact, and the step names no fallback.")
        return found

    def summary(self) -> str:
        """`Create request complaint`."""
        return f"Create request {self.type or ''}".strip()

    def problems(self, flow: "Flow", catalog: Catalog) -> Iterator[Problem]:
        """Unknown types, categories, associates, and what the type does not permit."""
        yield from super().problems(flow, catalog)
        yield from unknown(catalog, ("request_type",), self.type, "type")
        yield from unknown(catalog, ("category",), self.category, "category")
        if self.type is None or catalog.exists("request_type", self.type):
            yield from not_permitted(catalog, "request_type", self.type, "status", self.status)
            yield from not_permitted(catalog, "request_type", self.type, "priority", self.priority)
        yield from text_problems(self.message, catalog, "message")
        if self.owner == "automatic" and self.category is None:
            yield Problem(
                "Nobody gets the request: it is assigned by the category's rule, and has no category.",
                "Add category, or an owner.",
                ("owner",),
                severity="warning",
            )
        if self.owner in ("automatic", "nobody"):
            yield from unknown(catalog, ("associate",), self.fallback, "fallback")
        else:
            yield from owner_problems(self.owner, self.fallback, catalog)
