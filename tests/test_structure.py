"""The rooms and the arrows between them: what a module may import, how long it may be, what it may not mention."""

import ast
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
LONGEST_FILE = 400  # lines

CONTRACT = "workflows.contract"
ENTRANCES = {"activities", "workflows", "flows", "store", "settings", "temporal_server"}
ARROWS: dict[str, set[str]] = {
    "flows": set(),
    "workflows": {CONTRACT},
    "postbox": set(),
    "store": {"flows"},
    "store.migrate": {"flows", "settings"},
    "activities": {"flows", CONTRACT, "store"},
    "api": {*ENTRANCES, "postbox"},
    "worker": {*ENTRANCES, "telemetry"},
    "console": {*ENTRANCES, "api", "postbox", "telemetry", "temporal_server", "worker"},
    "cli": {"console", "settings"},
    "settings": set(),
    "telemetry": set(),
    "temporal_server": set(),
}
"""What each room or module may import of ours, beside itself. The longest name that fits a module counts."""

FLOORS = (
    *(
        "rounds",
        "dispatcher",
        "definitions",
        "crm",
        "ledger",
        "ports",
        "web",
        "mail",
        "records",
        "counting",
        "files",
        "scripts",
        "webhooks",
    ),
    *("sms", "enrolling", "life", "outside", "journeys", "journey", "editing", "responses", "desk", "upkeep", "flow"),
    "core",
)
"""The rooms and files of `activities/`, from the ground up: each stands only on those before it."""

ROOMS = {name.partition(".")[0] for name in ARROWS}
# The folders of people and of machines that build and test.
MACHINE_PATH = re.compile(r"(?<![\w.~])/(?:root|home/\w+|Users/\w+|work)/")


def tracked(root: Path, *patterns: str) -> list[Path]:
    """Files of the project: what git knows, or will know once it is added."""
    listing = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "--", *patterns],
        cwd=root,
        check=True,
        capture_output=True,
        text=True,
    )
    return [root / name for name in listing.stdout.splitlines() if (root / name).is_file()]


def within(module: str, name: str) -> bool:
    return module == name or module.startswith(name + ".")


def imports(path: Path, root: Path) -> Iterator[str]:
    """Modules that a file imports, written out in full, inside functions and `if TYPE_CHECKING` too."""
    package = path.relative_to(root).parent.parts
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom):
            parts = [*package[: len(package) - node.level + 1]] if node.level else []
            base = ".".join([*parts, *([node.module] if node.module else [])])
            yield from (f"{base}.{name.name}" for name in node.names)


def wrong_arrows(root: Path) -> list[str]:
    found = []
    for path in tracked(root, "*.py"):
        module = ".".join(path.relative_to(root).with_suffix("").parts).removesuffix(".__init__")
        owner = max((name for name in ARROWS if within(module, name)), key=len, default=None)
        if owner is None:
            continue
        # Workflow code is what replays: its modules do not even know one another.
        allowed = ARROWS[owner] | ({owner.partition(".")[0]} - {"workflows"})
        for imported in imports(path, root):
            if imported.partition(".")[0] in ROOMS and not any(within(imported, name) for name in allowed):
                found.append(f"{path.relative_to(root)} imports {imported}")
    return found


def hanging(root: Path) -> list[str]:
    """What in `activities/` stands on a room above it, or in a room that nobody gave a floor."""
    found = []
    for path in tracked(root, "activities/*/*.py", "activities/*.py"):
        room = path.relative_to(root / "activities").with_suffix("").parts[0]
        if room == "__init__":
            continue
        if room not in FLOORS:
            found.append(f"{path.relative_to(root)} has no floor")
            continue
        for imported in imports(path, root):
            package, _, rest = imported.partition(".")
            below = rest.partition(".")[0]
            if package == "activities" and below in FLOORS and FLOORS.index(below) > FLOORS.index(room):
                found.append(f"{path.relative_to(root)} imports {imported}")
    return found


