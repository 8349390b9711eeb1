"""Settings that are read and kept, and that this version does not carry out: each use of one is a warning.

Whoever builds one strikes its line off.
"""

from collections.abc import Callable, Iterator

from flows.definition import Flow
from flows.problems import Place, Problem

_PENDING: tuple[tuple[Place, Callable[[Flow], object]], ...] = (
    (("settings", "throttle"), lambda flow: flow.settings.throttle),
    (("settings", "circuit_breaker"), lambda flow: flow.settings.circuit_breaker),
)


def pending(flow: Flow) -> Iterator[Problem]:
    """A warning for each setting of the flow that is not carried out yet."""
    for place, used in _PENDING:
        if used(flow):
            yield _warning(str(place[-1]), place)


def _warning(name: str, place: Place) -> Problem:
    return Problem(
        f"{name} is understood and kept, but not carried out by this version.",
        "The flow can run without it; remove it if that would surprise anyone.",
        place,
        severity="warning",
    )
