"""What forms and tracked links do by themselves at each submission or click (STEP_23): steps without a journey."""

from collections.abc import Iterator, Sequence
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, PlainSerializer, TypeAdapter

from flows import fields
from flows.catalog import Catalog
from flows.definition import Flow
from flows.problems import Problem
from flows.reply import Reply
from flows.steps.add_to import AddTo
from flows.steps.base import Action
from flows.steps.create_follow_up import CreateFollowUp
from flows.steps.create_request import CreateRequest
from flows.steps.send_email import SendEmail
from flows.steps.update_person import UpdatePerson

MOST = 50

Reaction = Annotated[AddTo | UpdatePerson | CreateRequest | CreateFollowUp | Reply, Field(discriminator="kind")]
"""What happens inside our own store is part of what sets it off; what leaves it is planned there, and done after."""


def _with_ids(given: Any) -> Any:
    """A reaction needs no id of its own: nobody ever stands at it."""
    if not isinstance(given, list):
        return given
    return [
        {"id": f"action-{number}", **each} if isinstance(each, dict) else each
        for number, each in enumerate(given, start=1)
    ]


def _written(reactions: Sequence[Action]) -> list[dict[str, Any]]:
    return [each.model_dump(mode="json", by_alias=True, exclude_defaults=True, exclude={"id"}) for each in reactions]


Reactions = Annotated[list[Reaction], BeforeValidator(_with_ids), PlainSerializer(_written), Field(max_length=MOST)]
REACTIONS: TypeAdapter[list[Reaction]] = TypeAdapter(Reactions)

_MEANINGLESS = frozenset({"only_on", "on_error", "on_unknown", "over_cap", "transactional"})

NOWHERE = Flow(id="reactions")
"""The flow that reactions are in: none. Its zone is UTC, and it knows no country's holidays."""


def problems(reactions: Sequence[Action], catalog: Catalog) -> list[Problem]:
    """What is wrong with them, each with its place in the list."""
    with fields.declared(catalog.custom_fields()):
        return list(_problems(reactions, catalog))


def _problems(reactions: Sequence[Action], catalog: Catalog) -> Iterator[Problem]:
    for index, reaction in enumerate(reactions):
        for problem in (*reaction.problems(NOWHERE, catalog), *catalog.refusals(reaction)):
            if problem.severity == "error":
                yield problem.under(index)
        for setting in sorted(_MEANINGLESS & reaction.model_fields_set):
            what = f"{setting} means nothing here: there is no journey that could wait or go on."
            yield Problem(what, f"Remove {setting}.", (index, setting))


def repeated(step: Action, reaction: Action) -> bool:
    """Whether a step of a flow does what the reaction has done already."""
    if isinstance(step, AddTo) and isinstance(reaction, AddTo):
        return bool({*step.selection} & {*reaction.selection} or {*step.project} & {*reaction.project})
    if isinstance(step, UpdatePerson) and isinstance(reaction, UpdatePerson):
        done = [(change.field, change.change) for change in reaction.changes()]
        return any((change.field, change.change) in done for change in step.changes())
    if isinstance(step, CreateRequest | CreateFollowUp) and type(step) is type(reaction):
        return step.type == reaction.type
    return isinstance(step, SendEmail) and isinstance(reaction, Reply) and step.content == reaction.content
