"""`ferd run`, `pause`, `stop` and so on: a flow's commands, given over the API."""

from urllib.parse import quote

from console.client import Api
from console.problems import counted
from console.shell import as_json, say
from settings import Settings


def give(settings: Settings, flow: str, command: str, *, json: bool) -> None:
    """Give the flow the command and say what it has led to."""
    with Api(settings) as api:
        answer = api.post(f"/v1/flows/{quote(flow, safe='')}/{command}")
    if json:
        as_json(answer)
        return
    say(f"{flow} is {answer['status']}.")
    if answer["under_way"]:
        say(f"{counted(answer['under_way'], 'effect')} had begun before and will still be finished.", "yellow")
    if command == "run":
        say(f"People come in by its triggers, or with: ferd enrol {flow} --csv FILE", "dim")
