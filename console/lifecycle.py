"""`ferd run`, `pause`, `stop`, `delete` and so on: commands to a flow, and to all of them, given over the API."""

import sys
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from rich.prompt import Confirm

from console.client import Api
from console.edits import author, flow_path
from console.problems import counted
from console.shell import Failure, as_json, err, say
from console.tables import moment, table, words
from settings import Settings


def run(settings: Settings, flow: str, *, at: str | None, enrol_existing: bool, dry_run: bool, json: bool) -> None:
    """Run the flow, with or without who matches its triggers already; or only say how many that are (TRIG_7)."""
    asked = {name: True for name, wanted in (("enrol_existing", enrol_existing), ("dry_run", dry_run)) if wanted}
    give(settings, flow, "run", at=at, json=json, **asked)


def give(settings: Settings, flow: str, command: str, *, at: str | None, json: bool, **query: bool) -> None:
    """Give the flow the command, now or for later, and say what it has led to."""
    with Api(settings) as api:
        body = {"at": at} if at is not None else None
        answer = api.post(f"{flow_path(flow)}/{command}", body, **query)
    if json:
        as_json(answer)
        return
    if "scheduled" in answer:
        say(f"{flow} is {answer['status']}; {command} is scheduled for {moment(answer['scheduled']['at'])}.")
        if answer["scheduled"]["enrol_existing"]:
            say("Who matches its triggers then is enrolled too.")
        return
    if query.get("dry_run"):
        _say_existing(flow, answer.get("existing"))
        return
    say(f"{flow} is {answer['status']}.")
    if "enrolment" in answer:
        say(f"Who matches its triggers already is being enrolled: enrolment {answer['enrolment']['id']}.")
    if answer["under_way"]:
        say(f"{counted(answer['under_way'], 'effect')} had begun before and will still be finished.", "yellow")
    if command == "run":
        say(f"People come in by its triggers, or with: ferd enrol {flow} --csv FILE", "dim")


def _say_existing(flow: str, existing: Mapping[str, Any] | None) -> None:
    if existing is None:
        say(f"{flow} runs already: run changes nothing.")
        return
    say(f"{counted(existing['enrolled'], 'person')} would be enrolled by --enrol-existing.")
    for reason, number in existing["refused"].items():
        say(f"  refused, {words(reason)}: {number}")


def scheduled(settings: Settings, flow: str, *, json: bool) -> None:
    """The flow's commands that wait for their time, and those that were refused when it came (LIFE_14)."""
    with Api(settings) as api:
        found = list(api.items(f"{flow_path(flow)}/scheduled"))
    if json:
        as_json(found)
    elif not found:
        say(f"No command to {flow} waits for its time.")
    else:
        rows = ((each["id"], each["command"], moment(each["at"]), each["refused"] or "waits") for each in found)
        table(("id", "command", "at", "state"), rows)


def withdraw(settings: Settings, flow: str, id: str | None) -> None:
    """Withdraw a command that waits; without an id, all of the flow."""
    with Api(settings) as api:
        api.call("DELETE", f"{flow_path(flow)}/scheduled" + ("" if id is None else f"/{quote(id, safe='')}"))
    say(f"Every command to {flow} that waited is withdrawn." if id is None else f"{id} is withdrawn.")


def delete(settings: Settings, flow: str, *, yes: bool) -> None:
    """Delete a flow, once a person has agreed (LIFE_6)."""
    with Api(settings) as api:
        there = api.get(flow_path(flow))
        inside = there["statistics"]["active"] + there["statistics"]["queued"]
        _sure(f"Delete {flow}? {counted(inside, 'person')} inside will be cancelled, and its id is gone.", yes=yes)
        api.call("DELETE", flow_path(flow))
    say(f"{flow} is deleted. What it has sent stays in the record.")


def copy(settings: Settings, flow: str, how: str, *, id: str | None, name: str | None, json: bool) -> None:
    """Make a draft of a flow: its duplicate, or the new version that follows it."""
    given = {"id": id, "name": name, "author": author()}
    with Api(settings) as api:
        made = api.post(f"{flow_path(flow)}/{how}", {key: value for key, value in given.items() if value})
    if json:
        as_json(made)
        return
    say(f"{made['id']} is a draft now, made of {flow}.")
    say(f"Start it with: ferd run {made['id']}", "dim")


def archive(settings: Settings, flow: str, verb: str, *, json: bool) -> None:
    """Put a flow into the archive, or take it out."""
    with Api(settings) as api:
        answer = api.post(f"{flow_path(flow)}/{verb}")
    if json:
        as_json(answer)
    else:
        say(f"{flow} is in the archive." if answer["archived"] else f"{flow} is out of the archive.")


def _sure(question: str, *, yes: bool) -> None:
    if yes:
        return
    if not sys.stdin.isatty():
        raise Failure(f"{question} Nothing was done.", "Say --yes if that is what you want.")
    if not Confirm.ask(question, console=err, default=False):
        raise Failure("Nothing was done.")


def brake(settings: Settings, verb: str, channel: str | None, *, at: str | None, json: bool) -> None:
    """Pause or resume all flows, or one channel in all of them, now or later; say how the brakes stand (LIFE_16)."""
    path = f"/v1/{verb}-all" if channel is None else f"/v1/channels/{quote(channel, safe='')}/{verb}"
    with Api(settings) as api:
        answer = api.post(path, {"at": at} if at is not None else None)
    if json:
        as_json(answer)
        return
    say_brakes(answer)
    if answer["under_way"] and verb == "pause" and at is None:
        say(f"{counted(answer['under_way'], 'effect')} had begun before and will still be finished.", "yellow")


def say_brakes(answer: Mapping[str, Any]) -> None:
    """What is paused for all flows."""
    channels = [each for each in answer["paused"] if each != "all"]
    if "all" in answer["paused"]:
        say("All flows are paused; let them go on with: ferd resume-all", "bold yellow")
    for channel in channels:
        say(f"{channel} is paused in all flows; let it go on with: ferd resume-all --channel {channel}", "bold yellow")
    if not answer["paused"]:
        say("No flow and no channel is held by a brake.")
    for each in answer["scheduled"]:
        what = "all flows" if each["brake"] == "all" else f"{each['brake']} in all flows"
        say(f"To {each['command']} {what} is scheduled for {moment(each['at'])}: ferd withdraw-all {each['id']}", "dim")


def withdraw_brakes(settings: Settings, id: str | None) -> None:
    """Withdraw a pause or resume of all flows that waits; without an id, each of them."""
    with Api(settings) as api:
        api.call("DELETE", "/v1/brakes/scheduled" + ("" if id is None else f"/{quote(id, safe='')}"))
    say("Every pause and resume of all flows that waited is withdrawn." if id is None else f"{id} is withdrawn.")
