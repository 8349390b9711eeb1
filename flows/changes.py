"""Two versions of a flow compared, in words: “wait breathe: for 3 days → 5 days” (EDIT_1)."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from flows.edits import Edit, own_settings
from flows.planning import Outline

ARROW = "\N{RIGHTWARDS ARROW}"


@dataclass(frozen=True, slots=True)
class Change:
    """One difference between two versions; `step` None: of the flow as a whole."""

    step: str | None
    what: Literal["added", "removed", "moved", "edited"]
    text: str


def changes(edit: Edit) -> list[Change]:
    """Everything that is different: the flow's settings, then its steps, in the order of the later version."""
    found = [Change(None, "edited", text) for text in _differences(_settings(edit.before), _settings(edit.after))]
    found += [
        Change(id, "removed", f"{step.kind} {id} removed")
        for id, step in edit.before.step.items()
        if id not in edit.after.step
    ]
    for _, step in edit.after.flow.walk():
        id, was = step.id, edit.before.step.get(step.id)
        if was is None:
            found.append(Change(id, "added", f"{step.kind} {id} added {_where(edit.after, id)}"))
            continue
        if was.kind != step.kind:
            found.append(Change(id, "edited", f"{id}: {was.kind} {ARROW} {step.kind}"))
            continue
        if id in edit.moved:
            found.append(Change(id, "moved", f"{step.kind} {id} moved: now {_where(edit.after, id)}"))
        found += [
            Change(id, "edited", f"{step.kind} {id}: {text}")
            for text in _differences(own_settings(was), own_settings(step))
        ]
    return found


def _settings(outline: Outline) -> dict[str, Any]:
    return outline.flow.model_dump(mode="json", by_alias=True, exclude={"steps"})


def _where(outline: Outline, step: str) -> str:
    row, index = outline.seat[step]
    if index:
        return f"after {outline.steps(row)[index - 1].id}"
    if row.owner is None:
        return "at the start"
    return f"first on branch {outline.step[row.owner].inner_names()[row.branch]} of {row.owner}"


def _differences(old: Any, new: Any, name: str = "") -> Iterator[str]:
    """Each place where two values differ, by name: both are as in a flow file, with defaults."""
    if old == new:
        return
    if _is_group(old) and _is_group(new):
        for key in [*old, *(key for key in new if key not in old)]:
            yield from _differences(old.get(key), new.get(key), f"{name}.{key}" if name else str(key))
    elif _named(old) and _named(new):
        befores, afters = ({each["name"]: each for each in each_list} for each_list in (old, new))
        for key in [*befores, *(key for key in afters if key not in befores)]:
            yield from _differences(befores.get(key), afters.get(key), f"{name} {key}")
        kept = [key for key in befores if key in afters]
        if kept != [key for key in afters if key in befores]:
            yield f"{name}: in the order {', '.join(afters)}"
    elif isinstance(old, list) and isinstance(new, list):
        for each in old:
            if each not in new:
                yield f"{name}: without {_shown(each)}"
        for each in new:
            if each not in old:
                yield f"{name}: with {_shown(each)}"
        if sorted(map(str, old)) == sorted(map(str, new)):
            yield f"{name}: in the order {_shown(new)}"
    elif old is None or new is None:
        yield f"{name}: without {_shown(old)}" if new is None else f"{name}: {_shown(new)}"
    else:
        yield f"{name} {_shown(old)} {ARROW} {_shown(new)}"


_WHOLE = {"field", "member_of", "all", "any", "not", "event", "condition"}
"""A condition or an event is one thing: told as a whole."""


def _is_group(value: object) -> bool:
    return isinstance(value, dict) and _WHOLE.isdisjoint(value)


def _named(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(each, dict) and "name" in each for each in value)


def _shown(value: Any) -> str:
    """As in a flow file, in one line, without what is not there."""
    if isinstance(value, dict):
        inner = ", ".join(f"{key}: {_shown(each)}" for key, each in value.items() if each not in (None, [], {}))
        return f"{{{inner}}}"
    if isinstance(value, Sequence) and not isinstance(value, str):
        return f"[{', '.join(_shown(each) for each in value)}]"
    return {True: "true", False: "false"}.get(value, str(value)) if isinstance(value, bool) else str(value)