def long_files(root: Path) -> list[str]:
    """Code that should be split; tests and written-out migrations may be as long as their subject."""
    code = tracked(root, "*.py", ":!tests", ":!store/migrations/versions")
    lengths = {path: len(path.read_text().splitlines()) for path in code}
    return [f"{path.relative_to(root)}: {length}" for path, length in lengths.items() if length > LONGEST_FILE]


def machine_paths(root: Path) -> list[str]:
    found = []
    for path in tracked(root):
        try:
            lines = path.read_text().splitlines()
        except UnicodeDecodeError:
            continue
        numbers = [number for number, line in enumerate(lines, 1) if MACHINE_PATH.search(line)]
        found += [f"{path.relative_to(root)}:{number}" for number in numbers]
    return found


def test_arrows_between_the_rooms() -> None:
    assert wrong_arrows(ROOT) == []


def test_the_rooms_of_activities_stand_on_one_another() -> None:
    assert hanging(ROOT) == []


def test_no_file_is_too_long() -> None:
    assert long_files(ROOT) == []


def test_no_file_names_a_path_of_one_machine() -> None:
    assert machine_paths(ROOT) == []


@pytest.fixture
def sample(tmp_path: Path) -> Path:
    """A small project that keeps every rule."""
    files = {
        "flows/model.py": "import json\n",
        "workflows/contract.py": "",
        "workflows/journey.py": "from workflows.contract import Plan\n",
        "activities/journeys/steps.py": "from flows import model\nfrom workflows import contract\nimport store.x\n",
        "activities/crm/people.py": "from activities.crm import values\nfrom activities.dispatcher import ask\n",
        "store/people.py": "from . import database\n",
        "store/database.py": "",
        "tests/test_people.py": "import cli\nimport store.people\n",
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    subprocess.run(["git", "init", "-q", str(tmp_path)], check=True)
    return tmp_path


def test_a_sound_sample_passes(sample: Path) -> None:
    assert wrong_arrows(sample) == hanging(sample) == long_files(sample) == machine_paths(sample) == []


@pytest.mark.parametrize(
    ("file", "line", "named"),
    [
        ("flows/model.py", "from store import people", "store.people"),
        ("flows/model.py", "def late():\n    import settings", "settings"),
        ("workflows/journey.py", "import workflows.flow", "workflows.flow"),
        ("workflows/journey.py", "from flows.model import Flow", "flows.model.Flow"),
        (
            "activities/journeys/steps.py",
            "from workflows.journey import JourneyWorkflow",
            "workflows.journey.JourneyWorkflow",
        ),
        ("activities/journeys/steps.py", "from ...api import app", "api.app"),
        ("store/people.py", "import settings", "settings"),
    ],
)
def test_a_wrong_arrow_is_noticed(sample: Path, file: str, line: str, named: str) -> None:
    (sample / file).write_text(line + "\n")
    assert wrong_arrows(sample) == [f"{file} imports {named}"]


def test_a_long_file_and_a_machine_path_are_noticed(sample: Path) -> None:
    (sample / "flows/model.py").write_text("\n" * (LONGEST_FILE + 1))
    (sample / "notes.md").write_text("see\n" + "/".join(["", "home", "ada", "ferd"]) + "\n")
    assert long_files(sample) == [f"flows/model.py: {LONGEST_FILE + 1}"]
    assert machine_paths(sample) == ["notes.md:2"]


@pytest.mark.parametrize(
    ("file", "line", "found"),
    [
        ("activities/crm/people.py", "from activities.desk import merging", "imports activities.desk.merging"),
        ("activities/lost.py", "import json", "has no floor"),
    ],
)
def test_a_room_that_hangs_is_noticed(sample: Path, file: str, line: str, found: str) -> None:
    (sample / file).write_text(line + "\n")
    assert hanging(sample) == [f"{file} {found}"]


def test_the_list_of_decisions_names_each_by_its_title() -> None:
    folder = ROOT / "docs" / "decisions"
    pages = sorted(path for path in folder.glob("*.md") if path.name != "README.md")
    listed = [line for line in (folder / "README.md").read_text().splitlines() if line.startswith("- ")]
    assert listed == [f"- [{page.read_text().splitlines()[0].removeprefix('# ')}]({page.name})" for page in pages]
