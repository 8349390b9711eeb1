"""Whom an e-mail comes from and where answers go: a fixed address, or the associate who looks after the person."""

from collections.abc import Iterator
from typing import Annotated, Literal

from email_validator import EmailNotValidError, validate_email
from pydantic import BeforeValidator, Discriminator, Field, Tag

from flows.facts import Facts, Values
from flows.model import Strict
from flows.ports import Mailbox
from flows.problems import Problem


def mailbox_of(someone: Values) -> Mailbox:
    """The address of a person or an associate; its address is empty if they have none."""
    return Mailbox(str(someone.get("email") or ""), str(someone.get("name") or ""))


def is_address(text: str) -> bool:
    """Whether a name in a flow file is an e-mail address."""
    return "@" in text


class FixedSender(Strict):
    """An e-mail address with an optional name."""

    address: str | None = Field(
        default=None, title="Address", description="The e-mail address.", examples=["hello@fjord.example"]
    )
    name: str = Field(default="", title="Name", description="The name shown with it.", examples=["Fjord Coffee"])

    def mailbox(self, facts: Facts) -> Mailbox | None:
        """The address; None while it is missing."""
        return Mailbox(self.address, self.name) if self.address else None


def _as_address(value: object) -> object:
    return {"address": value} if isinstance(value, str) else value


Fallback = Annotated[FixedSender, BeforeValidator(_as_address, json_schema_input_type=str | FixedSender)]


class OwnerSender(Strict):
    """The associate who looks after the person."""

    owner: Literal["our_contact", "our_service_contact"] = Field(
        title="Owner", description="Which associate: the person's contact, or their service contact."
    )
    fallback: Fallback | None = Field(
        default=None,
        title="Fallback",
        description="Used where the person has no such associate, or that one no address; "
        "without it the step's on_error decides.",
        examples=["hello@fjord.example"],
    )

    def mailbox(self, facts: Facts) -> Mailbox | None:
        """The associate's address, else the fallback; None if there is neither."""
        associate = mailbox_of(facts.owner if self.owner == "our_contact" else facts.service_owner)
        if associate.address:
            return associate
        return self.fallback.mailbox(facts) if self.fallback else None


def _tag(value: object) -> str:
    by_owner = "owner" in value if isinstance(value, dict) else isinstance(value, OwnerSender)
    return "<owner>" if by_owner else "<fixed>"


_Either = Annotated[
    Annotated[FixedSender, Tag("<fixed>")] | Annotated[OwnerSender, Tag("<owner>")], Discriminator(_tag)
]

Sender = Annotated[_Either, BeforeValidator(_as_address, json_schema_input_type=str | FixedSender | OwnerSender)]
"""A fixed sender, also as a bare address, or the person's associate (STEP_1)."""


def _reply_tag(value: object) -> str:
    return "<same>" if isinstance(value, str) else _tag(value)


ReplyTo = Annotated[
    Annotated[
        Annotated[Literal["same_as_from"], Tag("<same>")]
        | Annotated[FixedSender, Tag("<fixed>")]
        | Annotated[OwnerSender, Tag("<owner>")],
        Discriminator(_reply_tag),
    ],
    BeforeValidator(
        lambda value: value if value == "same_as_from" else _as_address(value),
        json_schema_input_type=Literal["same_as_from"] | str | FixedSender | OwnerSender,
    ),
]
"""A sender, or `same_as_from` (STEP_1)."""


def problems(sender: FixedSender | OwnerSender, *where: str) -> Iterator[Problem]:
    """What is wrong with a sender that stands at `where`."""
    if isinstance(sender, FixedSender):
        yield from _mailbox(sender, *where)
    elif sender.fallback is not None:
        yield from _mailbox(sender.fallback, *where, "fallback")
    else:
        yield Problem(
            "People without such a contact have no address here.",
            "Add fallback: an address; else the step's on_error decides what happens to them.",
            where,
            severity="warning",
        )


def _mailbox(sender: FixedSender, *where: str) -> Iterator[Problem]:
    if not sender.address:
        yield Problem("The e-mail address is missing.", "Add address.", (*where, "address"))
        return
    yield from address_problems(sender.address, *where, "address")
    if not sender.name.isprintable():
        remedy = "Write the name in one line."
        yield Problem("The name holds a line break or another control character.", remedy, (*where, "name"))


def address_problems(address: str, *where: str | int) -> Iterator[Problem]:
    """What is wrong with an e-mail address that stands at `where`."""
    try:
        validate_email(address, check_deliverability=False, globally_deliverable=False)
    except EmailNotValidError as error:
        remedy = f"Write an address such as hello@fjord.example. {error}"
        yield Problem(f"“{address}” is not an e-mail address.", remedy, where)
