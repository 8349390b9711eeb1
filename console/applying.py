"""`ferd apply`: puts what files hold into a running ferd, in the order of who refers to whom. Repeating is harmless."""

import hashlib
import mimetypes
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Literal
from urllib.parse import quote

from rich.progress import Progress
from rich.table import Table
from rich.text import Text

from console.client import Api
from console.edits import Edited, agree, author
from console.material import FlowFile, Material, Noun, Thing, read
from console.problems import counted, show
from console.shell import Failure, as_json, err, out, say
from settings import Settings

Outcome = Literal["created", "updated", "unchanged"]

PATHS: Mapping[Noun, str] = {
    Noun.FILE: "/v1/files",
    Noun.LINK: "/v1/links",
    Noun.FORM: "/v1/forms",
    Noun.SELECTION: "/v1/selections",
    Noun.PROJECT: "/v1/projects",
    Noun.SUBSCRIPTION_TYPE: "/v1/subscription-types",
    Noun.ASSOCIATE: "/v1/associates",
    Noun.GROUP: "/v1/groups",
    Noun.FOLLOW_UP_TYPE: "/v1/follow-up-types",
    Noun.REQUEST_TYPE: "/v1/request-types",
    Noun.CATEGORY: "/v1/categories",
    Noun.SALE_TYPE: "/v1/sale-types",
    Noun.CUSTOM_FIELD: "/v1/custom-fields",
    Noun.ENDPOINT: "/v1/endpoints",
    Noun.SCRIPT: "/v1/scripts",
    Noun.CONTENT: "/v1/content",
    Noun.FLOW: "/v1/flows",
}
_STYLES: Mapping[Outcome, str] = {"created": "green", "updated": "yellow", "unchanged": "dim"}


@dataclass(frozen=True, slots=True)
class Applied:
    """What has become of one thing."""

    noun: Noun
    id: str
    outcome: Outcome
    note: str = ""


def apply(settings: Settings, paths: Sequence[Path], *, note: str = "", yes: bool = False, json: bool = False) -> None:
    """Put it all in and say what was done. Raises Failure, before anything is changed, for files that are wrong.

    What the edit of a flow does to those who are inside is shown first, and asked unless `yes` (EDIT_7).
    """
    material = read(paths)
    broken = [flaw for flaw in material.flaws if flaw.problem.severity == "error"]
    if broken:
        show(broken, err)
        raise Failure(f"{counted(len(broken), 'error')}; nothing was applied.", "Mend the files and apply them again.")
    with Api(settings) as api:
        agree([edited for flow in material.flows if (edited := _edit(api, flow))], yes=yes)
        done = put_all(api, material, note)
    if json:
        as_json([asdict(each) for each in done])
        return
    _print(done)


def _edit(api: Api, flow: FlowFile) -> Edited | None:
    """What saving this file would do; None if it is a new flow, or nothing is different."""
    assert flow.id is not None
    path, text = _path(flow.id), flow.text
    if api.find(path) is None or api.text(f"{path}/source") == text.decode("utf-8-sig"):
        return None
    edited: Edited = api.call("PUT", path, content=text, media_type=_media(flow.path.suffix), query={"dry_run": "true"})
    return edited


def _path(flow: str) -> str:
    return f"{PATHS[Noun.FLOW]}/{quote(flow, safe='')}"


def _media(suffix: str) -> str:
    return "application/json" if suffix == ".json" else "application/yaml"


def put_all(api: Api, material: Material, note: str = "") -> list[Applied]:
    """Everything in the order in which it has to be there, with a progress bar."""
    things = [thing for noun in Noun for thing in material.of(noun)]
    done: list[Applied] = []
    with Progress(console=err, transient=True) as progress:
        task = progress.add_task("Applying", total=len(things) + len(material.flows))
        for thing in things:
            done.append(put(api, thing))
            progress.advance(task)
        for flow in material.flows:
            assert flow.id is not None
            done.append(put_flow(api, flow.id, flow.text, flow.path.suffix, note))
            progress.advance(task)
    # Flows may refer to one another: only now is it known what is wrong with each.
    return [_with_status(api, each) if each.noun is Noun.FLOW else each for each in done]


def put(api: Api, thing: Thing) -> Applied:
    """Create the thing, or make it what the file says."""
    path = f"{PATHS[thing.noun]}/{quote(thing.id, safe='')}"
    there = api.find(path)
    if thing.noun is Noun.FILE:
        data = thing.path.read_bytes()
        same = there is not None and there["sha256"] == hashlib.sha256(data).hexdigest()
        if not same:
            mime = mimetypes.guess_type(thing.path.name)[0] or "application/octet-stream"
            api.upload(path, thing.path.name, data, mime)
    else:
        same = there is not None and _equal(there, thing.body)
        if not same:
            api.put(path, thing.body)
    return Applied(thing.noun, thing.id, "created" if there is None else "unchanged" if same else "updated")


def put_flow(api: Api, id: str, text: bytes, suffix: str = ".yaml", note: str = "") -> Applied:
    """Save the flow: as a draft if it is new, else as a new version if it differs."""
    path, media, why = _path(id), _media(suffix), {"author": author(), "note": note}
    there = api.find(path)
    if there is None:
        api.call("POST", PATHS[Noun.FLOW], content=text, media_type=media, query=why)
    elif api.text(f"{path}/source") == text.decode("utf-8-sig"):
        return Applied(Noun.FLOW, id, "unchanged")
    else:
        api.call("PUT", path, content=text, media_type=media, query=why)
    return Applied(Noun.FLOW, id, "created" if there is None else "updated")


def _with_status(api: Api, applied: Applied) -> Applied:
    flow = api.get(f"{PATHS[Noun.FLOW]}/{quote(applied.id, safe='')}")
    wrong = sum(problem["severity"] == "error" for problem in flow["problems"])
    note = f"{flow['status']}, version {flow['version']}" + (f", {counted(wrong, 'error')}" if wrong else "")
    return replace(applied, note=note)


def _equal(there: Mapping[str, Any], wanted: Mapping[str, Any]) -> bool:
    return all(there.get(name) == value for name, value in wanted.items())


def _print(done: Sequence[Applied]) -> None:
    table = Table.grid(padding=(0, 2))
    for each in done:
        outcome = Text(each.outcome, _STYLES[each.outcome])
        table.add_row(outcome, each.noun, Text(each.id, "bold"), Text(each.note, "dim"))
    out.print(table)
    flows = [each for each in done if each.noun is Noun.FLOW]
    if wrong := [each.id for each in flows if "error" in each.note]:
        say(f"{', '.join(wrong)} cannot run yet; what is wrong, with every line: ferd run {wrong[0]}", "yellow")
    elif drafts := [each.id for each in flows if each.note.startswith("draft")]:
        say(f"Start a draft with: ferd run {drafts[0]}", "dim")
