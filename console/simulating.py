"""`ferd simulate`: what a flow would do with one person, and when. Nothing is stored or sent, and no ferd need run."""

import re
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from console.material import Material, read
from console.problems import errors, show
from console.shell import Failure, as_json
from console.tables import moment, table, words
from flows import fields
from flows.calendar import Workdays, add
from flows.definition import Flow
from flows.events import EVENTS, OWN_NAME
from flows.facts import Happening
from flows.moments import read_moment, resolve
from flows.simulation import Played, Simulation
from flows.units import Duration

PERSON = {
    "id": "simulated",
    "first_name": "Kari",
    "last_name": "Nordmann",
    "name": "Kari Nordmann",
    "email": "kari@example.com",
    "mobile": "+4740000000",
}
"""Who goes through the flow, unless told otherwise."""


def simulate(path: Path, *, given: Sequence[str], events: Sequence[str], at: str | None, json: bool) -> None:
    """Play one person through the flow of a file."""
    flow = _flow(read([path]))
    start = _start(flow, at)
    data: dict[str, Any] = {"person": dict(PERSON), "company": {}}
    for each in given:
        _set(data, each)
    coming = [_event(flow, number, each, start) for number, each in enumerate(events, start=1)]
    played = list(Simulation(flow, data, coming, start).play())
    if json:
        as_json([_entry(each) for each in played])
        return
    table(
        ("when", "step", "what", "in words"),
        ((moment(each.at.isoformat()), each.line.step, words(each.line.event), each.line.text) for each in played),
    )


def _entry(played: Played) -> dict[str, str]:
    """As a journal's entry in the API."""
    line = played.line
    at = played.at.astimezone(UTC).isoformat().replace("+00:00", "Z")
    return {"at": at, "step": line.step, "kind": line.kind, "event": line.event, "text": line.text}


def _flow(material: Material) -> Flow:
    if len(material.flows) != 1:
        raise Failure("This is not the file of one flow.", "Name one: ferd simulate examples/flows/welcome.yaml")
    found = material.flows[0].loaded.flow
    if found is None:
        if errors(material.flaws):
            show(material.flaws)
        raise Failure(f"{material.flows[0].path} cannot be read.", "Mend what `ferd check` says of it.")
    return found


def _start(flow: Flow, at: str | None) -> datetime:
    if at is None:
        return datetime.now(UTC).replace(microsecond=0)
    try:
        return resolve(read_moment(at), flow.zone)
    except ValueError as error:
        raise Failure(f"--at: {error}", "Without an offset it is in the flow's time zone.") from None


def _set(data: dict[str, Any], given: str) -> None:
    path, is_set, text = given.partition("=")
    if not is_set or fields.field_type(path) is None or path.partition(".")[0] not in data:
        nearest = fields.nearest(path)
        hint = f"Did you mean “{nearest}”? " if nearest else ""
        raise Failure(f"--set {given} sets no field.", f"{hint}Write it as person.country=NO or company.employees=300.")
    *way, name = path.split(".")
    holder = data
    for part in way:
        holder = holder.setdefault(part, {})
    holder[name] = _value(text)


def _event(flow: Flow, number: int, given: str, start: datetime) -> Happening:
    """`NAME [THING] [KEY=VALUE…] after DURATION`."""
    remedy = "Write it as “link_clicked offer after 2 days” or “order.placed total=12.5 after 1 hour”."
    what, is_timed, after = given.rpartition(" after ")
    name, *more = what.split() or [""]
    kind = EVENTS.get(name)
    if not is_timed or (kind is None and not re.match(OWN_NAME, name)):
        raise Failure(f"--event {given} cannot be understood.", remedy)
    data: dict[str, Any] = {}
    for word in more:
        key, has_value, text = word.partition("=")
        if has_value:
            data[key] = _value(text)
        elif kind is not None and kind.keys:
            data[kind.keys[0]] = word
        else:
            raise Failure(f"--event {given}: {word} says nothing.", remedy)
    if name == "form_submitted":
        data = {"form": data.pop("form", ""), "fields": data}
    try:
        length = Duration.parse(after.strip())
    except ValueError as error:
        raise Failure(f"--event {given}: {error}", remedy) from None
    return Happening(f"event-{number}", name, add(start, length, flow.zone, Workdays(flow.settings.calendar)), data)


def _value(text: str) -> Any:
    try:
        return YAML(typ="safe", pure=True).load(text)
    except YAMLError:
        return text
