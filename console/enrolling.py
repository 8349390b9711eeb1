"""`ferd enrol`: a selection, or the people of a CSV file, into a flow; each refusal with its reason (TRIG_11)."""

import time
from collections.abc import Mapping, Sequence
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
            began = api.post(f"{_flow(flow)}/participants", {"selection": selection, "again": again})
        else:
            assert csv is not None
            began = _send(api, flow, csv, again=again)
        job = _wait(api, flow, began["job"])
        refusals = list(api.items(f"{_flow(flow)}/enrolments/{job['id']}/refusals")) if json else []
    if json:
        as_json({"import": began.get("import"), "job": job, "refusals": refusals})
    else:
        _tell(flow, began.get("import"), job)


def _send(api: Api, flow: str, csv: Path, *, again: bool) -> dict[str, Any]:
    """Have the people of the file imported and proposed."""
    _keys(csv)  # what is wrong with the file is said before it is sent
    with csv.open("rb") as file:
        answer: dict[str, Any] = api.call(
            "POST",
            f"{_flow(flow)}/enrolments",
            content=file.read(),
            media_type="text/csv",
            query={"again": again},
            timeout=600.0,
        )
    return answer


def _wait(api: Api, flow: str, job: dict[str, Any]) -> dict[str, Any]:
    """Until the job is done; shows how far it is."""
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
    """Import the file without firing triggers. Answers what became of its rows, and its people with external ids."""
    keys = _keys(csv)
    with _progress() as progress:
        task = progress.add_task("Importing", total=None)
        result: dict[str, Any] = api.call(
            "POST", "/v1/people/import", content=csv.read_bytes(), media_type="text/csv", timeout=600.0
        )
        progress.update(task, description="Finding them")
        people = [person for person in api.items("/v1/people") if person["external_id"] in keys]
    return result, people


def _tell(flow: str, rows: Mapping[str, Any] | None, job: Mapping[str, Any]) -> None:
    if rows is not None:
        say(f"{rows['created']} people are new, {rows['updated']} were known, {rows['refused']} rows were refused.")
        for refusal in rows["refusals"][:_REFUSALS_SHOWN]:
            field = f"{refusal['field']}: " if refusal["field"] else ""
            say(f"  line {refusal['line']}: {field}{refusal['what']} {refusal['remedy']}", "yellow")
        if rows["refused"] > _REFUSALS_SHOWN:
            say(f"  … and {rows['refused'] - _REFUSALS_SHOWN} more; --json shows them.", "yellow")
    say(f"{flow}: {job['enrolled']} of {job['total']} enrolled or queued, {job['refused']} refused.", "bold")
    for reason, number in job["refusals"].items():
        say(f"  refused, {words(reason)}: {number}")


def _keys(csv: Path) -> set[str]:
    """The external ids of the file's good rows. Raises Failure."""
    try:
        with csv.open("rb") as file:
            rows = [row for chunk in PeopleCsv(file).chunks() for row in chunk]
    except OSError as error:
        raise Failure(f"{csv} cannot be read: {error.strerror}.", "Check the name.") from error
    except WrongHeader as error:
        raise Failure(f"{csv}: {error.what}", error.remedy, *(fault.what for fault in error.faults[1:])) from error
    return {row.person["external_id"] for row in rows if "external_id" in row.person}


def _flow(flow: str) -> str:
    return f"/v1/flows/{quote(flow, safe='')}"


def _progress() -> Progress:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    return Progress(*columns, console=err, transient=True)
