"""What notify_email and notify_sms share: which of us is told about the person (STEP_10, STEP_11)."""

from collections.abc import Callable, Iterator
from typing import Annotated, TypeVar

from pydantic import BeforeValidator, Field

from flows.catalog import Catalog, unknown
from flows.facts import Facts, Values
from flows.problems import Problem
from flows.steps.base import Sending

OUR_CONTACT, OUR_SERVICE_CONTACT = "our_contact", "our_service_contact"

T = TypeVar("T")

Recipients = Annotated[
    list[str],
    BeforeValidator(lambda value: [value] if isinstance(value, str) else value, json_schema_input_type=str | list[str]),
]


class Notification(Sending):
    """A step that tells one of us about the person. It is no message to the person: no consent, no window, no cap."""

    to: Recipients = Field(
        default_factory=list,
        title="To",
        description="our_contact, our_service_contact, an address of your own, an associate's id, or a list of these; "
        "who has no address is passed over.",
        examples=["our_contact", ["our_service_contact", "ida"]],
    )
    fallback: str | None = Field(
        default=None,
        title="Fallback",
        description="Who is told if nobody of those has an address; without it the step's on_error decides.",
    )

    def recipients(self, facts: Facts, address: Callable[[str, Values], T | None], key: Callable[[T], str]) -> list[T]:
        """The addresses, each once: those with one `key` are the same.

        `address` makes one of what is written and the associate it stands for.
        """
        for names in (self.to, [self.fallback] if self.fallback else []):
            given: dict[str, T] = {}
            for name in names:
                found = address(name, _associate(name, facts))
                if found is not None:
                    given.setdefault(key(found), found)
            if given:
                return list(given.values())
        return []

    def recipient_problems(
        self, catalog: Catalog, is_address: Callable[[str], bool], wrong: Callable[..., Iterator[Problem]]
    ) -> Iterator[Problem]:
        """Nobody named, unknown associates, and nobody to fall back on; `wrong` says it of an address and its place."""
        if not self.to:
            yield Problem("The step notifies nobody.", "Add to: our_contact, for example.", ("to",))
        given = [(name, ("to", index)) for index, name in enumerate(self.to)]
        found = [
            problem
            for name, where in [*given, *([(self.fallback, ("fallback",))] if self.fallback else [])]
            if name not in (OUR_CONTACT, OUR_SERVICE_CONTACT)
            for problem in (wrong(name, *where) if is_address(name) else unknown(catalog, ("associate",), name, *where))
        ]
        yield from found
        if not found and self.fallback is None and self.to and not any(is_address(name) for name in self.to):
            yield Problem(
                "Where none of these has an address, nobody is told.",
                "Add fallback: an address, or an associate; else the step's on_error decides what happens.",
                ("to",),
                severity="warning",
            )


def _associate(name: str, facts: Facts) -> Values:
    """The associate that a name stands for; nothing for an address."""
    if name == OUR_CONTACT:
        return facts.owner
    return facts.service_owner if name == OUR_SERVICE_CONTACT else facts.records.associate(name)
