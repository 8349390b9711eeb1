"""Which requests of steps a CRM that is not ours carries out."""

from collections.abc import Collection
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """What a CRM that is not ours carries out: these requests leave our store, through a port.

    Of `copied` ones our store keeps a copy of what they lead to. Steps of `unkeyed` kinds have effects whose repetition
    that CRM cannot tell: in doubt they are left to a person (SAFE_2).
    """

    requests: Collection[type] = ()
    copied: Collection[type] = ()
    unkeyed: Collection[str] = ()


NOTHING_ELSEWHERE = Elsewhere()
