"""The table of results, each target marked met or not met."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from statistics import median

from bench.enrolments import Enrolments
from bench.journeys import History, Journeys, Turn
from bench.machine import Machine
from bench.pauses import FEW, MANY, PAIRS, Pauses
from bench.statistics import Numbers

RATIO, HISTORY, PAUSE, STATISTICS = 0.9, 16 * 1024, 1.0, 0.050
BULK = 0.8
# Two medians count as the same when they differ by less than this, or by less than SAME_SECONDS.
SAME_SHARE, SAME_SECONDS = 0.25, 0.010


@dataclass(frozen=True, slots=True)
class Results:
    """All that was measured; None: not measured, `notes` say why."""

    machine: Machine
    journeys: Sequence[Journeys]
    enrolments: Enrolments
    pauses: Pauses
    numbers: Numbers | None
    notes: Sequence[str]


@dataclass(frozen=True, slots=True)
class Target:
    """What was aimed at, what came out."""

    what: str
    found: str
    met: bool


def targets(results: Results) -> Iterator[Target]:
    """Every target, judged."""
    for each in results.journeys:
        ours, theirs = each.ferd_history, each.by_hand_history
        share = f"{each.ratio:.2f} ({len(each.ferd)} {'pair' if len(each.ferd) == 1 else 'pairs'} of turns)"
        yield Target(f"{each.database}: at least {RATIO} of the hand-written rate", share, each.ratio >= RATIO)
        found = f"{each.mails_taken} of {each.mails_expected}"
        yield Target(f"{each.database}: every mail exactly once", found, each.mails_taken == each.mails_expected)
        yield Target("events not more than by hand", f"{ours.events} to {theirs.events}", ours.events <= theirs.events)
        yield Target("history under 16 KB", f"{ours.bytes / 1024:.1f} KB", ours.bytes < HISTORY)
    everywhere = [*results.pauses.idle.values(), *results.pauses.busy.values()]
    worst = max(answers.worst for answers in everywhere)
    yield Target("pause answers within 1 s, at its worst", f"{worst * 1000:.0f} ms", worst <= PAUSE)
    few, many = (results.pauses.idle[size].median for size in (FEW, MANY))
    same = abs(many - few) <= max(SAME_SECONDS, SAME_SHARE * few)
    yield Target("and as fast for 10,000 inside as for 100", f"{many * 1000:.1f} to {few * 1000:.1f} ms", same)
    bulk = results.enrolments.bulk_ratio
    yield Target(f"people enrolled in bulk: at least {BULK} of bare starts", f"{bulk:.2f}", bulk >= BULK)
    numbers = results.numbers
    if numbers is not None:
        slowest = max(numbers.now, numbers.month, numbers.year)
        what = f"statistics within {STATISTICS * 1000:.0f} ms with {numbers.people:,} people inside"
        yield Target(what, f"{slowest * 1000:.1f} ms", slowest <= STATISTICS)


def write(results: Results) -> str:
    """The whole page, in Markdown."""
    lines = [
        "# Measured",
        "",
        str(results.machine),
        "",
        "`make bench` writes this page: one Temporal development server (SQLite file), one mail server and one worker",
        "process a side, all on this machine. The journey: send an e-mail, wait a second, send a second one, update",
        "the person. By hand: the plainest workflow with an activity for each of these effects, without a gate, a",
        "ledger, a journal, statistics, tracked links or a way to unsubscribe. Both sides in turns.",
        "",
        "## Targets",
        "",
        "| target | found | |",
        "|---|---|---|",
        *(f"| {each.what} | {each.found} | {'met' if each.met else '**not met**'} |" for each in targets(results)),
        "",
        "## Journeys",
        "",
        "| database | side | journeys a second | worker CPU ms | server CPU ms | events | history bytes |",
        "|---|---|---|---|---|---|---|",
    ]
    for each in results.journeys:
        lines.append(_row(each.database, "ferd", each.ferd, each.ferd_history))
        lines.append(_row(each.database, "by hand", each.by_hand, each.by_hand_history))
    for each in results.journeys:
        ratios = ", ".join(f"{ratio:.2f}" for ratio in each.ratios)
        lines += [
            "",
            f"{each.database}: ratios of neighbouring turns of {each.ferd[0].journeys} journeys: {ratios}. "
            f"By processor time (worker and server, by hand over ferd): {each.cpu_ratio:.2f}.",
        ]
    enrolments = results.enrolments
    lines += [
        "",
        "## Enrolments",
        "",
        "| | a second |",
        "|---|---|",
        f"| one call a person | {median(enrolments.single):.0f} |",
        f"| all people in one call | {median(enrolments.bulk):.0f} |",
        f"| bare start of the same workflow | {median(enrolments.bare):.0f} |",
        "",
        f"One call a person reaches {enrolments.single_ratio:.2f} of bare starts, all in one call "
        f"{enrolments.bulk_ratio:.2f}.",
        "",
        "## Pause and resume",
        "",
        f"The command's answer, over {PAIRS} pairs, in ms.",
        "",
        "| people inside | worker | pause, median | pause, worst | resume, median | resume, worst |",
        "|---|---|---|---|---|---|",
    ]
    for name, by_size in (("idle", results.pauses.idle), ("busy", results.pauses.busy)):
        for size, answers in by_size.items():
            times = (median(answers.pause), max(answers.pause), median(answers.resume), max(answers.resume))
            lines.append(f"| {size:,} | {name} | " + " | ".join(f"{each * 1000:.1f}" for each in times) + " |")
    if results.numbers is not None:
        lines += _numbers(results.numbers)
    lines += [f"\n{note}" for note in results.notes]
    return "\n".join(lines) + "\n"


def _numbers(found: Numbers) -> Iterator[str]:
    yield from ("", "## Statistics", "", f"PostgreSQL, {found.people:,} people inside one flow, a year of days.", "")
    yield from ("| | ms |", "|---|---|")
    for what, seconds in (
        ("a flow's numbers now", found.now),
        ("the last thirty days, by day", found.month),
        ("the last year, by week", found.year),
        ("dry run of an edit that plans everyone afresh", found.dry_run),
        ("recount of every counter, which nobody waits for", found.recount),
    ):
        yield f"| {what} | {seconds * 1000:.1f} |"


def _row(database: str, side: str, turns: Sequence[Turn], history: History) -> str:
    rate, worker, server = (
        median(getattr(turn, name) for turn in turns) for name in ("rate", "worker_cpu", "server_cpu")
    )
    times = f"{rate:.1f} | {worker * 1000:.0f} | {server * 1000:.0f}"
    return f"| {database} | {side} | {times} | {history.events} | {history.bytes:,} |"
