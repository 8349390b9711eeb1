"""`ferd flows`, `statistics`, `recount`, `participants`, `why`: how things stand, read over the API."""

from collections.abc import Mapping
from itertools import islice
from typing import Any
from urllib.parse import quote

from rich.text import Text

from console.client import Api
from console.lifecycle import say_brakes
from console.shell import as_json, say
from console.tables import length, moment, status, table, words
from settings import Settings

_PLAIN = ("completed", "success_criterion_met")
"""Reasons that say no more than the status."""
_PERIOD = ("enrolled", "finished", "success", "dropped out", "cancelled", "active", "queued")
_NUMBERS = ("version", "enrolled", "queued", "active", "finished", "success", "dropped out", "cancelled")


def flows(settings: Settings, *, archived: bool, json: bool) -> None:
    """Every flow with its status and numbers, or those in the archive instead."""
    with Api(settings) as api:
        found = list(api.items("/v1/flows", archived=archived))
        brakes = api.get("/v1/brakes")
    if json:
        as_json(found)
    elif not found:
        nothing = "There are no flows yet. Put the examples in with: ferd apply examples"
        say("The archive is empty." if archived else nothing)
    else:
        table(("flow", "status", *_NUMBERS, "name"), map(_flow_row, found), right=_NUMBERS)
        if brakes["paused"] or brakes["scheduled"]:
            say_brakes(brakes)


def statistics(settings: Settings, flow: str, *, since: str | None, to: str | None, by: str, json: bool) -> None:
    """A flow's numbers over time, where anything happened or anybody was inside."""
    query = {name: value for name, value in (("from", since), ("to", to), ("by", by)) if value is not None}
    with Api(settings) as api:
        found = api.get(f"/v1/flows/{quote(flow, safe='')}/statistics", **query)
    if json:
        as_json(found)
        return
    table((by, *_PERIOD), filter(None, map(_period_row, found["periods"])), right=_PERIOD)


def _period_row(period: Mapping[str, Any]) -> tuple[str, ...] | None:
    numbers = (
        period["enrolled"],
        period["finished"],
        period["finished_with_success"],
        sum(period["dropped_out"].values()),
        period["cancelled"],
        period["active"],
        period["queued"],
    )
    return (period["start"], *map(str, numbers)) if any(numbers) else None


def recount(settings: Settings, flow: str, *, json: bool) -> None:
    """Have a flow's counters compared with its participants, and mended."""
    with Api(settings) as api:
        found = api.post(f"/v1/flows/{quote(flow, safe='')}/recount")
    if json:
        as_json(found)
        return
    for each in found["mended"]:
        say(f"{each['measure']} {each['name']}: {each['by']:+}", "yellow")
    if not found["mended"]:
        say("Every counter is right.")


def participants(
    settings: Settings, flow: str, *, status_is: str | None, step: str | None, limit: int, json: bool
) -> None:
    """Who is where in a flow, since when and until when (PART_6)."""
    with Api(settings) as api:
        items = api.items(f"/v1/flows/{quote(flow, safe='')}/participants", status=status_is, step=step)
        found = list(islice(items, limit + 1))
    if json:
        as_json(found[:limit])
        return
    if not found:
        say("Nobody is, or was, there.")
        return
    table(
        ("participant", "person", "status", "step", "since", "goes on in", "held"),
        (
            (
                each["id"],
                each["person"],
                Text.assemble(status(each["status"]), (_because(each), "dim")),
                each["step"],
                moment(each["since"]),
                length(each["left"]),
                ", ".join(each["held"]),
            )
            for each in found[:limit]
        ),
    )
    if len(found) > limit:
        say(f"These are the first {limit}; see more with --limit, or choose with --status and --step.", "dim")
    say(f"Why one of them is where it is: ferd why {found[0]['id']}", "dim")


def why(settings: Settings, participant: str, *, json: bool) -> None:
    """What one participant did and why, from its journal (PART_7)."""
    with Api(settings) as api:
        found = api.get(f"/v1/participants/{quote(participant, safe='')}")
    if json:
        as_json(found)
        return
    say(f"{found['id']}: person {found['person']} in the flow {found['flow']}, version {found['version']}", "bold")
    say(_standing(found))
    for hold in found["held"]:
        say(f"Held: {hold}.", "yellow")
    if found["temporal"]:
        say(f"In the Temporal UI: {found['temporal']}")
    say("")
    table(
        ("when", "step", "what", "in words"),
        ((moment(each["at"]), each["step"], words(each["event"]), each["text"]) for each in found["journal"]),
    )
    for effect in found["effects"]:
        if effect["status"] != "done":
            error = f": {effect['error']}" if effect["error"] else ""
            say(
                f"{effect['kind']} at {effect['step']} is {effect['status']} after {effect['tries']} tries{error}",
                "yellow",
            )
    if can := [each for each in found["possible"] if each != "remove"]:
        say(f"Possible now by POST /v1/participants/{found['id']}/…: {', '.join(can)}", "dim")


def _standing(found: Mapping[str, Any]) -> str:
    if found["ended_at"]:
        return f"It is over since {moment(found['ended_at'])}: {words(found['status'])}{_because(found)}."
    until = f", goes on in {length(found['left'])} ({moment(found['until'])})" if found["until"] else ""
    return f"It is {words(found['status'])} at {found['step']} since {moment(found['since'])}{until}."


def _because(found: Mapping[str, Any]) -> str:
    reason = found["reason"]
    return f", {words(reason)}" if reason and reason not in _PLAIN else ""


def _flow_row(flow: Mapping[str, Any]) -> tuple[str | Text, ...]:
    counts = flow["statistics"]
    rate = counts["success_rate"]
    return (
        flow["id"],
        status(flow["status"]),
        str(flow["version"]),
        str(counts["enrolled"]),
        str(counts["queued"]),
        str(counts["active"]),
        str(counts["finished"] + counts["finished_with_success"]),
        "" if rate is None else f"{rate:.0%}",
        str(sum(counts["dropped_out"].values())),
        str(counts["cancelled"]),
        flow["name"],
    )
