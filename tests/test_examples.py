"""The examples: they are what their scripts write, as messy as they say, and refer only to what is there."""

import csv
import io
import re
import runpy
from collections import Counter
from collections.abc import Iterator
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any
from zoneinfo import available_timezones

import phonenumbers
import pytest
from email_validator import EmailNotValidError, validate_email
from liquid import Environment, Mode
from liquid.undefined import StrictDefaultUndefined
from ruamel.yaml import YAML

EXAMPLES = Path(__file__).parent.parent / "examples"
FLOWS = sorted(EXAMPLES.glob("flows/*.yaml"))
CONTENTS = sorted(path.parent for path in EXAMPLES.glob("content/*/content.yaml"))
COUNTRIES = {
    line.split("\t")[0]
    for line in files("tzdata").joinpath("zoneinfo/iso3166.tab").read_text(encoding="utf-8").splitlines()
    if not line.startswith("#")
}
TIME_ZONES = available_timezones()
KINDS = {
    *("send_email", "wait", "wait_for_action", "split", "update_person"),
    *("add_to", "remove_from", "exit", "finish"),
}
ROOTS = {"person", "company", "owner", "participant", "flow", "links", "unsubscribe_url"}


def read_yaml(path: Path) -> Any:
    return YAML(typ="safe", pure=True).load(path.read_text(encoding="utf-8"))


def ids(file: str) -> set[str]:
    return {entry["id"] for entry in read_yaml(EXAMPLES / file)}


def is_email(text: str) -> bool:
    try:
        validate_email(text, check_deliverability=False)
    except EmailNotValidError:
        return False
    return True


def is_mobile(text: str, country: str) -> bool:
    try:
        return phonenumbers.is_valid_number(phonenumbers.parse(text, country or None))
    except phonenumbers.NumberParseException:
        return False


Row = dict[str, str]


@cache
def people() -> tuple[list[Row], Counter[str]]:
    """The good rows as they stand, and how many rows are to be refused for which reasons."""
    header, *rows = csv.reader(io.StringIO((EXAMPLES / "people.csv").read_text(encoding="utf-8"), newline=""))
    good: list[Row] = []
    refused: Counter[str] = Counter()
    used: set[str] = set()
    for cells in rows:
        if not any(cell.strip() for cell in cells):
            refused["blank"] += 1
            continue
        if len(cells) != len(header):
            refused["too many columns" if len(cells) > len(header) else "too few columns"] += 1
            continue
        row = dict(zip(header, cells, strict=True))
        value = {name: cell.strip() for name, cell in row.items()}
        country = value["country"].upper()
        faults = {
            "bad e-mail": value["email"] and not is_email(value["email"]),
            "unknown country": country and country not in COUNTRIES,
            "unknown time zone": value["time_zone"] and value["time_zone"] not in TIME_ZONES,
            "bad mobile": value["mobile"] and country in {"", *COUNTRIES} and not is_mobile(value["mobile"], country),
            "external_id used before": value["external_id"] in used,
        }
        used.add(value["external_id"])
        if any(faults.values()):
            refused[" and ".join(name for name, wrong in faults.items() if wrong)] += 1
        else:
            good.append(row)
    return good, refused


def test_people_are_what_the_script_writes() -> None:
    script = runpy.run_path(str(EXAMPLES / "make_people.py"))
    assert (EXAMPLES / "people.csv").read_bytes() == script["people_csv"]().encode("utf-8")


def test_the_brochure_is_what_its_script_writes() -> None:
    script = runpy.run_path(str(EXAMPLES / "make_brochure.py"))
    written = (EXAMPLES / "files" / "brochure.pdf").read_bytes()
    assert written == script["brochure"]()
    table = int(written.rsplit(b"startxref\n", 1)[1].split()[0])
    assert written[table:].startswith(b"xref\n")
    for number, line in enumerate(written[table:].splitlines()[3:9], start=1):
        assert written[int(line[:10]) :].startswith(b"%d 0 obj" % number)


def test_fifty_rows_are_bad_each_for_one_reason() -> None:
    good, refused = people()
    assert refused == {
        "bad e-mail": 14,
        "unknown country": 14,
        "too many columns": 3,
        "too few columns": 3,
        "external_id used before": 6,
        "unknown time zone": 5,
        "bad mobile": 5,
        "blank": 1,
    }
    assert len(good) == 949


def test_good_rows_are_as_messy_as_the_script_says() -> None:
    good, _ = people()
    found: Counter[str] = Counter()
    addresses: set[str] = set()
    for row in good:
        email, company, employees = row["email"].strip(), row["company"], row["company_employees"]
        country = row["country"]
        if email and email in addresses:
            found["address of an earlier row"] += 1
        elif email and email.lower() in addresses:
            found["address in other case"] += 1
        addresses |= {email, email.lower()}
        marks = {
            "no address": not email,
            "lower country": country.strip() != country.strip().upper(),
            "blank country": country != country.strip(),
            "no country": not country,
            "blanks": any(row[name] != row[name].strip(" ") for name in ("first_name", "last_name", "email")),
            "non-breaking space": "\u00a0" in row["first_name"] + row["last_name"],
            "1 200": employees == "1 200",
            "1 200 non-breaking": employees == "1\u00a0200",
            "quotes": '"' in company,
            "commas": "," in company,
            "line breaks": "\n" in company,
            "no mobile": not row["mobile"],
            "no company": not company,
        }
        found.update(name for name, there in marks.items() if there)
    assert found == {
        "lower country": 40,
        "blank country": 24,
        "no country": 30,
        "address of an earlier row": 20,
        "address in other case": 10,
        "no address": 12,
        "blanks": 25,
        "non-breaking space": 4,
        "1 200": 20,
        "1 200 non-breaking": 4,
        "quotes": 12,
        "commas": 12,
        "line breaks": 6,
        "no mobile": 180,
        "no company": 120,
    }


