"""`ferd pull`: everything of SuperOffice taken over, in the background; here one can watch it."""

import time

from rich.progress import Progress, SpinnerColumn, TextColumn

from console.client import Api
from console.shell import as_json, err, say
from settings import Settings

_LOOK_EVERY = 1.0


def pull(settings: Settings, *, wait: bool, json: bool) -> None:
    """Begin it, and wait until it is done."""
    with Api(settings) as api:
        found = api.post("/v1/pull")
        with Progress(SpinnerColumn(), TextColumn("{task.description}"), console=err, transient=True) as progress:
            task = progress.add_task("Pulling")
            while wait and not all(each["done"] for each in found["items"]):
                here = next(each for each in found["items"] if not each["done"])
                progress.update(task, description=f"{here['kind']}: {here['taken']} {here['why']}".strip())
                time.sleep(_LOOK_EVERY)
                found = api.get("/v1/pull")
    if json:
        as_json(found)
        return
    for each in found["items"]:
        how = f"{each['taken']} taken over" if each["done"] else "under way"
        refused = f", {each['refused']} not: {each['why']}" if each["refused"] else ""
        say(f"{each['kind']}: {how}{refused}", "yellow" if refused else "")
