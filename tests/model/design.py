"""The flows of the walks: small, and each kind of step that behaves in its own way is there once.

`a`, `b`, `x` and `c` change the person, inside the store; `sms` leaves it; `rest` is a wait; `listen` waits for an
action. `end` finishes, and hands people over.
"""

from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from typing import Any, Literal

from flows.definition import Flow

CHANGES = frozenset("abxc")
ACTS = CHANGES | {"sms"}
WAITS = frozenset({"rest", "listen"})
ORDER = ("a", "rest", "sms", "b", "listen", "c", "end")
LISTENS = timedelta(days=5)
OUT = "out"
"""The exclusion list."""


@dataclass(frozen=True, slots=True)
class Design:
    """One version of a flow.

    `rests` are days; `share` is the control group's in percent; `hands` and `leaves` name other flows; `otherwise`
    is for whom `listen` waited in vain.
    """

    order: tuple[str, ...] = ORDER
    rests: int = 3
    listens: timedelta | None = LISTENS
    otherwise: Literal["continue", "exit"] = "continue"
    trigger: str = "order.placed"
    again: bool = False
    once: bool = True
    keyed: bool = False
    freeze: bool = False
    share: int = 0
    then: Literal["finish", "continue"] | None = None
    guard: bool = False
    editable: bool = True
    hands: str | None = None
    leaves: tuple[str, ...] = ()


@cache
def flow(id: str, design: Design) -> Flow:
    """The same as a flow file says it."""
    settings: dict[str, Any] = {
        "edit_while_running": design.editable,
        "guard_occupied_steps": design.guard,
        "waits_during_pause": "freeze" if design.freeze else "keep",
    }
    if design.share:
        settings["control_group"] = f"{design.share} percent"
    enrolment: dict[str, Any] = {
        "exclude": OUT,
        "once": design.once,
        "leave": list(design.leaves),
        "triggers": [{"event": design.trigger, "again": design.again}],
    }
    if design.keyed:
        enrolment["key"] = "event.order"
    given: dict[str, Any] = {
        "id": id, "name": id, "time_zone": "UTC", "settings": settings, "enrolment": enrolment,
        "sms": {"from": "Fjord"}, "steps": [_step(step, design) for step in design.order],
    }  # fmt: skip
    if design.then is not None:
        given["success"] = {"any": [{"event": "order.won"}], "then": design.then}
    return Flow.model_validate(given)


def _step(step: str, design: Design) -> dict[str, Any]:
    onward = {} if design.hands is None else {"add_to_flow": design.hands}
    if step == "rest":
        return {"id": step, "kind": "wait", "for": f"{design.rests} days"}
    if step == "listen":
        within = "none" if design.listens is None else f"{design.listens.days} days"
        wanted = {"actions": [{"event": "order.paid"}], "within": within, "otherwise": design.otherwise}
        return {"id": step, "kind": "wait_for_action", **wanted, **({"exit": onward} if onward else {})}
    if step == "sms":
        return {"id": step, "kind": "send_sms", "text": "Hello"}
    if step == "end":
        return {"id": step, "kind": "finish", **({"no_success": onward} if onward else {})}
    return {"id": step, "kind": "update_person", "increase": {f"person.custom.{step}": 1}}
