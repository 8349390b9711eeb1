"""Files of a marketing team, read: flows, and the content, links, forms, selections and files that they refer to.

A folder is laid out as `examples/` is: `flows/NAME.yaml`, `content/NAME/` with content.yaml, body.html and body.txt,
`files/`, and beside them lists: links.yaml, forms.yaml, selections.yaml, projects.yaml, subscription-types.yaml,
associates.yaml, groups.yaml, follow-up-types.yaml, request-types.yaml, categories.yaml, sale-types.yaml,
custom-fields.yaml, endpoints.yaml and scripts.yaml.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any

from pydantic import BaseModel, TypeAdapter, ValidationError

from activities.crm.associates import AssociateIn
from activities.crm.custom import CustomFieldIn
from activities.crm.faults import fault
from activities.crm.kinds import CategoryIn, FollowUpTypeIn, GroupIn, RequestTypeIn, SaleTypeIn
from activities.crm.library import ContentIn, FormIn, LinkIn
from activities.crm.models import NamedIn
from activities.scripts.scripts import ScriptIn
from activities.webhooks.endpoints import EndpointIn
from console.problems import Flaw
from console.shell import Failure
from flows import loading
from flows.loading import Loaded
from flows.model import Id
from flows.problems import Place, Problem
from flows.source import Source, read_source

BODIES: Mapping[str, str] = {"html": "body.html", "text": "body.txt"}
"""The parts of a content that are files of their own."""

_ID = TypeAdapter(Id)
_TEXTS = {".yaml", ".yml", ".json"}


class Noun(StrEnum):
    """Kinds of things that files hold, in the order in which they have to be there."""

    FILE = "file"
    LINK = "link"
    FORM = "form"
    SELECTION = "selection"
    PROJECT = "project"
    SUBSCRIPTION_TYPE = "subscription type"
    ASSOCIATE = "associate"
    GROUP = "group"
    FOLLOW_UP_TYPE = "follow-up type"
    REQUEST_TYPE = "request type"
    CATEGORY = "category"
    SALE_TYPE = "sale type"
    CUSTOM_FIELD = "custom field"
    ENDPOINT = "endpoint"
    SCRIPT = "script"
    CONTENT = "content"
    FLOW = "flow"


LISTS: Mapping[str, tuple[Noun, type[BaseModel]]] = {
    "links": (Noun.LINK, LinkIn),
    "forms": (Noun.FORM, FormIn),
    "selections": (Noun.SELECTION, NamedIn),
    "projects": (Noun.PROJECT, NamedIn),
    "endpoints": (Noun.ENDPOINT, EndpointIn),
    "scripts": (Noun.SCRIPT, ScriptIn),
    "subscription-types": (Noun.SUBSCRIPTION_TYPE, NamedIn),
    "associates": (Noun.ASSOCIATE, AssociateIn),
    "groups": (Noun.GROUP, GroupIn),
    "follow-up-types": (Noun.FOLLOW_UP_TYPE, FollowUpTypeIn),
    "request-types": (Noun.REQUEST_TYPE, RequestTypeIn),
    "categories": (Noun.CATEGORY, CategoryIn),
    "sale-types": (Noun.SALE_TYPE, SaleTypeIn),
    "custom-fields": (Noun.CUSTOM_FIELD, CustomFieldIn),
}
"""Files that hold a list of things, by their names without ending."""


@dataclass(frozen=True, slots=True)
class Thing:
    """One thing that a file holds. `body` is what the API takes; a file has none, its bytes are at `path`."""

    noun: Noun
    id: str
    path: Path
    body: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class FlowFile:
    """A flow file as it was read."""

    path: Path
    text: bytes
    loaded: Loaded

    @property
    def id(self) -> str | None:
        """The flow's id, if the file says one."""
        data = self.loaded.source.data
        given = data.get("id") if isinstance(data, dict) else None
        return given if isinstance(given, str) else None


@dataclass(slots=True)
class Material:
    """What was read, and what is wrong with it by itself."""

    things: list[Thing] = field(default_factory=list)
    flows: list[FlowFile] = field(default_factory=list)
    flaws: list[Flaw] = field(default_factory=list)

    def of(self, noun: Noun) -> list[Thing]:
        """The things of one kind."""
        return [thing for thing in self.things if thing.noun is noun]


def read(paths: Sequence[Path]) -> Material:
    """Everything at these paths. Raises Failure for a path that is not there or holds nothing of ours."""
    material = read_found(each for path in paths for each in _given(path))
    seen: dict[tuple[Noun, str], Path] = {}
    for noun, id, path in (
        *((thing.noun, thing.id, thing.path) for thing in material.things),
        *((Noun.FLOW, flow.id or "", flow.path) for flow in material.flows),
    ):
        if id and (noun, id) in seen:
            what = f"The {noun} “{id}” is given twice, first in {seen[noun, id]}."
            material.flaws.append(Flaw(path, Problem(what, "Keep one of them.", line=1, column=1)))
        seen.setdefault((noun, id), path)
    return material


def read_found(found: Iterable[tuple[Noun, Path]]) -> Material:
    """Read files whose kinds are known. Raises Failure for one that cannot be read."""
    material = Material()
    for noun, path in dict.fromkeys(found):
        try:
            _read(noun, path, material)
        except OSError as error:
            what = f"{error.filename or path} cannot be read: {error.strerror}."
            raise Failure(what, "Check its permissions.") from error
    return material


