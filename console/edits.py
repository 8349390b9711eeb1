"""What an edit of a flow does to whom, for people; `ferd versions`, `ferd compare`, `ferd restore` (EDIT_1, EDIT_7)."""

import sys
from collections.abc import Mapping, Sequence
from getpass import getuser
from typing import Any
from urllib.parse import quote

from rich.prompt import Confirm

from console.client import Api
from console.problems import counted
from console.shell import Failure, as_json, err, say
from console.tables import moment, table
from settings import Settings

Edited = Mapping[str, Any]


def concerned(edited: Edited) -> int:
    """How many people go on elsewhere, or at another time, because of the edit."""
    return sum(step["replanned"] + step["moved_on"] for step in edited["steps"])


def tell(edited: Edited) -> None:
    """What is different, and what that does to whom."""
    err.print(f"{edited['id']}, version {edited['version']}:", style="bold", markup=False)
    for change in edited["changes"]:
        err.print(f"  {change['text']}", markup=False, soft_wrap=True)
    for step in edited["steps"]:
        for line in _lines(step):
            err.print(f"  {step['step']}: {line}", style="yellow", markup=False, soft_wrap=True)


def _lines(step: Mapping[str, Any]) -> list[str]:
    lines = []
    if step["refused"]:
        lines.append(f"refused: {step['why']}")
    if step["replanned"]:
        lines.append(f"{counted(step['replanned'], 'person')} planned afresh{_when(step)}")
    if step["moved_on"]:
        then = f", then: {_span(step['after'])}" if step["after"] and not step["replanned"] else ""
        lines.append(f"{counted(step['moved_on'], 'person')} moved on to {step['on_to'] or 'the end'}{then}")
    if lines and step["unaffected"]:
        lines.append(f"{step['unaffected']} unaffected")
    return lines


def _when(step: Mapping[str, Any]) -> str:
    before = f" from {_span(step['before'])}" if step["before"] else ""
    return f":{before} to {_span(step['after'])}" if step["after"] else before


def _span(span: Mapping[str, str]) -> str:
    earliest, latest = moment(span["earliest"]), moment(span["latest"])
    return earliest if earliest == latest else f"{earliest} until {latest}"


def agree(edits: Sequence[Edited], *, yes: bool) -> None:
    """Show what the edits do, and ask if that concerns anybody. Raises Failure if they cannot be, or are not wanted."""
    for edited in edits:
        tell(edited)
    if impossible := [edited["id"] for edited in edits if not edited["possible"]]:
        raise Failure(
            f"People stand where the edit of {', '.join(impossible)} removes or moves something; nothing was saved.",
            "Let them go on, or save settings.guard_occupied_steps: false first: then they are moved on.",
        )
    number = sum(map(concerned, edits))
    if not number or yes:
        return
    if not sys.stdin.isatty():
        raise Failure(
            f"The edit concerns {counted(number, 'person')}; nothing was saved.", "Say --yes if that is what you want."
        )
    if not Confirm.ask(f"This concerns {counted(number, 'person')}. Save it?", console=err, default=False):
        raise Failure("Nothing was saved.")


def versions(settings: Settings, flow: str, *, json: bool) -> None:
    """Every version of a flow: when, by whom, why."""
    with Api(settings) as api:
        found = list(api.items(f"{flow_path(flow)}/versions"))
    if json:
        as_json(found)
        return
    rows = ((str(each["version"]), moment(each["at"]), each["author"], each["note"]) for each in found)
    table(("version", "saved", "by", "why"), rows, right=("version",))


def compare(settings: Settings, flow: str, version: int, to: int | None, *, json: bool) -> None:
    """What is different in another version (None: the current), in words."""
    with Api(settings) as api:
        found = api.get(f"{flow_path(flow)}/versions/{version}/compare", **({} if to is None else {"to": to}))
    if json:
        as_json(found)
        return
    for change in found["changes"]:
        say(change["text"])
    if not found["changes"]:
        say(f"Versions {found['version']} and {found['to']} say the same.")


def restore(settings: Settings, flow: str, version: int, *, note: str, yes: bool, json: bool) -> None:
    """Save an earlier version once more, as the newest, after showing what that does to whom."""
    path = f"{flow_path(flow)}/versions/{version}/restore"
    with Api(settings) as api:
        agree([api.post(path, dry_run="true")], yes=yes)
        saved = api.post(path, author=author(), note=note)
    if json:
        as_json(saved)
    else:
        say(f"{flow} is at version {saved['version']}: version {version} restored.")


def author() -> str:
    """Who saves: the user of this machine, as far as it is known."""
    try:
        return getuser()
    except (KeyError, OSError):
        return ""


def flow_path(flow: str) -> str:
    """Where the API has a flow."""
    return f"/v1/flows/{quote(flow, safe='')}"
