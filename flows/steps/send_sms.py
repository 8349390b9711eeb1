"""Send SMS: a text, with the person's data merged in (STEP_2)."""

import unicodedata
from collections.abc import Iterator
from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field

from flows import templates
from flows.catalog import Catalog
from flows.facts import Facts
from flows.outcome import HandOver, Reason
from flows.ports import Sms
from flows.problems import Problem
from flows.sms import MOST_SEGMENTS, is_sender, mobile_of, segments
from flows.steps.base import Channel, Do, Fail, GoOn, Leave, Message, Move, hand_over_problems
from flows.steps.merging import Merging, template_problems
from flows.templates import TemplateError

if TYPE_CHECKING:
    from flows.definition import Flow


class SendSms(Message):
    """Sends an SMS to the person."""

    channel: ClassVar[Channel] = "sms"

    kind: Literal["send_sms"] = Field(title="Kind", description="Send an SMS.")
    text: str = Field(
        default="",
        title="Text",
        description="The text, with merge tags. It is sent in segments: of 160 letters, or 153 each if there are "
        "several; with letters outside the GSM alphabet 70, or 67.",
        examples=["A cup on us, {{ person.first_name }}"],
    )
    from_: str | None = Field(
        default=None,
        alias="from",
        title="From",
        description="The sender that phones show; without it the flow's own.",
        examples=["FjordCoffee"],
    )
    without_mobile: Literal["continue", "exit"] = Field(
        default="continue",
        title="Without mobile",
        description="What happens to people without a mobile number: on to the next step, or out of the flow.",
    )
    exit: HandOver | None = Field(
        default=None, title="Exit", description="Where people go who exit because they have no mobile number."
    )

    def enter(self, flow: "Flow", facts: Facts) -> Move:
        """Asks for the SMS, rendered; fails without sender or text, or if a merge tag cannot be filled."""
        sender = self.from_ or flow.sms.from_
        if not sender:
            return Fail("Neither the step nor the flow says from whom SMS come.")
        try:
            text = sms_text(self.text, flow, facts)
        except TemplateError as error:
            return Fail(f"The text cannot be filled in: {error}")
        if not text:
            return Fail("The text is empty.")
        size = segments(text)
        if size.count > MOST_SEGMENTS:
            return Fail(f"The text takes {size.count} segments; {MOST_SEGMENTS} are possible.")
        return Do(Sms(facts.message, mobile_of(facts.person), sender, text), f"Sent SMS ({size})")

    def without_address(self) -> GoOn | Leave:
        """As the step says (STEP_2)."""
        if self.without_mobile == "exit":
            return Leave(Reason.NO_MOBILE, "no mobile number", self.exit)
        return GoOn("no mobile number", skipped=True)

    def summary(self) -> str:
        """`Send SMS`."""
        return "Send SMS"

    def problems(self, flow: "Flow", catalog: Catalog) -> Iterator[Problem]:
        """No text, no sender, unknown merge tags, a text that takes several segments, unknown hand-overs."""
        yield from sms_problems(self.text, self.from_, flow, catalog)
        yield from hand_over_problems(self.exit, flow, catalog, "exit")


def sms_text(source: str, flow: "Flow", facts: Facts) -> str:
    """The text that is sent. Errors: TemplateError."""
    # Composed letters: å in two halves is in no alphabet of SMS.
    return unicodedata.normalize("NFC", Merging(flow, facts).text(source)).strip()


def sms_problems(text: str, sender: str | None, flow: "Flow", catalog: Catalog) -> Iterator[Problem]:
    """What is wrong with the text and the sender of a step that sends SMS."""
    if sender is None and flow.sms.from_ is None:
        what = "The step does not say from whom the SMS comes, and neither does the flow."
        remedy = "Add from under sms: up to 11 letters and digits, or a number with country code."
        yield Problem(what, remedy, ("from",))
    if sender is not None and not is_sender(sender):
        yield sender_problem(sender, "from")
    if not text.strip():
        yield Problem("The SMS has no text.", "Add text.", ("text",))
        return
    found = [problem.at(0, 0).under("text") for problem in template_problems(text, catalog)]
    yield from found
    if found:
        return
    if "unsubscribe_url" in templates.variables(text):
        remedy = "Remove it; people answer STOP."
        yield Problem("An SMS has no address for unsubscribing.", remedy, ("text",))
    size = segments(templates.render(text, {}, html=False).strip())
    if size.count > MOST_SEGMENTS:
        what = f"The text takes at least {size.count} segments; {MOST_SEGMENTS} are possible."
        yield Problem(what, "Make it shorter.", ("text",))
    elif size.count > 1:
        least = "at least " if "{" in text else ""
        what = f"The text takes {least}{size}; each segment is charged."
        remedy = "Make it shorter if one segment is meant: 160 letters of the GSM alphabet, or 70 others."
        yield Problem(what, remedy, ("text",), severity="warning")


def sender_problem(sender: str, *where: str) -> Problem:
    """That phones cannot show this sender."""
    return Problem(
        f"“{sender[:40]}” cannot be the sender of an SMS.",
        "Write up to 11 letters and digits, a short code, or a number with country code such as +47 400 00 000.",
        where,
    )
