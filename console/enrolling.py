"""`ferd enrol`: a selection, or the people of a CSV file, into a flow; each refusal with its reason (TRIG_11)."""

import time
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from activities.crm.faults import Refused as WrongHeader
from activities.crm.importing import PeopleCsv
from console.client import Api
from console.shell import Failure, as_json, err, say
from console.tables import words
from settings import Settings

_CHUNK = 200
_LOOK_EVERY = 0.3
_REFUSALS_SHOWN = 10


def enrol(settings: Settings, flow: str, *, selection: str | None, csv: Path | None, again: bool, json: bool) -> None:
    """Enrol them and say how many came in, and why the others did not."""
    if (selection is None) == (csv is None):
        raise Failure("Say who: --selection NAME or --csv FILE.", f"For example: ferd enrol {flow} --csv people.csv")
    with Api(settings) as api:
        api.get(_flow(flow))
        if selection is not None:
            answer = enrol_selection(api, flow, selection, again=again)
        else:
            assert csv is not None
            answer = _enrol_csv(api, flow, csv, again=again)
    if json:
        as_json(answer)
    elif selection is not None:
        say(f"{flow}: {answer['enrolled']} of {answer['total']} enrolled or queued, {answer['refused']} refused.")
    else:
        _tell(flow, answer)


def enrol_selection(api: Api, flow: str, selection: str, *, again: bool) -> dict[str, Any]:
    """Have the members enrolled in the background, and wait for it."""
    job: dict[str, Any] = api.post(f"{_flow(flow)}/participants", {"selection": selection, "again": again})["job"]
    with _progress() as progress:
        task = progress.add_task("Enrolling", total=job["total"])
        while not job["done"]:
            time.sleep(_LOOK_EVERY)
            job = api.get(f"{_flow(flow)}/enrolments/{job['id']}")
            progress.update(task, completed=job["enrolled"] + job["refused"])
    return job


def enrol_people(api: Api, flow: str, people: Sequence[str], *, again: bool = False) -> list[dict[str, Any]]:
    """Enrol these people by their ids; the answers in their order."""
    answers: list[dict[str, Any]] = []
    with _progress() as progress:
        task = progress.add_task("Enrolling", total=len(people))
        for first in range(0, len(people), _CHUNK):
            chunk = list(people[first : first + _CHUNK])
            answers += api.post(f"{_flow(flow)}/participants", {"people": chunk, "again": again})["items"]
            progress.advance(task, len(chunk))
    return answers


def import_people(api: Api, csv: Path) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Import the file without firing triggers. Answers what became of its rows, and its people."""
    keys, nameless = _keys(csv)
    with _progress() as progress:
        task = progress.add_task("Importing", total=None)
        before = {person["id"] for person in api.items("/v1/people")} if nameless else set()
        result: dict[str, Any] = api.call(
            "POST", "/v1/people/import", content=csv.read_bytes(), media_type="text/csv", timeout=600.0
        )
        progress.update(task, description="Finding them")
        people = [
            person
            for person in api.items("/v1/people")
            # A row without a key of its own has always made somebody new.
            if (person["external_id"] in keys if person["external_id"] else nameless and person["id"] not in before)
        ]
    return result, people


def _enrol_csv(api: Api, flow: str, csv: Path, *, again: bool) -> dict[str, Any]:
    result, found = import_people(api, csv)
    people = [person["id"] for person in found]
    selection = f"import-{datetime.now():%Y%m%d-%H%M%S}"
    api.put(f"/v1/selections/{selection}", {"name": f"Imported from {csv.name}"})
    for first in range(0, len(people), _CHUNK):
        members = {"people": people[first : first + _CHUNK]}
        api.post(f"/v1/selections/{selection}/members", members, fire_triggers=False)
    return {"import": result, "selection": selection, "items": enrol_people(api, flow, people, again=again)}


def _tell(flow: str, answer: Mapping[str, Any]) -> None:
    rows, items = answer["import"], answer["items"]
    say(f"{rows['created']} people are new, {rows['updated']} were known, {rows['refused']} rows were refused.")
    for refusal in rows["refusals"][:_REFUSALS_SHOWN]:
        field = f"{refusal['field']}: " if refusal["field"] else ""
        say(f"  line {refusal['line']}: {field}{refusal['what']} {refusal['remedy']}", "yellow")
    if rows["refused"] > _REFUSALS_SHOWN:
        say(f"  … and {rows['refused'] - _REFUSALS_SHOWN} more; --json shows them.", "yellow")
    say(f"The people are in the selection {answer['selection']}.")
    outcomes = Counter(item["outcome"] for item in items)
    say(f"{flow}: {outcomes['enrolled']} enrolled, {outcomes['queued']} queued, {outcomes['refused']} refused.", "bold")
    for reason, number in Counter(item["reason"] for item in items if item["reason"]).most_common():
        say(f"  refused, {words(reason)}: {number}")


def _keys(csv: Path) -> tuple[set[str], bool]:
    """The external ids of the file's good rows, and whether some rows have none. Raises Failure."""
    try:
        with csv.open("rb") as file:
            rows = [row for chunk in PeopleCsv(file).chunks() for row in chunk]
    except OSError as error:
        raise Failure(f"{csv} cannot be read: {error.strerror}.", "Check the name.") from error
    except WrongHeader as error:
        raise Failure(f"{csv}: {error.what}", error.remedy, *(fault.what for fault in error.faults[1:])) from error
    keys = {row.person.get("external_id", "") for row in rows}
    return keys - {""}, "" in keys


def _flow(flow: str) -> str:
    return f"/v1/flows/{quote(flow, safe='')}"


def _progress() -> Progress:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    return Progress(*columns, console=err, transient=True)
