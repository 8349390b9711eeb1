"""`ferd`: the command line. Each command is a few lines here; what it does is in `console/`."""

from pathlib import Path
from typing import Annotated

import typer

from console.shell import Failure, failures, run_async, say
from settings import Settings, SettingsError, load_settings

app = typer.Typer(
    name="ferd",
    help="Marketing flows on Temporal: a flow is a file, each participant's journey a durable workflow.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

SERVE, FILES, WORK = "Run ferd", "Files", "Flows and people"
Json = Annotated[bool, typer.Option("--json", help="One JSON document, for programs.")]
Version = Annotated[int, typer.Argument(help="The number, from `ferd versions`.", min=1)]
Note = Annotated[str, typer.Option(help="Why, for the flow's versions.")]
Yes = Annotated[bool, typer.Option("--yes", help="Do not ask, whomever it concerns.")]
FlowId = Annotated[str, typer.Argument(metavar="FLOW", help="The flow's id.")]
Paths = Annotated[list[Path], typer.Argument(metavar="FILE…", help="Files, or folders laid out as examples/ is.")]


def settings() -> Settings:
    """The settings of this machine; what is wrong with them is a Failure."""
    try:
        return load_settings()
    except SettingsError as error:
        what, *more = str(error).splitlines()
        raise Failure(what, "`ferd settings` and .env.example list what there is.", *more) from error


@app.command(rich_help_panel=SERVE)
def up() -> None:
    """Start everything on this machine and keep it running: Temporal, mailbox, worker, API and pages."""
    from console.up import run

    run_async(run(settings()))


@app.command(rich_help_panel=SERVE)
def demo(
    people: Annotated[int, typer.Option(min=3, max=900, help="How many people go through the flows.")] = 150,
    day: Annotated[float, typer.Option(min=0.2, max=60, help="Seconds that a day of a flow takes.")] = 1.0,
) -> None:
    """Run copies of the examples with short waits, and watch them. Starts everything if nothing runs."""
    from console.demo import run

    run(settings(), people=people, day=day)


@app.command(rich_help_panel=SERVE)
def worker() -> None:
    """Run a worker in the foreground."""
    from console.processes import run_worker

    run_worker(settings())


@app.command(rich_help_panel=SERVE)
def api() -> None:
    """Run the API and the pages in the foreground."""
    from console.processes import run_api

    run_api(settings())


@app.command(rich_help_panel=SERVE)
def migrate() -> None:
    """Make the database's tables, or bring them up to date."""
    from console.database import migrate

    migrate(settings())
    say("The database is up to date.")


@app.command("settings", rich_help_panel=SERVE)
def show_settings(json: Json = False) -> None:
    """Show every setting, its value and where that came from. Keys and passwords are masked."""
    from console.configuration import show_settings

    show_settings(settings(), json=json)


@app.command(rich_help_panel=FILES)
def check(paths: Paths, json: Json = False) -> None:
    """Check files offline: every problem with line, column and remedy. Changes nothing."""
    from console.checking import run

    if not run(paths, json=json):
        raise SystemExit(1)


@app.command(rich_help_panel=FILES)
def apply(paths: Paths, note: Note = "", yes: Yes = False, json: Json = False) -> None:
    """Put files into a running ferd, after showing what the edit of a flow does to those who are inside."""
    from console.applying import apply

    apply(settings(), paths, note=note, yes=yes, json=json)


@app.command(rich_help_panel=FILES)
def simulate(
    path: Annotated[Path, typer.Argument(metavar="FILE", help="A flow file.")],
    given: Annotated[
        list[str] | None, typer.Option("--set", help="A field of the person or company, as in person.country=SE.")
    ] = None,
    event: Annotated[
        list[str] | None, typer.Option(help="What the person does, as in “link_clicked offer after 2 days”.")
    ] = None,
    at: Annotated[str | None, typer.Option(help="When the person comes in; default: now.")] = None,
    json: Json = False,
) -> None:
    """Play one person through a flow offline: what would happen, when and why. Sends and stores nothing."""
    from console.simulating import simulate

    simulate(path, given=given or [], events=event or [], at=at, json=json)


@app.command(rich_help_panel=FILES)
def versions(flow: FlowId, json: Json = False) -> None:
    """List a flow's versions: when, by whom, why."""
    from console.edits import versions

    versions(settings(), flow, json=json)


@app.command(rich_help_panel=FILES)
def compare(
    flow: FlowId,
    version: Version,
    to: Annotated[int | None, typer.Argument(help="With this version; default: the current.", min=1)] = None,
    json: Json = False,
) -> None:
    """Say in words what is different in another version of a flow."""
    from console.edits import compare

    compare(settings(), flow, version, to, json=json)


@app.command(rich_help_panel=FILES)
def restore(flow: FlowId, version: Version, note: Note = "", yes: Yes = False, json: Json = False) -> None:
    """Save an earlier version of a flow as the newest, after showing what that does to those who are inside."""
    from console.edits import restore

    restore(settings(), flow, version, note=note, yes=yes, json=json)


def _lifecycle(command: str, summary: str) -> None:
    @app.command(command, help=summary, rich_help_panel=WORK)
    def give(
        flow: FlowId,
        at: Annotated[str | None, typer.Option(help="When: a date and time, in the flow's time zone.")] = None,
        json: Json = False,
    ) -> None:
        from console.lifecycle import give

        give(settings(), flow, command, at=at, json=json)


@app.command("run", rich_help_panel=WORK)
def run_flow(
    flow: FlowId,
    at: Annotated[str | None, typer.Option(help="When: a date and time, in the flow's time zone.")] = None,
    enrol_existing: Annotated[bool, typer.Option(help="Also enrol who matches the triggers already.")] = False,
    dry_run: Annotated[bool, typer.Option(help="Change nothing; say how many match already.")] = False,
    json: Json = False,
) -> None:
    """Start a flow, or let it go on after a pause or after it was off."""
    from console.lifecycle import run

    run(settings(), flow, at=at, enrol_existing=enrol_existing, dry_run=dry_run, json=json)


for _command, _summary in {
    "pause": "Hold everyone where they are. New people queue before the first step.",
    "resume": "Let everyone go on from where they are.",
    "off": "Let nobody new in; those inside go on, and every action is skipped.",
    "close": "Let nobody new in; those inside go on to their end, then the flow is finished.",
    "end": "End a flow: nobody new, and everyone inside is cancelled. It can be run again.",
    "stop": "The emergency brake: everyone inside is cancelled where they are, for good.",
}.items():
    _lifecycle(_command, _summary)


@app.command(rich_help_panel=WORK)
def scheduled(flow: FlowId, json: Json = False) -> None:
    """List a flow's commands that wait for their time, and those that were refused when it came."""
    from console.lifecycle import scheduled

    scheduled(settings(), flow, json=json)


@app.command(rich_help_panel=WORK)
def withdraw(
    flow: FlowId,
    id: Annotated[str | None, typer.Argument(help="Only this one, from `ferd scheduled`; default: all.")] = None,
) -> None:
    """Withdraw commands that wait for their time."""
    from console.lifecycle import withdraw

    withdraw(settings(), flow, id)


@app.command(rich_help_panel=WORK)
def delete(flow: FlowId, yes: Yes = False) -> None:
    """Delete a flow. Whoever is inside is cancelled; what was sent stays in the record."""
    from console.lifecycle import delete

    delete(settings(), flow, yes=yes)


def _copy(how: str, summary: str) -> None:
    @app.command(how, help=summary, rich_help_panel=WORK)
    def make(
        flow: FlowId,
        id: Annotated[str | None, typer.Option(help="The copy's id; default: a free one.")] = None,
        name: Annotated[str | None, typer.Option(help="The copy's name.")] = None,
        json: Json = False,
    ) -> None:
        from console.lifecycle import copy

        copy(settings(), flow, how, id=id, name=name, json=json)


_copy("duplicate", "Save a copy of a flow as draft.")
_copy("new-version", "Save a flow's successor as draft: a copy that names its ancestor.")


def _archive(verb: str, summary: str) -> None:
    @app.command(verb, help=summary, rich_help_panel=WORK)
    def give(flow: FlowId, json: Json = False) -> None:
        from console.lifecycle import archive

        archive(settings(), flow, verb, json=json)


_archive("archive", "Put a flow that nobody is inside into the archive, out of the lists.")
_archive("unarchive", "Take a flow out of the archive.")


def _brake(verb: str, summary: str) -> None:
    @app.command(f"{verb}-all", help=summary, rich_help_panel=WORK)
    def give(
        channel: Annotated[
            str | None, typer.Option(help="Only this channel, in all flows: email, sms, crm or webhook.")
        ] = None,
        at: Annotated[str | None, typer.Option(help="When: a date and time with its offset.")] = None,
        json: Json = False,
    ) -> None:
        from console.lifecycle import brake

        brake(settings(), verb, channel, at=at, json=json)


_brake("pause", "Pause every flow at once, or one channel in all of them.")
_brake("resume", "End the pause of every flow, or of one channel.")


@app.command("withdraw-all", rich_help_panel=WORK)
def withdraw_all(
    id: Annotated[str | None, typer.Argument(help="Only this one, from `ferd flows`; default: all.")] = None,
) -> None:
    """Withdraw what pause-all and resume-all have for later."""
    from console.lifecycle import withdraw_brakes

    withdraw_brakes(settings(), id)


@app.command(rich_help_panel=WORK)
def flows(
    archived: Annotated[bool, typer.Option(help="Those in the archive instead.")] = False, json: Json = False
) -> None:
    """List the flows with their status and numbers."""
    from console.reports import flows

    flows(settings(), archived=archived, json=json)


@app.command(rich_help_panel=WORK)
def statistics(
    flow: FlowId,
    since: Annotated[str | None, typer.Option("--from", help="The first day, such as 2026-06-01.")] = None,
    to: Annotated[str | None, typer.Option(help="The last day; default: today.")] = None,
    by: Annotated[str, typer.Option(help="day, week or month.")] = "day",
    json: Json = False,
) -> None:
    """Show a flow's numbers over time."""
    from console.reports import statistics

    statistics(settings(), flow, since=since, to=to, by=by, json=json)


@app.command(rich_help_panel=SERVE)
def recount(flow: FlowId, json: Json = False) -> None:
    """Compare a flow's counters with its participants, and mend what differs. Also done once a day by itself."""
    from console.reports import recount

    recount(settings(), flow, json=json)


@app.command(rich_help_panel=WORK)
def participants(
    flow: FlowId,
    status: Annotated[str | None, typer.Option(help="Only those, such as active or dropped_out.")] = None,
    step: Annotated[str | None, typer.Option(help="Only those at this step.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="How many at most.")] = 50,
    json: Json = False,
) -> None:
    """Show who is where in a flow, since when and until when."""
    from console.reports import participants

    participants(settings(), flow, status_is=status, step=step, limit=limit, json=json)


@app.command(rich_help_panel=WORK)
def why(
    participant: Annotated[str, typer.Argument(help="Its id, from `ferd participants`.")], json: Json = False
) -> None:
    """Show what one participant did, step by step, and why."""
    from console.reports import why

    why(settings(), participant, json=json)


@app.command(rich_help_panel=WORK)
def enrol(
    flow: FlowId,
    selection: Annotated[str | None, typer.Option(help="The members of this selection.")] = None,
    csv: Annotated[Path | None, typer.Option(help="The people of this CSV file, who are imported first.")] = None,
    again: Annotated[bool, typer.Option(help="Also who took part before.")] = False,
    json: Json = False,
) -> None:
    """Enrol people in a flow that runs or is paused."""
    from console.enrolling import enrol

    enrol(settings(), flow, selection=selection, csv=csv, again=again, json=json)


@app.command(rich_help_panel=WORK)
def pull(
    wait: Annotated[bool, typer.Option(help="Stay until all is taken over, and show how far it is.")] = True,
    json: Json = False,
) -> None:
    """Take over people, companies, selections and the like from SuperOffice. May be repeated."""
    from console.pulling import pull

    pull(settings(), wait=wait, json=json)


@app.command("read-mail", rich_help_panel=WORK)
def read_mail(
    path: Annotated[Path, typer.Argument(help="An mbox file, a Maildir, or one mail.")], json: Json = False
) -> None:
    """Tell a running ferd what came back: bounces, complaints and answers in a mailbox."""
    from console.returns import read_mail

    read_mail(settings(), path, json=json)


def main() -> None:
    """The program."""
    with failures():
        app(prog_name="ferd")


if __name__ == "__main__":
    main()
