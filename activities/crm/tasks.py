"""Follow-ups, requests and sales as they come in."""

import datetime as dt
from decimal import Decimal
from typing import Annotated

from pydantic import AwareDatetime, Field, StringConstraints

from activities.crm.library import Url
from activities.crm.models import Incoming
from activities.crm.values import Ids, Line, Maybe, Name, Prose, RichText
from flows.model import Id

Currency = Annotated[str, StringConstraints(pattern=r"^[A-Z]{3}$")]
Money = Annotated[Decimal, Field(ge=0, max_digits=18, decimal_places=4)]


class FollowUpIn(Incoming):
    """What can be written of a follow-up: a to-do has `due`, a meeting `starts_at`."""

    person: Id = Field(title="Person", description="Whom it is about: an id.")
    title: Line = Field(default="", title="Title")
    type: Maybe[Id] = Field(default=None, title="Type", description="A follow-up type's id.")
    owner: Maybe[Id] = Field(default=None, title="Owner", description="Whose diary it is in: an associate's id.")
    project: Maybe[Id] = Field(default=None, title="Project", description="Its id.")
    agenda: RichText = Field(default="", title="Agenda", description="HTML; what could act is taken out.")
    files: Ids = Field(default_factory=list, max_length=100, title="Files", description="Files and images: ids.")
    links: list[Url] = Field(default_factory=list, max_length=100, title="Links", description="Web addresses.")
    due: dt.date | None = Field(default=None, title="Due", description="A to-do's date.")
    starts_at: AwareDatetime | None = Field(default=None, title="Starts", description="With its offset.")
    ends_at: AwareDatetime | None = Field(
        default=None, title="Ends", description="Without it, a meeting takes as long as its type says."
    )
    done: bool = Field(default=False, title="Done")


class RequestIn(Incoming):
    """What can be written of a request. What is left out is as its type says."""

    person: Id = Field(title="Person", description="Whose request it is: an id.")
    title: Line = Field(default="", title="Title")
    type: Maybe[Id] = Field(default=None, title="Type", description="A request type's id.")
    status: Maybe[Name] = Field(
        default=None, title="Status", description="One of the type's; or open, or closed: its first of that kind."
    )
    category: Maybe[Id] = Field(default=None, title="Category", description="Its id.")
    priority: Maybe[Name] = Field(default=None, title="Priority", description="One of the type's.")
    owner: Maybe[Id] = Field(default=None, title="Owner", description="An associate's id.")
    message: RichText = Field(default="", title="Message", description="HTML; what could act is taken out.")


class SaleIn(Incoming):
    """What can be written of a sale, on a person, a company, or both. What is left out is as its type says."""

    person: Maybe[Id] = Field(default=None, title="Person", description="Its id.")
    company: Maybe[Id] = Field(default=None, title="Company", description="Its id; without it, the person's.")
    title: Line = Field(default="", title="Title")
    type: Maybe[Id] = Field(default=None, title="Type", description="A sale type's id.")
    stage: Maybe[Name] = Field(
        default=None, title="Stage", description="One of the type's; or open, sold or lost: its first of that kind."
    )
    amount: Money | None = Field(default=None, title="Amount")
    currency: Maybe[Currency] = Field(default=None, title="Currency", description="ISO 4217, as in NOK.")
    description: Prose = Field(default="", title="Description")
    project: Maybe[Id] = Field(default=None, title="Project", description="Its id.")
    date: dt.date | None = Field(default=None, title="Date", description="When it is expected to be sold.")
    owner: Maybe[Id] = Field(default=None, title="Owner", description="An associate's id.")
