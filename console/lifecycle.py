"""`ferd run`, `pause`, `stop` and so on: commands to a flow, and to all of them, given over the API."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from console.client import Api
from console.problems import counted
from console.shell import as_json, say
from console.tables import moment, words
from settings import Settings


def run(settings: Settings, flow: str, *, at: str | None, enrol_existing: bool, dry_run: bool, json: bool) -> None:
    """Run the flow, with or without who matches its triggers already; or only say how many that are (TRIG_7)."""
    asked = {name: True for name, wanted in (("enrol_existing", enrol_existing), ("dry_run", dry_run)) if wanted}
    give(settings, flow, "run", at=at, json=json, **asked)


def give(settings: Settings, flow: str, command: str, *, at: str | None, json: bool, **query: bool) -> None:
    """Give the flow the command, now or for later, and say what it has led to."""
    with Api(settings) as api:
        body = {"at": at} if at is not None else None
        answer = api.post(f"/v1/flows/{quote(flow, safe='')}/{command}", body, **query)
    if json:
        as_json(answer)
        return
    if "scheduled" in answer:
        say(f"{flow} is {answer['status']}; {command} is scheduled for {moment(answer['scheduled']['at'])}.")
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


def brake(settings: Settings, verb: str, channel: str | None, *, json: bool) -> None:
    """Pause or resume all flows, or one channel in all of them, and say how the brakes stand (LIFE_16)."""
    path = f"/v1/{verb}-all" if channel is None else f"/v1/channels/{quote(channel, safe='')}/{verb}"
    with Api(settings) as api:
        answer = api.post(path)
    if json:
        as_json(answer)
        return
    say_brakes(answer)
    if answer["under_way"] and verb == "pause":
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