def test_people_have_the_names_that_people_have_and_addresses_that_reach_nobody() -> None:
    good, _ = people()
    names = {row["first_name"] + " " + row["last_name"] for row in good}
    for needed in (*"åøæöé", "Anne-Marie", "van der Berg", "O'Neill"):
        assert any(needed in name for name in names), needed
    assert {row["consent_email"] for row in good} == {"granted", "withdrawn", ""}
    assert all(row["email"].strip().lower().endswith(".example") for row in good if row["email"])


@pytest.mark.parametrize("folder", CONTENTS, ids=lambda folder: folder.name)
def test_mails_parse_and_use_only_what_is_known(folder: Path) -> None:
    content = read_yaml(folder / "content.yaml")
    assert content["id"] == folder.name
    assert content["state"] == "ready"
    assert all((EXAMPLES / "files" / name).is_file() for name in content.get("attachments", []))
    sources = {part: (folder / f"body.{part}").read_text(encoding="utf-8") for part in ("html", "txt")}
    sources["subject"] = content["subject"]
    # An empty person without company and owner: every tag that may be missing has to say what stands there instead.
    unsubscribe = "https://ferd.example/u/token"
    known = {"person": {}, "company": {}, "owner": {}, "unsubscribe_url": unsubscribe}
    links = {link["id"]: link["url"] for link in read_yaml(EXAMPLES / "links.yaml")}
    used: dict[str, set[str]] = {}
    for part, source in sources.items():
        template = Environment(tolerance=Mode.STRICT, undefined=StrictDefaultUndefined).from_string(source)
        variables = template.analyze().globals
        assert set(variables) <= ROOTS
        used[part] = {str(variable) for variable in variables.get("links", [])}
        rendered = template.render(**known, links=links)
        assert "{{" not in rendered
        assert part == "subject" or unsubscribe in rendered
    assert used["html"] == used["txt"]


REFERENCES = {
    "content": "content",
    "link": "link",
    "form": "form",
    "selection": "selection",
    "member_of": "selection",
    "exclude": "selection",
    "add_to_selection": "selection",
    "add_to_flow": "flow",
    "leave": "flow",
    "attachments": "file",
}


def references(node: Any) -> Iterator[tuple[str, str]]:
    """Every name that a flow file refers to: kind of thing, id."""
    if isinstance(node, dict):
        for key, value in node.items():
            if key in REFERENCES:
                yield from ((REFERENCES[key], name) for name in ([value] if isinstance(value, str) else value))
            else:
                yield from references(value)
    elif isinstance(node, list):
        for value in node:
            yield from references(value)


def steps(node: Any) -> Iterator[dict[str, Any]]:
    if isinstance(node, dict):
        if "kind" in node:
            yield node
        for value in node.values():
            yield from steps(value)
    elif isinstance(node, list):
        for value in node:
            yield from steps(value)


def test_flows_name_only_what_is_in_the_examples_and_everything_there_is_used() -> None:
    here = {
        "content": {folder.name for folder in CONTENTS},
        "link": ids("links.yaml"),
        "form": ids("forms.yaml"),
        "selection": ids("selections.yaml"),
        "flow": {path.stem for path in FLOWS},
        "file": {path.name for path in (EXAMPLES / "files").iterdir()},
    }
    named = {reference for path in FLOWS for reference in references(read_yaml(path))}
    assert sorted((kind, name) for kind, name in named if name not in here[kind]) == []
    for kind in ("content", "form", "selection"):
        assert here[kind] == {name for wanted, name in named if wanted == kind}
    mails = "".join((folder / "body.html").read_text(encoding="utf-8") for folder in CONTENTS)
    assert here["link"] == set(re.findall(r"links\.(\w+)", mails))


@pytest.mark.parametrize("path", FLOWS, ids=lambda path: path.stem)
def test_flows_name_the_schema_and_use_the_common_kinds(path: Path) -> None:
    first_line = path.read_text(encoding="utf-8").splitlines()[0]
    assert first_line == "# yaml-language-server: $schema=../../docs/flow.schema.json"
    flow = read_yaml(path)
    found = list(steps(flow["steps"]))
    assert flow["id"] == path.stem
    assert {step["kind"] for step in found} <= KINDS
    assert max(Counter(step["id"] for step in found).values()) == 1
    assert all(domain.endswith(".example") for domain in re.findall(r"[\w.]+@([\w.]+)", str(flow)))
