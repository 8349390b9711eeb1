"""The flows of the walks: small, and each kind of step that behaves in its own way is there once.

`a`, `b`, `x`, `c`, and on branches `n` and `d`, change the person, inside the store; `sms` leaves it; `rest` and `doze`
are waits; `listen` waits for an action; `fork` divides people by their language. `end` finishes, and hands people over.
"""

from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from typing import Any, Literal

from flows.definition import Flow

CHANGES = frozenset("abxcnd")
ACTS = CHANGES | {"sms"}
ORDER = ("a", "fork", "rest", "sms", "b", "listen", "c", "end")
MAIN_ROW = ""
WAYS = (("no", ("n", "doze")), ("de", ("d",)))
"""The branches of `fork` by language, and their steps. Below it everyone goes on together."""

LISTENS = timedelta(days=5)
DOZES = timedelta(days=2)
OUT, CHOSEN = "out", "chosen"
"""The exclusion list, and the selection into which exits put people, and which jobs enrol."""

PAGE = 2
"""So many people of a job are proposed in one transaction."""


@dataclass(frozen=True, slots=True)
class Design:
    """One version of a flow.

    `rests` are days; `throttle` lets so many messages leave in an hour; `share` is the control group's in percent;
    `hands` and `leaves` name other flows; `otherwise` is for whom `listen` waited in vain, `others` for whom no branch
    of `fork` takes, `on_error` for whom no message could leave.
    """

    order: tuple[str, ...] = ORDER
    ways: tuple[tuple[str, tuple[str, ...]], ...] = WAYS
    rests: int = 3
    listens: timedelta | None = LISTENS
    otherwise: Literal["continue", "exit"] = "continue"
    others: Literal["continue", "exit"] = "continue"
    trigger: str = "order.placed"
    again: bool = False
    once: bool = True
    keyed: bool = False
    freeze: bool = False
    share: int = 0
    throttle: int | None = None
    on_error: Literal["hold", "continue", "drop_out"] = "hold"
    then: Literal["finish", "continue"] | None = None
    guard: bool = False
    editable: bool = True
    hands: str | None = None
    leaves: tuple[str, ...] = ()

    @property
    def rows(self) -> dict[str, tuple[str, ...]]:
        """The flow's own sequence, and one for each way from `fork`."""
        return {MAIN_ROW: self.order, **(dict(self.ways) if "fork" in self.order else {})}

    @property
    def steps(self) -> frozenset[str]:
        """All that there are, wherever."""
        return frozenset(step for row in self.rows.values() for step in row)

    def row_of(self, step: str) -> str:
        """The sequence in which a step is."""
        return next(name for name, steps in self.rows.items() if step in steps)

    def after(self, step: str) -> str:
        """What follows a step: the next in its sequence, else what is below the fork; empty is the flow's end."""
        row = self.row_of(step)
        steps = self.rows[row]
        index = steps.index(step) + 1
        if index < len(steps):
            return steps[index]
        return "" if row == MAIN_ROW else self.after("fork")

    def into(self, way: str) -> str:
        """The first step of a way from `fork`; of an empty one, what is below."""
        steps = self.rows.get(way, ())
        return steps[0] if steps else self.after("fork")


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
    if design.throttle is not None:
        settings["throttle"] = {"flow": f"{design.throttle} per hour"}
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
    exit = {"add_to_selection": CHOSEN, **onward}
    if step == "rest":
        return {"id": step, "kind": "wait", "for": f"{design.rests} days"}
    if step == "doze":
        return {"id": step, "kind": "wait", "for": f"{DOZES.days} days"}
    if step == "fork":
        branches = [
            {
                "name": name,
                "when": {"field": "person.language", "op": "is", "value": name},
                "steps": [_step(each, design) for each in steps],
            }
            for name, steps in design.ways
        ]
        others = {"exit": exit} if design.others == "exit" else {}
        return {"id": step, "kind": "split", "branches": branches, "everyone_else": others}
    if step == "listen":
        within = "none" if design.listens is None else f"{design.listens.days} days"
        wanted = {"actions": [{"event": "order.paid"}], "within": within, "otherwise": design.otherwise}
        return {"id": step, "kind": "wait_for_action", **wanted, "exit": exit}
    if step == "sms":
        return {"id": step, "kind": "send_sms", "text": "Hello", "on_error": design.on_error}
    if step == "end":
        return {"id": step, "kind": "finish", **({"no_success": onward} if onward else {})}
    return {"id": step, "kind": "update_person", "increase": {f"person.custom.{step}": 1}}
