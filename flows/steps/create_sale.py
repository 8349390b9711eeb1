"""Create sale: an opportunity with the person (STEP_8)."""

import datetime as dt
from collections.abc import Iterator
from decimal import Decimal
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import BeforeValidator, Field

from flows.catalog import Catalog, unknown
from flows.facts import Facts
from flows.making import CreateSale as Request
from flows.model import Id
from flows.problems import Problem
from flows.steps.create_follow_up import CreateFollowUp
from flows.steps.creating import Day, Owned, as_day, not_permitted, text_problems
from flows.units import Duration

if TYPE_CHECKING:
    from flows.definition import Flow

BY_TYPE = "by_type"


class CreateSale(Owned):
    """Creates a sale to the person for an associate to follow up."""

    kind: Literal["create_sale"] = Field(title="Kind", description="Create a sale to the person.")
    type: Id | None = Field(
        default=None,
        title="Type",
        description="The sale type; it decides the stages, the usual one and the usual date, and may have a guide.",
        examples=["machine"],
    )
    stage: str | None = Field(
        default=None,
        title="Stage",
        description="One of the type's stages; or open, sold or lost, for its first of that kind.",
        examples=["open"],
    )
    amount: float | int | None = Field(
        default=None, ge=0, le=10**12, title="Amount", description="What it is expected to bring.", examples=[12500]
    )
    currency: str | None = Field(
        default=None,
        pattern="^[A-Z]{3}$",
        title="Currency",
        description="Of the amount: three letters of ISO 4217.",
        examples=["NOK"],
    )
    description: str = Field(default="", title="Description", description="More about it, with merge tags.")
    project: Id | None = Field(default=None, title="Project", description="The project it belongs to.")
    date: Annotated[
        Literal["by_type"] | Day,
        BeforeValidator(
            lambda given: given if given == BY_TYPE else as_day(given),
            json_schema_input_type=Literal["by_type"] | Duration | dt.date | Day,
        ),
    ] = Field(
        default="by_type",
        title="Date",
        description="When it is expected to be sold: by_type, as the sale type says; or so long from now.",
        examples=["by_type", {"after": "30 days"}, "10 workdays"],
    )

    def request(self, flow: "Flow", facts: Facts) -> Request:
        """The sale, its texts filled in."""
        return Request(
            origin=self.origin(flow, facts),
            title=self.filled_title(flow, facts),
            type=self.type,
            stage=self.stage,
            owners=self.owners(facts),
            date=self.date.on(flow, facts) if isinstance(self.date, Day) else None,
            zone=flow.time_zone,
            country=flow.settings.calendar,
            amount=Decimal(str(self.amount)) if self.amount is not None else None,
            currency=self.currency,
            description=self.filled(flow, facts, self.description),
            project=self.project,
        )

    def summary(self) -> str:
        """`Create sale machine`."""
        return f"Create sale {self.type or ''}".strip()

    def problems(self, flow: "Flow", catalog: Catalog) -> Iterator[Problem]:
        """Unknown references, a stage that the type does not have, and an owner whom nothing tells of the sale."""
        yield from super().problems(flow, catalog)
        yield from unknown(catalog, ("sale_type",), self.type, "type")
        yield from unknown(catalog, ("project",), self.project, "project")
        if self.type is None or catalog.exists("sale_type", self.type):
            yield from not_permitted(catalog, "sale_type", self.type, "stage", self.stage)
        yield from text_problems(self.description, catalog, "description")
        if self.amount is not None and self.currency is None:
            yield Problem("The amount has no currency.", "Add currency.", ("currency",), severity="warning")
        told = (step.owner for _, step in flow.walk() if isinstance(step, CreateFollowUp))
        if self.owner not in told:
            yield Problem(
                "No follow-up tells the owner of the sale.",
                "Add a create_follow_up with the same owner to the flow.",
                ("owner",),
                severity="warning",
            )
