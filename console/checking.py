"""`ferd check`: files checked offline, every name that they use looked up in what lies around them."""

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from activities.crm import custom, kinds
from console.material import BODIES, Material, Noun, Thing, in_folder, read, read_found
from console.problems import Flaw, counted, errors, show
from console.shell import as_json, say
from flows import checks
from flows.catalog import Acting, Catalog, GivenCatalog, GivenContent, Kind
from flows.problems import Problem
from flows.reactions import REACTIONS
from flows.source import read_source
from flows.steps.base import Action
from flows.steps.merging import template_problems

_KINDS: dict[Noun, Kind] = {
    Noun.LINK: "link",
    Noun.FORM: "form",
    Noun.SELECTION: "selection",
    Noun.PROJECT: "project",
    Noun.SUBSCRIPTION_TYPE: "subscription_type",
    Noun.ASSOCIATE: "associate",
    Noun.GROUP: "group",
    Noun.FOLLOW_UP_TYPE: "follow_up_type",
    Noun.REQUEST_TYPE: "request_type",
    Noun.CATEGORY: "category",
    Noun.SALE_TYPE: "sale_type",
    Noun.ENDPOINT: "endpoint",
    Noun.SCRIPT: "script",
}

_ACTING: dict[Noun, Acting] = {Noun.LINK: "link", Noun.FORM: "form"}


def run(paths: Sequence[Path], *, json: bool) -> bool:
    """Check and print; whether there are no errors. Raises Failure for a path that is not there."""
    material = read(paths)
    flaws = check(material)
    wrong = errors(flaws)
    if json:
        as_json([flaw.as_data() for flaw in flaws])
        return not wrong
    show(flaws)
    checked = [counted(len(material.flows), "flow")] if material.flows else []
    checked += [counted(len(found), noun) for noun in Noun if (found := material.of(noun))]
    verdict = f"{counted(wrong, 'error')}, {counted(len(flaws) - wrong, 'warning')}" if flaws else "no problems"
    say(f"{', '.join(checked) or 'Nothing readable'}: {verdict}.", "bold red" if wrong else "bold green")
    return not wrong


def neighbours(material: Material) -> Material:
    """What lies around the flows and contents that were read, so that the names they use can be looked up."""
    inner = [flow.path for flow in material.flows] + [thing.path for thing in material.of(Noun.CONTENT)]
    known = {path.resolve() for path in inner} | {thing.path.resolve() for thing in material.things}
    roots: dict[Path, None] = {}
    for path in inner:
        folder = path.absolute().parent
        roots[folder.parent if folder.name in ("flows", "content") else folder] = None
    return read_found((noun, path) for root in roots for noun, path in in_folder(root) if path.resolve() not in known)


def check(material: Material) -> list[Flaw]:
    """Everything that is wrong: with each file, with the names it uses, and with lists and contents beside it."""
    around = neighbours(material)
    catalog = _catalog(material, around)
    # A flow beside is there for its id alone, whatever else may be wrong with it.
    flows_beside = {flow.path for flow in around.flows}
    flaws = [*material.flaws, *(flaw for flaw in around.flaws if flaw.path not in flows_beside)]
    for flow in material.flows:
        if flow.loaded.flow is not None:
            found = checks.problems(flow.loaded.flow, catalog, flow.loaded.source)
            flaws += [Flaw(flow.path, problem) for problem in found]
    for content in material.of(Noun.CONTENT):
        flaws += _content(content, catalog)
    return flaws


def _content(content: Thing, catalog: Catalog) -> Iterator[Flaw]:
    for part, name in BODIES.items():
        for problem in template_problems(content.body[part], catalog):
            yield Flaw(content.path / name, _placed(problem, content.body[part]))
    path = content.path / "content.yaml"
    source, _ = read_source(path.read_bytes(), "yaml")
    for problem in template_problems(content.body["subject"], catalog):
        found = Problem(problem.what, problem.remedy, ("subject",), severity=problem.severity)
        yield Flaw(path, source.placed(found))
    for index, file in enumerate(content.body["attachments"]):
        if not catalog.exists("file", file):
            what, remedy = f"There is no file “{file}”.", "Put it into files/, or leave it out."
            yield Flaw(path, source.placed(Problem(what, remedy, ("attachments", index))))


def _placed(problem: Problem, text: str) -> Problem:
    """A link that is named in vain is told without its place: it stands where its name is first written."""
    named = re.search("“(.+?)”", problem.what)
    if problem.line or named is None:
        return problem
    before = text[: max(text.find(f"links.{named[1]}"), 0)]
    return problem.at(before.count("\n") + 1, len(before) - before.rfind("\n"))


def _catalog(*materials: Material) -> GivenCatalog:
    things = [thing for material in materials for thing in material.things]
    contents = {
        thing.id: GivenContent(
            templates={part: thing.body[part] for part in ("subject", *BODIES)},
            ready=thing.body["state"] == "ready",
            attachments=tuple(thing.body["attachments"]),
        )
        for thing in things
        if thing.noun is Noun.CONTENT
    }
    ids: dict[Kind, list[str]] = {
        kind: [thing.id for thing in things if thing.noun is noun] for noun, kind in _KINDS.items()
    }
    ids["flow"] = [flow.id for material in materials for flow in material.flows if flow.id]
    files = {thing.id: Path(thing.path).stat().st_size for thing in things if thing.noun is Noun.FILE}
    own = {
        f"{thing.body['of']}.custom.{thing.body['key']}": custom.as_field(thing.body["type"], thing.body["choices"])
        for thing in things
        if thing.noun is Noun.CUSTOM_FIELD
    }
    types = {(_KINDS[thing.noun], thing.id): thing.body for thing in things if thing.noun in _KINDS}
    acting: dict[tuple[Acting, str], Sequence[Action]] = {
        (_ACTING[thing.noun], thing.id): REACTIONS.validate_python(thing.body["actions"])
        for thing in things
        if thing.noun in _ACTING
    }
    return GivenCatalog(ids, contents, files, permitted=kinds.permitted(types), custom=own, acting=acting)
