"""`ferd demo`: copies of the examples, days made seconds, and an audience that reads its mail, until all is quiet."""

import asyncio
import random
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rich.live import Live
from rich.table import Table

from api import mailbox
from console.applying import PATHS, put, put_flow
from console.audience import Audience
from console.client import Api
from console.enrolling import enrol_people, import_people
from console.material import Material, Noun, Thing, read
from console.rehearsal import PREFIX, rehearsal, written
from console.shell import Failure, out, program, run_async, say
from console.tables import words
from console.up import EndedEarly, everything, until
from console.welcome import welcome
from settings import Settings

EXAMPLES = Path(__file__).resolve().parent.parent / "examples"

_LONGEST = 180.0
_QUIET = 3.0
_LOOK_EVERY = 0.5
_LINE_EVERY = 5.0
_SHARES = {"welcome": 0.4, "webinar": 0.35, "win-back": 0.25}
"""Which part of the people is proposed to which flow."""


def run(settings: Settings, *, people: int, day: float) -> None:
    """Play the demo against a running ferd, or start one for it and keep that until Ctrl-C."""
    if not mailbox.is_local(settings):
        raise Failure("The demo sends hundreds of mails, and FERD_SMTP_URL names a relay.", "Unset it for the demo.")
    with Api(settings) as api:
        if api.answers():
            try:
                Demo(api, people, day, threading.Event()).play()
            except KeyboardInterrupt:
                say("Not watched any more; the flows go on.")
            return
    run_async(_with_everything(settings, people, day))


async def _with_everything(settings: Settings, people: int, day: float) -> None:
    say("Nothing runs yet: starting everything for the demo.", "bold")
    stop = threading.Event()

    def play() -> None:
        with Api(settings) as api:
            Demo(api, people, day, stop).play()

    try:
        async with everything(settings) as ended:
            try:
                await until(ended, asyncio.to_thread(play))
                welcome(settings)
                await ended.wait()
            finally:
                stop.set()
    except EndedEarly:
        pass
    say("Ended. `make up` goes on where it stopped.")


@dataclass(frozen=True, slots=True)
class _Counts:
    """A flow in numbers since the demo began."""

    flow: str
    status: str
    enrolled: int
    inside: int
    finished: int
    success: int
    dropped_out: int
    where: str

    @classmethod
    def of(cls, flow: Mapping[str, Any], before: "_Counts | None" = None) -> "_Counts":
        counts = flow["statistics"]
        at = sorted((step for step in counts["steps"] if step["waiting"]), key=lambda step: -step["waiting"])
        now = cls(
            flow=flow["id"],
            status=flow["status"],
            enrolled=counts["enrolled"],
            inside=counts["active"] + counts["queued"],
            finished=counts["finished"] + counts["finished_with_success"],
            success=counts["finished_with_success"],
            dropped_out=sum(counts["dropped_out"].values()),
            where=", ".join(f"{step['id']} {step['waiting']}" for step in at) or "nobody is inside",
        )
        if before is None:
            return now
        return replace(
            now,
            enrolled=now.enrolled - before.enrolled,
            finished=now.finished - before.finished,
            success=now.success - before.success,
            dropped_out=now.dropped_out - before.dropped_out,
        )


