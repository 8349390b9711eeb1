"""What there is: people, participations, flows, and what everybody reads of them. Nothing happens here."""

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from flows.experiment import Arm
from flows.outcome import Reason, Refusal, Status
from store.flows import ALL, FlowStatus
from tests.model.design import OUT, Design
from tests.model.queue import Queue
from workflows.contract import Command


@dataclass
class Paid:
    """An order was paid at that moment."""

    at: datetime
    order: str


@dataclass
class Someone:
    """A person: what the checks ask, what has been done to it, and what it has paid. `gone`: erased, or merged."""

    language: str | None = None
    former: bool = False
    deleted: bool = False
    gone: bool = False
    groups: set[str] = field(default_factory=set)
    done: Counter[str] = field(default_factory=Counter)
    paid: list[Paid] = field(default_factory=list)

    @property
    def excluded(self) -> bool:
        """It is on the exclusion list."""
        return OUT in self.groups


@dataclass(eq=False)
class Participation:
    """One participation. It stands at `step` since then, by the flow's `version`; an empty step is the flow's end.

    `rested` is how long a wait stood still, `acted` when it last did something, `order` what the latest event was
    about. `did` are the effects that have begun, and how each went. `untold`: Temporal has not heard of its retry.
    A message waits `until` then, for a `place` in the queue (of a generation, by the queue's clock) or for another of
    its `tries`; it was first `planned` then, and last left at `texted`.
    """

    person: str
    flow: str
    generation: int
    version: int
    status: Status
    step: str
    since: datetime
    enrolled: datetime
    acted: datetime
    cause: tuple[str, ...]
    order: str = ""
    key: str = ""
    arm: Arm | None = None
    id: str = ""
    reason: Reason | None = None
    paused: bool = False
    failing: bool = False
    lost: bool = False
    untold: bool = False
    until: datetime | None = None
    place: tuple[int, datetime] | None = None
    tries: int = 0
    planned: datetime | None = None
    texted: datetime | None = None
    met: bool = False
    converted: bool = False
    rested: timedelta = timedelta()
    passed: list[str] = field(default_factory=list)
    used: list[Paid] = field(default_factory=list)
    did: dict[str, str] = field(default_factory=dict)

    @property
    def holds(self) -> list[str]:
        """Why it may not move, whatever its flow does (PART_4)."""
        return [name for name in ("failing", "lost", "paused") if getattr(self, name)]


@dataclass
class Job:
    """The members of a selection, proposed page by page; `after` is the last who was."""

    again: bool
    after: str = ""
    done: bool = False
    enrolled: int = 0
    refused: Counter[Refusal] = field(default_factory=Counter)


@dataclass
class Life:
    """One flow: its versions, and its life. `still` is how long it has been paused in all."""

    versions: list[Design]
    status: FlowStatus = FlowStatus.DRAFT
    deleted: bool = False
    generation: int = 1
    ends: dict[int, Reason] = field(default_factory=dict)
    still: timedelta = timedelta()
    queue: Queue | None = None
    scheduled: list[tuple[datetime, Command]] = field(default_factory=list)
    jobs: list[Job] = field(default_factory=list)
    refused: Counter[Refusal] = field(default_factory=Counter)

    @property
    def design(self) -> Design:
        """The current version."""
        return self.versions[-1]


class State:
    """Everything at one moment."""

    def __init__(self) -> None:
        self.flows: dict[str, Life] = {}
        self.people: dict[str, Someone] = {}
        self.everyone: list[Participation] = []
        self.began: list[Participation] = []
        self.brakes: set[str] = set()
        self.provider = "works"
        self.lost: str | None = None
        self.hearing = True
        self.pages: int | None = None
        self.sent: list[str] = []

    def read(self, one: Participation) -> tuple[Status, Reason | None]:
        """LIFE_15: as everybody reads it, whoever belongs to an older generation is cancelled at once."""
        life = self.flows[one.flow]
        if one.status.inside and one.generation < life.generation:
            return Status.CANCELLED, life.ends[one.generation]
        return one.status, one.reason

    def inside(self, flow: str) -> list[Participation]:
        """Who is in a flow, in the order in which they came."""
        return [one for one in self.everyone if one.flow == flow and self.read(one)[0].inside]

    def paused(self, flow: str) -> bool:
        """LIFE_3, LIFE_16: nobody in the flow may move."""
        return self.flows[flow].status is FlowStatus.PAUSED or ALL in self.brakes

    def looks(self, one: Participation) -> None:
        """Who waits for a message to leave looks at once whether it may, if anything befalls it."""
        one.until = None

    def spared(self, one: Participation) -> bool:
        """LIFE_9, TRIG_12: nothing is done to it."""
        return self.flows[one.flow].status is FlowStatus.OFF or one.arm is Arm.CONTROL
