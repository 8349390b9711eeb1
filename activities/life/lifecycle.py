"""The table of a flow's life: what each command leads to, and when a flow may be deleted or edited (LIFE).

One table: the command's transaction, the commands allowed now, and docs/lifecycle.md are made from it. Write that page:

    python -m activities.life.lifecycle > docs/lifecycle.md
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, get_args

from flows.outcome import Reason
from store.flows import FlowStatus
from workflows.contract import Command

S = FlowStatus
Edit = Literal["yes", "if allowed", "no"]

NO = "\N{EN DASH}"
COMMANDS: tuple[Command, ...] = get_args(Command)


@dataclass(frozen=True, slots=True)
class Row:
    """What a status allows. `to`: command -> the status it leads to; the same status: answered, changes nothing.

    `edit` "if allowed": the flow's current version says whether (EDIT_2).
    """

    to: Mapping[Command, FlowStatus] = field(default_factory=dict)
    delete: bool = False
    edit: Edit = "no"


TABLE: Mapping[FlowStatus, Row] = {
    S.DRAFT: Row({"run": S.RUNNING}, delete=True, edit="yes"),
    S.RUNNING: Row(
        {
            "run": S.RUNNING,
            "pause": S.PAUSED,
            "resume": S.RUNNING,
            "off": S.OFF,
            "close": S.CLOSED,
            "end": S.ENDED,
            "stop": S.STOPPED,
        },
        edit="if allowed",
    ),
    S.PAUSED: Row(
        {
            "run": S.RUNNING,
            "pause": S.PAUSED,
            "resume": S.RUNNING,
            "close": S.CLOSED,
            "end": S.ENDED,
            "stop": S.STOPPED,
        },
        delete=True,
        edit="yes",
    ),
    S.OFF: Row({"run": S.RUNNING, "off": S.OFF, "end": S.ENDED, "stop": S.STOPPED}, edit="yes"),
    S.CLOSED: Row({"close": S.CLOSED, "stop": S.STOPPED}),
    S.FINISHED: Row(),
    S.ENDED: Row({"run": S.RUNNING, "end": S.ENDED}, delete=True, edit="yes"),
    S.STOPPED: Row({"stop": S.STOPPED}),
}

ENDS: Mapping[FlowStatus, Reason] = {S.ENDED: Reason.FLOW_ENDED, S.STOPPED: Reason.FLOW_STOPPED}
"""The statuses in which nobody is inside any more, and why: they begin a new generation (LIFE_15)."""

MEANING: Mapping[Command, str] = {
    "run": "Start a flow, or let it go on after a pause or after it was off.",
    "pause": "Hold everyone where they are. New people queue before the first step.",
    "resume": "Let everyone go on from where they are.",
    "off": "Let nobody new in; those inside go on, and every action is skipped.",
    "close": "Let nobody new in; those inside go on to their end, then the flow is finished.",
    "end": "End a flow: nobody new, and everyone inside is cancelled. It can be run again.",
    "stop": "The emergency brake: everyone inside is cancelled where they are, for good.",
}


def allowed(status: FlowStatus) -> list[Command]:
    """The commands that a status allows and that change something."""
    return [command for command, to in TABLE[status].to.items() if to is not status]


def ever(status: FlowStatus, command: Command) -> bool:
    """Whether a flow of this status may be given the command, now or after other commands (LIFE_14)."""
    reached = {status}
    while more := {to for each in reached for to in TABLE[each].to.values()} - reached:
        reached |= more
    return any(command in TABLE[each].to for each in reached)


def leading_to_delete(status: FlowStatus) -> list[Command]:
    """The commands after which a flow of this status may be deleted (LIFE_6)."""
    return [command for command in allowed(status) if TABLE[TABLE[status].to[command]].delete]


def _cell(status: FlowStatus, command: Command) -> str:
    to = TABLE[status].to.get(command)
    return NO if to is None else "=" if to is status else to.value


def _page() -> str:
    columns = [*COMMANDS, "delete", "edit"]
    lines = [
        "# A flow's life",
        "",
        f"What each command leads to. `=` is answered and changes nothing, `{NO}` is refused with 409 and the commands",
        "allowed now. Made from the table in `activities/life/lifecycle.py` by `python -m activities.life.lifecycle`.",
        "",
        f"| status | {' | '.join(columns)} |",
        f"|{'---|' * (len(columns) + 1)}",
    ]
    for status, row in TABLE.items():
        cells = [_cell(status, command) for command in COMMANDS]
        edit = NO if row.edit == "no" else row.edit
        lines.append(f"| {status.value} | {' | '.join([*cells, 'yes' if row.delete else NO, edit])} |")
    lines += [
        "",
        "A closed flow is finished by itself, when the last has left. Duplicate, new version and archive work from",
        "every status.",
        "",
        *(f"* **{command}**: {MEANING[command]}" for command in COMMANDS),
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    print(_page())