def in_folder(folder: Path) -> Iterator[tuple[Noun, Path]]:
    """What a folder holds for us, and where; all else in it is passed over."""
    if (folder / "content.yaml").is_file():
        yield Noun.CONTENT, folder
        return
    for path in sorted(folder.iterdir()):
        if path.name.startswith("."):
            continue
        if path.is_dir():
            if path.name in ("content", "files", "flows") or (path / "content.yaml").is_file():
                yield from in_folder(path)
        elif folder.name == "files":
            yield Noun.FILE, path
        elif path.suffix in _TEXTS:
            yield (LISTS[path.stem][0] if path.stem in LISTS else Noun.FLOW), path


def _given(path: Path) -> Iterator[tuple[Noun, Path]]:
    """What a path on the command line stands for."""
    if not path.exists():
        raise Failure(f"There is no file {path}.", "Check the name. The examples are in examples/.")
    if path.is_dir():
        found = list(in_folder(path))
        if not found:
            remedy = "A folder holds flows/, content/, files/, links.yaml, forms.yaml and such, as examples/ does."
            raise Failure(f"There is nothing for ferd in {path}.", remedy)
        yield from found
    elif path.name in ("content.yaml", *BODIES.values()):
        yield Noun.CONTENT, path.parent
    elif path.suffix == ".csv":
        raise Failure(f"{path} is a list of people.", f"Import it with: ferd enrol FLOW --csv {path}")
    elif path.parent.name == "files" or path.suffix not in _TEXTS:
        yield Noun.FILE, path
    else:
        yield (LISTS[path.stem][0] if path.stem in LISTS else Noun.FLOW), path


def _read(noun: Noun, path: Path, material: Material) -> None:
    match noun:
        case Noun.FLOW:
            text = path.read_bytes()
            loaded = loading.read(text, path.name)
            material.flows.append(FlowFile(path, text, loaded))
            material.flaws += [Flaw(path, problem) for problem in loaded.problems]
        case Noun.FILE:
            _Entries(material, path, Source()).keep(noun, path.name, {}, path)
        case Noun.CONTENT:
            _read_content(path, material)
        case _:
            _read_list(path, material)


def _read_list(path: Path, material: Material) -> None:
    source, problems = read_source(path.read_bytes(), "json" if path.suffix == ".json" else "yaml")
    noun, model = LISTS[path.stem]
    entries = _Entries(material, path, source)
    if problems:
        entries.report(*problems)
    elif isinstance(source.data, list):
        for index, entry in enumerate(source.data):
            entries.add(noun, model, entry, path, (index,))
    else:
        what, remedy = f"This is not a list of {path.stem}.", "Begin each entry with a hyphen: - {id: …, name: …}"
        entries.report(Problem(what, remedy))


def _read_content(folder: Path, material: Material) -> None:
    path = folder / "content.yaml"
    source, problems = read_source(path.read_bytes(), "yaml")
    entries = _Entries(material, path, source)
    texts: dict[str, str] = {}
    for part, body in BODIES.items():
        try:
            texts[part] = (folder / body).read_text(encoding="utf-8-sig")
        except FileNotFoundError:
            continue
        except UnicodeDecodeError:
            flaw = Problem("The file is not UTF-8 text.", "Save it with the encoding UTF-8.", line=1, column=1)
            material.flaws.append(Flaw(folder / body, flaw))
            texts[part] = ""
    if not texts:
        problems.append(Problem("The content has no body.", "Put body.html, body.txt or both beside this file."))
    entries.report(*problems)
    if not problems:
        data = source.data
        entries.add(Noun.CONTENT, ContentIn, {**data, **texts} if isinstance(data, dict) else data, folder)


@dataclass(frozen=True, slots=True)
class _Entries:
    """Takes the entries of one file into the material, each checked against the model that the API takes."""

    material: Material
    file: Path
    source: Source

    def add(self, noun: Noun, model: type[BaseModel], entry: object, path: Path, place: Place = ()) -> None:
        """Check an entry that stands at `place`, and keep it if it is right."""
        if not isinstance(entry, dict):
            self.report(Problem(f"A {noun} is a group of settings.", "Write it as {id: …, name: …}.", place))
            return
        fields = {name: value for name, value in entry.items() if name != "id"}
        try:
            body = model.model_validate(fields).model_dump(mode="json")
        except ValidationError as error:
            for each in error.errors(include_url=False, include_input=False):
                found = fault(each, model)
                # A field that is missing has no place that could name it.
                what = f"“{found.where[-1]}” is missing." if each["type"] == "missing" else found.what
                self.report(Problem(what, found.remedy, (*place, *found.where)))
        else:
            self.keep(noun, entry.get("id"), body, path, place)

    def keep(self, noun: Noun, id: object, body: Mapping[str, Any], path: Path, place: Place = ()) -> None:
        """Keep something whose id may still be wrong."""
        try:
            self.material.things.append(Thing(noun, _ID.validate_python(id), path, body))
        except ValidationError:
            what = f"The {noun} has no id." if id is None else f"“{id}” cannot be the id of a {noun}."
            remedy = "Use up to 100 letters a to z, digits, hyphens, dots, underscores; begin with a letter or digit."
            self.report(Problem(what, remedy, (*place, "id")))

    def report(self, *problems: Problem) -> None:
        """What is wrong in this file."""
        self.material.flaws += [Flaw(self.file, self.source.placed(problem)) for problem in problems]
