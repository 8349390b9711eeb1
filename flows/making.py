"""What steps ask of a CRM that makes things and gives people owners (STEP_6-9): requests, as those of `flows.ports`."""

from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Literal

from flows.units import Duration


@dataclass(frozen=True, slots=True)
class Origin:
    """Whose journey makes something, and where: kept with what is made."""

    person: str
    participant: str
    flow: str
    step: str


@dataclass(frozen=True, slots=True)
class FreeTime:
    """The first free time in the owner's diary, `after` so long from now (STEP_6).

    `zone` and `country` (whose public holidays are free) hold for an owner without its own. `length` None: as long as
    the type says.
    """

    after: Duration | None
    length: timedelta | None
    zone: str
    country: str | None


@dataclass(frozen=True, slots=True)
class CreateFollowUp:
    """Put something into an associate's diary (STEP_6). `owners`: the first of these associates who is there."""

    origin: Origin
    title: str
    type: str | None
    owners: tuple[str, ...]
    when: date | FreeTime
    project: str | None = None
    agenda: str = ""
    files: tuple[str, ...] = ()
    links: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class CreateRequest:
    """Make a request (STEP_7). What is None is as the type says; `owners` None: by the category's rule."""

    origin: Origin
    title: str
    type: str | None
    status: str | None
    category: str | None
    priority: str | None
    owners: tuple[str, ...] | None
    message: str = ""


@dataclass(frozen=True, slots=True)
class CreateSale:
    """Make a sale (STEP_8). What is None is as the type says, counted in the flow's zone and its country's workdays.

    `owners`: the first of these associates who is there.
    """

    origin: Origin
    title: str
    type: str | None
    stage: str | None
    owners: tuple[str, ...]
    date: date | None
    zone: str
    country: str | None
    amount: Decimal | None = None
    currency: str | None = None
    description: str = ""
    project: str | None = None


Owner = Literal["our_contact", "our_service_contact"]


@dataclass(frozen=True, slots=True)
class GiveOwner:
    """Give the person this owner: what handing out in another CRM has come to (STEP_9)."""

    person: str
    owner: Owner
    associate: str


@dataclass(frozen=True, slots=True)
class Distribute:
    """Give the person an owner, in turn (STEP_9): one of the associates, or of the group's members."""

    origin: Origin
    owner: Owner
    associates: tuple[str, ...]
    group: str | None
    fallback: str | None
