"""The mail that a form or link answers with by itself (STEP_23): a step send_email with a sender of its own."""

from collections.abc import Iterator

from pydantic import Field

from flows import senders
from flows.catalog import Catalog
from flows.definition import EmailSettings, Flow
from flows.facts import Facts
from flows.problems import Problem
from flows.senders import ReplyTo, Sender
from flows.steps.base import Move
from flows.steps.send_email import SendEmail


class Reply(SendEmail):
    """Sends the person a prepared e-mail that was asked for: it needs no consent, and counts for no cap."""

    transactional: bool = True
    from_: Sender = Field(
        alias="from",
        title="From",
        description="Who the e-mail comes from: an address, or the associate who looks after the person.",
        examples=["hello@fjord.example"],
    )
    reply_to: ReplyTo = Field(
        default="same_as_from",
        title="Reply to",
        description="Where answers go: same_as_from, an address, or the associate who looks after the person.",
    )

    def enter(self, flow: Flow, facts: Facts) -> Move:
        """As in a flow that sends from this sender."""
        email = EmailSettings.model_construct(from_=self.from_, reply_to=self.reply_to)
        return super().enter(flow.model_copy(update={"email": email}), facts)

    def problems(self, flow: Flow, catalog: Catalog) -> Iterator[Problem]:
        """Also what is wrong with the sender."""
        yield from super().problems(flow, catalog)
        yield from senders.problems(self.from_, "from")
        if self.reply_to != "same_as_from":
            yield from senders.problems(self.reply_to, "reply_to")
