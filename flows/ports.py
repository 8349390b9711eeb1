"""The doors to the world: what a step asks for, and what comes back.

A step never acts by itself. It prepares a *request* (plain data, everything already rendered), the journey's activity
hands it to the port that serves that kind of request, exactly once (SAFE_1), and the answer is one of three:

    Done      it happened
    NotDone   it did not happen, nothing was handed over; may be tried again if `retryable` (SAFE_2)
    Silence   it was handed over and no answer was heard; nobody knows (SAFE_2)
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Literal, Protocol, TypeVar

from flows.making import CreateFollowUp, CreateRequest, CreateSale, Distribute


@dataclass(frozen=True, slots=True)
class Mailbox:
    """An e-mail address with an optional display name."""

    address: str
    name: str = ""


@dataclass(frozen=True, slots=True)
class Email:
    """One e-mail, rendered: subject, html and text hold final text, merge values already escaped in html.

    `message` is the opaque id of the message's row and is what tracking tokens carry. `html` or `text` may be empty.
    `attachments` are file ids. `links` maps the URLs of registered links in it to ids. `campaign` holds the tags that
    are appended to the links' targets. The literal `ferd:unsubscribe` in html and text stands for the recipient's
    unsubscribe address, which only the mail adapter can make: `person` then gets no more mails of `flow`. `tracked`
    False: clicks and openings are none of our business. `also` get the same mail beside `to`.
    """

    message: str
    to: Mailbox
    sender: Mailbox
    reply_to: Mailbox | None
    subject: str
    html: str
    text: str
    attachments: tuple[str, ...] = ()
    links: Mapping[str, str] = field(default_factory=dict)
    campaign: Mapping[str, str] = field(default_factory=dict)
    unsubscribe: bool = True
    tracked: bool = True
    also: tuple[Mailbox, ...] = ()
    person: str = ""
    flow: str = ""


@dataclass(frozen=True, slots=True)
class Sms:
    """One SMS, rendered. `message` is the id of the message's row, `to` a number in E.164; `also` get the same."""

    message: str
    to: str
    sender: str
    text: str
    also: tuple[str, ...] = ()


Change = Literal["set", "clear", "add", "remove", "increase", "decrease", "copy"]


@dataclass(frozen=True, slots=True)
class FieldChange:
    """One change of one field (STEP_3). `field` is `person.…` or `company.…`; `copy` names its source in `value`."""

    field: str
    change: Change
    value: object = None


@dataclass(frozen=True, slots=True)
class ChangePerson:
    """Change fields of a person or the person's company: all of them or none (STEP_3)."""

    person: str
    changes: tuple[FieldChange, ...]


@dataclass(frozen=True, slots=True)
class ChangeMembership:
    """Add a person to selections and projects, or remove it (STEP_4, STEP_5). `create` makes a missing selection."""

    person: str
    change: Literal["add", "remove"]
    selections: tuple[str, ...] = ()
    projects: tuple[str, ...] = ()
    create: bool = False


@dataclass(frozen=True, slots=True)
class CallWebhook:
    """Call a named endpoint (STEP_22). `at` is when the participant came to the step: the same on every try.

    `keep`: name on the participant -> dotted path in the JSON that is answered.
    """

    endpoint: str
    flow: str
    step: str
    participant: str
    person: str
    at: datetime
    values: Mapping[str, object] = field(default_factory=dict)
    keep: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class StartScript:
    """Start a named script and do not wait for it (STEP_12)."""

    script: str
    flow: str
    step: str
    participant: str
    person: str
    values: Mapping[str, object] = field(default_factory=dict)


Request = (
    Email
    | Sms
    | ChangePerson
    | ChangeMembership
    | CreateFollowUp
    | CreateRequest
    | CreateSale
    | Distribute
    | CallWebhook
    | StartScript
)


@dataclass(frozen=True, slots=True)
class Done:
    """The effect happened. `provider_id` is the other side's name for it; `text` is a sentence for the journal.

    `kept` are values that stay on the participant (STEP_22).
    """

    provider_id: str = ""
    text: str = ""
    data: Mapping[str, str] = field(default_factory=dict)
    kept: Mapping[str, object] = field(default_factory=dict)


class EffectError(Exception):
    """Root of what a port may raise about an effect.

    EffectError
    ├── NotDone
    └── Silence

    `text` is the provider's own text: it may hold personal data and stays in our store (SAFE_4).
    """

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.text = text


class NotDone(EffectError):
    """Nothing was handed over. `unreachable`: this recipient can never be reached this way.

    `retry_after`: how long the other side asks to be left alone before another try.
    """

    def __init__(
        self, text: str, *, retryable: bool, unreachable: bool = False, retry_after: timedelta | None = None
    ) -> None:
        super().__init__(text)
        self.retryable = retryable
        self.unreachable = unreachable
        self.retry_after = retry_after


class Silence(EffectError):
    """Handed over, and no answer heard: whether it happened is unknown."""


R = TypeVar("R", contravariant=True)


class Port(Protocol[R]):
    """Hands requests of one type to the world outside our store; raises NotDone and Silence.

    `key` is the effect's key: what the other side is given so that it can tell a repetition (SAFE_1). The same key
    always makes the same Message-ID, idempotency key, and so on.
    """

    async def send(self, request: R, key: str, /) -> Done:
        """Do it once."""


Mail = Port[Email]
"""Sends e-mail."""
