"""Notify by e-mail: tell one of us about the person (STEP_10)."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field

from flows.catalog import Catalog
from flows.facts import Facts, Values
from flows.ports import Email, Mailbox
from flows.problems import Problem
from flows.senders import address_problems, is_address, mailbox_of
from flows.steps.base import Channel, Do, Fail, Move
from flows.steps.merging import Merging, template_problems
from flows.steps.notification import Notification
from flows.templates import TemplateError

if TYPE_CHECKING:
    from flows.definition import Flow


class NotifyEmail(Notification):
    """Tells one of us, or several, about the person in a plain e-mail."""

    channel: ClassVar[Channel] = "email"

    kind: Literal["notify_email"] = Field(title="Kind", description="Tell one of us about the person by e-mail.")
    subject: str = Field(
        default="",
        title="Subject",
        description="The subject, with merge tags.",
        examples=["{{ person.name }} wants to be called"],
    )
    text: str = Field(default="", title="Text", description="The message, with merge tags; plain text.")

    def enter(self, flow: "Flow", facts: Facts) -> Move:
        """Asks for the e-mail; fails if nobody is to be told, without sender, or if a merge tag cannot be filled."""
        to = self.recipients(facts, _mailbox, lambda mailbox: mailbox.address.casefold())
        if not to:
            return Fail("There is nobody to notify: those named have no address, and there is no fallback.")
        sender = flow.email.from_.mailbox(facts) if flow.email.from_ else None
        if sender is None:
            return Fail("There is no from address: the person has no such contact, and the flow names no fallback.")
        merging = Merging(flow, facts)
        try:
            subject, text = merging.line(self.subject), merging.text(self.text)
        except TemplateError as error:
            return Fail(f"The message cannot be filled in: {error}")
        email = Email(
            facts.message, to[0], sender, None, subject, "", text, also=tuple(to[1:]), unsubscribe=False, tracked=False
        )
        return Do(email, "Notified by e-mail" + (f" {len(to)} of us" if len(to) > 1 else ""))

    def summary(self) -> str:
        """`Notify our_contact by e-mail`."""
        return f"Notify {', '.join(self.to)} by e-mail"

    def problems(self, flow: "Flow", catalog: Catalog) -> Iterator[Problem]:
        """Nobody named, wrong addresses, no subject or text, unknown merge tags, no sender."""
        yield from self.recipient_problems(catalog, is_address, address_problems)
        if flow.email.from_ is None:
            remedy = "Add from under email: an address, or {owner: our_contact, fallback: an address}."
            yield Problem("The step sends e-mail, and the flow does not say from whom.", remedy)
        for part in ("subject", "text"):
            source = getattr(self, part)
            if not source.strip():
                yield Problem(f"The notification has no {part}.", f"Add {part}.", (part,))
            for problem in template_problems(source, catalog):
                yield problem.at(0, 0).under(part)


def _mailbox(name: str, associate: Values) -> Mailbox | None:
    mailbox = Mailbox(name) if is_address(name) else mailbox_of(associate)
    return mailbox if mailbox.address else None
