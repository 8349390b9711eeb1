"""What the steps that create in the CRM share: a title, an owner, dates, and the checks of what they refer to."""

import re
from abc import abstractmethod
from collections.abc import Iterator
from datetime import date
from typing import TYPE_CHECKING, Annotated, ClassVar, Self

from pydantic import BeforeValidator, Field, model_validator

from flows.calendar import Workdays, add
from flows.catalog import Catalog, Kind, unknown
from flows.facts import Facts
from flows.making import Origin
from flows.model import Id, Strict
from flows.ports import Request
from flows.problems import Problem
from flows.rich_text import clean
from flows.steps.base import Action, Do, Fail, Move
from flows.steps.merging import Merging, template_problems
from flows.templates import TemplateError
from flows.units import Duration

if TYPE_CHECKING:
    from flows.definition import Flow

CONTACTS = ("our_contact", "our_service_contact")
_LONGEST_TITLE = 300


class Nobody(ValueError):
    """There is no owner."""


class Day(Strict):
    """A date: fixed, or so long after the step is reached."""

    after: Duration | None = Field(
        default=None,
        title="After",
        description="So long after the step is reached; working days are those of the flow's calendar.",
        examples=["3 workdays", "2 weeks"],
    )
    on_date: date | None = Field(
        default=None, alias="date", title="Date", description="A fixed date.", examples=["2026-12-31"]
    )

    @model_validator(mode="after")
    def _one_of_them(self) -> Self:
        if (self.after is None) == (self.on_date is None):
            raise ValueError("Write one of after and date, for example {after: 3 workdays}.")
        return self

    def on(self, flow: "Flow", facts: Facts) -> date:
        """The date, in the flow's time zone."""
        if self.on_date is not None:
            return self.on_date
        assert self.after is not None
        moment = add(facts.now, self.after, flow.zone, Workdays(flow.settings.calendar))
        return moment.astimezone(flow.zone).date()


def as_day(given: object) -> object:
    """A day that is written as its duration or its date alone: `3 workdays`, `2026-12-31`."""
    if isinstance(given, date):
        return {"date": given}
    if isinstance(given, str):
        return {"date" if re.fullmatch("[0-9]{4}-[0-9]{2}-[0-9]{2}", given) else "after": given}
    return given


AnyDay = Annotated[Day, BeforeValidator(as_day, json_schema_input_type=Duration | date | Day)]


class Creating(Action):
    """A step that creates something in the CRM."""

    in_store: ClassVar[bool] = True

    title: str = Field(
        default="",
        title="Title",
        description="What it is called, with merge tags.",
        examples=["Call {{ person.name }}"],
    )

    def enter(self, flow: "Flow", facts: Facts) -> Move:
        """Asks for it; fails if a merge tag cannot be filled, or if there is nobody to own it."""
        try:
            return Do(self.request(flow, facts), self.summary())
        except TemplateError as error:
            return Fail(f"A text cannot be filled in: {error}")
        except Nobody as error:
            return Fail(str(error))

    @abstractmethod
    def request(self, flow: "Flow", facts: Facts) -> Request:
        """What is asked for. Errors: TemplateError, Nobody."""

    def origin(self, flow: "Flow", facts: Facts) -> Origin:
        """Whose journey makes it, and where."""
        return Origin(str(facts.person["id"]), facts.participant, flow.id, self.id)

    def filled(self, flow: "Flow", facts: Facts, source: str, *, html: bool = False) -> str:
        """A text with its merge tags filled in, rich text cleaned. Errors: TemplateError."""
        text = Merging(flow, facts).text(source, html=html)
        return clean(text) if html else text

    def filled_title(self, flow: "Flow", facts: Facts) -> str:
        """The title in one line, cut where it is too long. Errors: TemplateError."""
        return Merging(flow, facts).line(self.title)[:_LONGEST_TITLE]

    def problems(self, flow: "Flow", catalog: Catalog) -> Iterator[Problem]:
        """A missing title, unknown merge tags."""
        if not self.title.strip():
            yield Problem("The step has no title.", "Add title: what it is called.", ("title",))
        yield from text_problems(self.title, catalog, "title")


class Owned(Creating):
    """A step that creates something which an associate looks after."""

    owner: Id = Field(
        default="our_contact",
        title="Owner",
        description="Who looks after it: our_contact, our_service_contact, or an associate.",
        examples=["our_contact", "our_service_contact", "liv"],
    )
    fallback: Id | None = Field(
        default=None,
        title="Fallback",
        description="The associate who gets it where there is no such owner; without one, on_error decides.",
        examples=["liv"],
    )

    def owners(self, facts: Facts) -> tuple[str, ...]:
        """Who may own it: the first of these who is there. Errors: Nobody."""
        found = candidates(facts, self.owner, self.fallback)
        if not found:
            raise Nobody("The person has no such contact, and the step names no fallback.")
        return found

    def problems(self, flow: "Flow", catalog: Catalog) -> Iterator[Problem]:
        """Also unknown associates."""
        yield from super().problems(flow, catalog)
        yield from owner_problems(self.owner, self.fallback, catalog)


def candidates(facts: Facts, owner: str, fallback: str | None) -> tuple[str, ...]:
    """The associates that an owner and its fallback stand for, in order."""
    contacts = dict(zip(CONTACTS, (facts.owner, facts.service_owner), strict=True))
    wanted = contacts[owner].get("id") if owner in contacts else owner
    return tuple(str(each) for each in (wanted, fallback) if each)


def owner_problems(owner: str, fallback: str | None, catalog: Catalog) -> Iterator[Problem]:
    """Associates who do not exist, and people without an owner."""
    if owner not in CONTACTS:
        yield from unknown(catalog, ("associate",), owner, "owner")
    elif fallback is None:
        yield Problem(
            "People without such a contact have no owner here.",
            "Add fallback: an associate; else the step's on_error decides what happens to them.",
            ("owner",),
            severity="warning",
        )
    yield from unknown(catalog, ("associate",), fallback, "fallback")


def text_problems(source: str, catalog: Catalog, *where: str) -> Iterator[Problem]:
    """What is wrong with a template that stands at `where`."""
    for problem in template_problems(source, catalog):
        yield problem.at(0, 0).under(*where)


def not_permitted(catalog: Catalog, kind: Kind, type: str | None, setting: str, value: str | None) -> Iterator[Problem]:
    """The problem of a value that the type does not permit, if so."""
    permitted = catalog.choices(kind, type, setting)
    if value is not None and permitted is not None and value not in permitted:
        whose = f"of {type}" if type is not None else "without a type"
        yield Problem(f"There is no {setting} “{value}” {whose}.", f"Write one of {', '.join(permitted)}.", (setting,))