class Demo:
    """One demo over the API. `stop` ends it early."""

    def __init__(self, api: Api, people: int, day: float, stop: threading.Event) -> None:
        self._api = api
        self._people = people
        self._day = day
        self._stop = stop
        self._flows: list[str] = []
        self._before: dict[str, _Counts] = {}

    def play(self) -> None:
        """Put everything in, enrol people, watch, and say what to look at."""
        if not EXAMPLES.is_dir():
            raise Failure(f"The examples are not in {EXAMPLES}.", "Run the demo in a clone of the project.")
        material = read([EXAMPLES])
        self._prepare(material)
        audience = Audience(self._api)
        try:
            self._enrol()
            quiet = self._watch(audience)
        finally:
            audience.close()
        if not self._stop.is_set():
            self._look_back(quiet)

    def _prepare(self, material: Material) -> None:
        say("1. Examples: files, links, forms and mails are put in; what is there already stays as it is.", "bold")
        own = [replace(thing, id=PREFIX + thing.id) for thing in material.of(Noun.SELECTION)]
        shared = [thing for noun in Noun for thing in material.of(noun) if noun is not Noun.SELECTION]
        for thing in (*shared, *own):
            self._put(thing)
        for selection in own:
            self._empty(selection.id)
        say(f"2. Flows: copies named {PREFIX}…, in which a day takes {self._day:g} s. Yours stay untouched.", "bold")
        now = datetime.now(UTC)
        for file in material.flows:
            if file.loaded.flow is not None:
                copy = rehearsal(file.loaded.flow, self._day, now)
                self._flows.append(copy.id)
                there = self._api.find(f"/v1/flows/{copy.id}")
                if there is not None and "end" in there["commands"]:
                    self._api.post(f"/v1/flows/{copy.id}/end")
                put_flow(self._api, copy.id, written(copy, f"examples/flows/{file.path.name}"))
        for flow in self._flows:
            self._api.post(f"/v1/flows/{flow}/run")
            say(f"   {flow} is running.")
        self._before = {flow: self._count(flow) for flow in self._flows}

    def _put(self, thing: Thing) -> None:
        if self._api.find(f"{PATHS[thing.noun]}/{thing.id}") is None:
            put(self._api, thing)

    def _empty(self, selection: str) -> None:
        """Members of an earlier demo begin anew."""
        path = f"{PATHS[Noun.SELECTION]}/{selection}/members"
        members = [member["person"] for member in self._api.items(path)]
        if members:
            self._api.call("DELETE", path, body={"people": members})

    def _enrol(self) -> None:
        say("3. People: examples/people.csv has 1,000 rows, with the mess of a real export.", "bold")
        result, people = import_people(self._api, EXAMPLES / "people.csv")
        say(
            f"   {result['created']} people are new, {result['updated']} were known, empty rows are passed over; "
            f"{result['refused']} rows are refused, each with its line and reason, such as:"
        )
        for refusal in result["refusals"][:3]:
            say(f"     line {refusal['line']}: {refusal['what']} {refusal['remedy']}", "yellow")
        chosen = self._choose(people)
        for flow in self._flows:
            answers = enrol_people(self._api, flow, chosen[flow])
            refused = [words(answer["reason"]) for answer in answers if answer["outcome"] == "refused"]
            why = f", {len(refused)} refused ({', '.join(sorted(set(refused)))})" if refused else ""
            say(f"   {flow}: {len(answers) - len(refused)} enrolled{why}")

    def _choose(self, people: Sequence[Mapping[str, Any]]) -> dict[str, list[str]]:
        """Who is proposed where: customers are welcomed and won back, the webinar is for all."""
        dice = random.Random(11)
        order = sorted(people, key=lambda person: str(person["external_id"] or person["id"]))
        dice.shuffle(order)
        order.sort(key=lambda person: person["category"] != "customer")
        chosen: dict[str, list[str]] = {}
        for name in ("win-back", "welcome", "webinar"):
            count = max(1, round(_SHARES[name] * self._people))
            chosen[PREFIX + name] = [person["id"] for person in order[:count]]
            order = order[count:]
        return chosen

    def _watch(self, audience: Audience) -> bool:
        """Show how it goes until all is quiet, which is answered, or the time is over."""
        say("4. Watch: the audience opens, clicks, fills in forms and buys by itself.", "bold")
        began = quiet_since = last_line = time.monotonic()
        longest = _LONGEST * max(1.0, self._day)
        with Live(console=out, transient=True, auto_refresh=False) as live:
            while not self._stop.wait(_LOOK_EVERY):
                audience.look()
                counts = [_Counts.of(self._flow(flow), self._before[flow]) for flow in self._flows]
                now = time.monotonic()
                if out.is_terminal:
                    live.update(_picture(counts, audience, now - began), refresh=True)
                elif now - last_line > _LINE_EVERY:
                    last_line = now
                    say(f"   {now - began:3.0f} s  " + _line(counts, audience))
                if audience.busy or any(each.inside for each in counts):
                    quiet_since = now
                if now - quiet_since > _QUIET or now - began > longest:
                    break
        if not self._stop.is_set():
            out.print(_picture(counts, audience, time.monotonic() - began))
        return not any(each.inside for each in counts)

    def _flow(self, flow: str) -> dict[str, Any]:
        found: dict[str, Any] = self._api.get(f"/v1/flows/{flow}")
        return found

    def _count(self, flow: str) -> _Counts:
        return _Counts.of(self._flow(flow))

    def _look_back(self, quiet: bool) -> None:
        say(
            "All is quiet." if quiet else "Some are still on their way; they go on without being watched.", "bold green"
        )
        rows = []
        journeys = list(self._api.items(f"/v1/flows/{PREFIX}welcome/participants"))
        best = max(journeys, key=lambda each: (each["status"] == "finished_with_success", each["enrolled_at"]))
        journey = self._api.get(f"/v1/participants/{best['id']}")
        if journey["temporal"]:
            rows.append(("One journey in the Temporal UI", journey["temporal"]))
        rows.append(("The same in words", f"{program()} why {journey['id']}"))
        mails = self._api.get("/mailbox/messages", limit=1)["items"]
        if mails:
            rows.append(("A mail, as it came", f"{self._api.url}/mailbox/{mails[0]['id']}"))
        rows.append(("All mails", f"{self._api.url}/mailbox"))
        rows.append(("The flows in numbers", f"{program()} flows"))
        say("What to look at:", "bold")
        for what, where in rows:
            say(f"  {what:<32}{where}")


def _picture(counts: Sequence[_Counts], audience: Audience, seconds: float) -> Table:
    deeds = audience.deeds
    shown = Table(
        title=f"{seconds:.0f} s",
        caption=f"{deeds.mails} mails in the mailbox · {deeds.opened} opened · {deeds.clicked} clicked · "
        f"{deeds.forms} forms · {deeds.bought} bought",
        title_justify="left",
        caption_justify="left",
    )
    shown.add_column("flow", style="bold")
    for heading in ("enrolled", "inside", "finished", "success", "dropped out"):
        shown.add_column(heading, justify="right")
    shown.add_column("who stands where", overflow="fold", style="cyan")
    for each in counts:
        numbers = (each.enrolled, each.inside, each.finished, each.success, each.dropped_out)
        shown.add_row(each.flow, *map(str, numbers), each.where)
    return shown


def _line(counts: Sequence[_Counts], audience: Audience) -> str:
    flows = "; ".join(f"{each.flow}: {each.inside} inside, {each.finished + each.dropped_out} out" for each in counts)
    return f"{flows}; {audience.deeds.mails} mails"
