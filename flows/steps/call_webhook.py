"""Call webhook: a signed call to a named endpoint, whose answer may decide what comes later (STEP_22)."""

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import BeforeValidator, Field

from flows import ports
from flows.catalog import Catalog, unknown
from flows.facts import Facts
from flows.model import Id
from flows.problems import Problem
from flows.steps.base import Do, Fail, Move
from flows.steps.calling import Calling
from flows.templates import TemplateError

if TYPE_CHECKING:
    from flows.definition import Flow

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,99}")
_OURS = ("id", "enrolled_at")

Keep = Annotated[
    dict[str, str],
    BeforeValidator(
        lambda value: {name: name for name in value} if isinstance(value, list) else value,
        json_schema_input_type=dict[str, str] | list[str],
    ),
]


class CallWebhook(Calling):
    """Calls another program at a named endpoint and goes on when it has answered; of the answer values can be kept."""

    kind: Literal["call_webhook"] = Field(
        title="Kind", description="Call another program at a named endpoint; what it answers can be kept."
    )
    endpoint: Id | None = Field(default=None, title="Endpoint", description="Which endpoint to call.", examples=["erp"])
    keep: Keep = Field(
        default_factory=dict,
        title="Keep",
        description="What to keep of the answer: names, each with the path of its value in the JSON that is answered; "
        "a list keeps values under their own names. Conditions and merge tags find them as participant.NAME.",
        examples=[{"score": "result.score"}, ["score", "segment"]],
    )

    def enter(self, flow: "Flow", facts: Facts) -> Move:
        """Asks for the call; fails if a merge tag cannot be filled."""
        if self.endpoint is None:
            return Fail("The step names no endpoint.")
        try:
            values = self.values(flow, facts)
        except TemplateError as error:
            return Fail(f"The data cannot be filled in: {error}")
        request = ports.CallWebhook(
            endpoint=self.endpoint,
            flow=flow.id,
            step=self.id,
            participant=facts.participant,
            person=str(facts.person["id"]),
            at=facts.since,
            values=values,
            keep=self.keep,
        )
        return Do(request, f"Called {self.endpoint}")

    def summary(self) -> str:
        """`Call webhook erp`."""
        return f"Call webhook {self.endpoint}"

    def problems(self, flow: "Flow", catalog: Catalog) -> Iterator[Problem]:
        """No endpoint or an unknown one, names that cannot be kept, merge tags that are wrong."""
        if self.endpoint is None:
            yield Problem("The step names no endpoint.", "Add endpoint: the id of one.", ("endpoint",))
        else:
            yield from unknown(catalog, ("endpoint",), self.endpoint, "endpoint")
        for name, path in self.keep.items():
            if not _NAME.fullmatch(name) or name in _OURS:
                remedy = "Use letters, digits and underscores; id and enrolled_at are taken."
                yield Problem(f"“{name}” cannot be kept on a participant.", remedy, ("keep", name))
            elif not all(path.split(".")):
                remedy = "Write the names of the answer's fields with dots between them, as in result.score."
                yield Problem(f"“{path}” is not a path in an answer.", remedy, ("keep", name))
        yield from super().problems(flow, catalog)
