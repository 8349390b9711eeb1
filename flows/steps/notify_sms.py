"""Notify by SMS: tell one of us about the person (STEP_11)."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field

from flows.catalog import Catalog
from flows.facts import Facts, Values
from flows.ports import Sms
from flows.problems import Problem
from flows.sms import mobile_of, segments
from flows.steps.base import Channel, Do, Fail, Move
from flows.steps.notification import Notification
from flows.steps.send_sms import sms_problems, sms_text
from flows.templates import TemplateError

if TYPE_CHECKING:
    from flows.definition import Flow


class NotifySms(Notification):
    """Tells one of us, or several, about the person by SMS."""

    channel: ClassVar[Channel] = "sms"

    kind: Literal["notify_sms"] = Field(title="Kind", description="Tell one of us about the person by SMS.")
    text: str = Field(
        default="", title="Text", description="The text, with merge tags.", examples=["Call {{ person.name }} today"]
    )
    from_: str | None = Field(
        default=None,
        alias="from",
        title="From",
        description="The sender that phones show; without it the flow's own.",
        examples=["FjordCoffee"],
    )

    def enter(self, flow: "Flow", facts: Facts) -> Move:
        """Asks for the SMS; fails if nobody is to be told, without sender, or if a merge tag cannot be filled."""
        to = self.recipients(facts, _number, str)
        if not to:
            return Fail("There is nobody to notify: those named have no mobile number, and there is no fallback.")
        sender = self.from_ or flow.sms.from_
        if not sender:
            return Fail("Neither the step nor the flow says from whom SMS come.")
        try:
            text = sms_text(self.text, flow, facts)
        except TemplateError as error:
            return Fail(f"The text cannot be filled in: {error}")
        several = f" {len(to)} of us" if len(to) > 1 else ""
        return Do(
            Sms(facts.message, to[0], sender, text, also=tuple(to[1:])), f"Notified by SMS{several} ({segments(text)})"
        )

    def summary(self) -> str:
        """`Notify our_contact by SMS`."""
        return f"Notify {', '.join(self.to)} by SMS"

    def problems(self, flow: "Flow", catalog: Catalog) -> Iterator[Problem]:
        """Nobody named, wrong numbers, no text, no sender, unknown merge tags."""
        yield from self.recipient_problems(catalog, _is_number, _number_problems)
        yield from sms_problems(self.text, self.from_, flow, catalog)


def _is_number(name: str) -> bool:
    return name.startswith("+")


def _number_problems(name: str, *where: str | int) -> Iterator[Problem]:
    if not mobile_of({"mobile": name}):
        yield Problem(f"“{name}” is not a number that takes SMS.", "Write it as in +47 400 00 000.", where)


def _number(name: str, associate: Values) -> str | None:
    return mobile_of({"mobile": name} if _is_number(name) else associate) or None
