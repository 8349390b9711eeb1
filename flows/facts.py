"""What is known when a step is entered: the person, the flow, the moment, and where to look the rest up."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Protocol

Values = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Happening:
    """Something that a person did or that was done to one: a stored event.

    `data` is what came with it: `form` and the form's fields under `fields`, `link` and `message` for clicks, anything
    for events with a dot in their name.
    """

    id: str
    type: str
    at: datetime
    data: Values


@dataclass(frozen=True, slots=True)
class Content:
    """A prepared e-mail (STEP_1): Liquid sources, and the ids of the files that always go with it."""

    id: str
    name: str
    ready: bool
    subject: str
    html: str
    text: str
    attachments: tuple[str, ...] = ()


class Records(Protocol):
    """Where a step looks up what is not carried along. Each call may read the store; none changes it."""

    def member_of(self, group: str) -> bool:
        """Whether the person is in the selection or project with this id."""

    def content(self, content: str) -> Content | None:
        """The prepared e-mail with this id."""

    def associate(self, associate: str) -> Values:
        """The associate with this id; empty if there is none."""

    def links(self) -> Mapping[str, str]:
        """The registered links, id -> URL; each is looked up when it is asked for."""

    def registered(self, html: str, text: str) -> Mapping[str, str]:
        """The web addresses in a mail that are registered links: URL -> id."""

    def happenings(
        self, types: Collection[str], since: datetime | None = None, *, unused: bool = False
    ) -> Sequence[Happening]:
        """The person's events of these types from `since` on, the earliest first, machine clicks left out.

        `unused`: only those that no wait of this participant has used yet, and that did not enrol it (STEP_14).
        """

    def settling(self, types: Collection[str], until: datetime) -> datetime | None:
        """When it will be known whether an event of these types, not later than `until`, counts (STEP_24).

        None: nothing is in doubt.
        """

    def last_sent(self, link: str | None, content: str | None = None) -> datetime | None:
        """When this journey last sent a mail with this link and content (None: with any). None: it never did."""

    def last_acted(self) -> datetime:
        """When the latest step of this journey that did something began; the enrolment if none did (STEP_14)."""


@dataclass(frozen=True, slots=True)
class Facts:
    """Everything a step may decide from. Times are aware and in UTC.

    `since` is when the participant came to stand at the step being entered; it equals `now` on arrival.
    `person`, `company`, `owner` (our contact) and `service_owner` (our service contact) are field -> value;
    empty where there is none. `event` is the data of the event that triggered the enrolment or was waited for last.
    `values` are kept on the participant (STEP_22). `message` is the id that a message sent
    by this step will get. `used` are the events that a step just walked through has used: they satisfy no other wait.
    `frozen` is for how long the wait has stood still since then, because of pauses (LIFE_12).
    """

    now: datetime
    since: datetime
    participant: str
    enrolled_at: datetime
    person: Values
    company: Values
    owner: Values
    service_owner: Values
    records: Records
    event: Values = field(default_factory=dict)
    values: Values = field(default_factory=dict)
    message: str = ""
    used: Collection[str] = ()
    frozen: timedelta = timedelta()

    @property
    def form(self) -> Values:
        """What was filled in: the event's `fields`, as forms of ours tell it; without any, its data, as others may."""
        fields = self.event.get("fields")
        return fields if isinstance(fields, Mapping) else self.event

    def namespace(self) -> dict[str, Any]:
        """The roots that fields in conditions and merge tags start from (CONTRACT.md)."""
        return {
            "person": self.person,
            "company": self.company,
            "owner": self.owner,
            "event": self.event,
            "form": self.form,
            "participant": {"id": self.participant, "enrolled_at": self.enrolled_at, **self.values},
        }
