"""Which requests of steps, forms and links a CRM that is not ours carries out."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from activities.crm.catalog import Refuses, nothing_refused
from flows.ports import Done


def as_asked(request: Any, _: Done) -> Any:
    """The copy does the same."""
    return request


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """What a CRM that is not ours carries out: these requests leave our store, through a port.

    `copies` says what is done in our store's copy when one was done there. Steps and reactions of `unkeyed` kinds have
    effects whose repetition that CRM cannot tell: in doubt they are left to a person (SAFE_2). `refuses` are the
    problems of a step that it can never do (LIFE_2).
    """

    requests: Collection[type] = ()
    copies: Mapping[type, Callable[[Any, Done], Any]] = field(default_factory=dict)
    unkeyed: Collection[str] = ()
    refuses: Refuses = nothing_refused


NOTHING_ELSEWHERE = Elsewhere()
