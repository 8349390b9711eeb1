"""The rules of a flow's behaviour and the tests that prove them: docs/rules.md, made from this file and the tests.

A test proves a rule that its name or its docstring mentions by id. `python -m tests.support.rules` prints the page.
"""

import ast
import re
from collections import defaultdict
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
ID = re.compile(r"(?:LIFE|PART|TRIG|EDIT|STEP|SAFE)_\d+(?!\d)")

NOT_BUILT: frozenset[str] = frozenset()
"""Rules that this version does not carry out, so that nothing can prove them yet."""

RULES = {
    "LIFE_1": "draft: no trigger is active, nobody can be enrolled",
    "LIFE_2": "run: refused with every problem, its place and its remedy",
    "LIFE_3": "pause: no effect begins after its answer; newcomers queue",
    "LIFE_4": "resume: everyone goes on from where they were, the queued in order",
    "LIFE_5": "end: everyone inside is cancelled and stays so",
    "LIFE_6": "delete: as the table says; what was sent stays in the record",
    "LIFE_7": "close to new entrances: those inside go on, then the flow is finished",
    "LIFE_8": "stop, the emergency brake: cancelled at once, never restarted",
    "LIFE_9": "off: nobody new; those inside go on without effects",
    "LIFE_10": "commands: one transaction, the same cost for any number of people, with no worker too",
    "LIFE_11": "a command that the status does not allow changes nothing and says what is allowed",
    "LIFE_12": "waits during a pause: kept or frozen; overdue ones are released at the flow's rate",
    "LIFE_13": "pause dates: actions move to the next permitted day, waits run on",
    "LIFE_14": "a command can be scheduled, listed and withdrawn",
    "LIFE_15": "ended and run again is a new generation: the older reads as cancelled at once",
    "LIFE_16": "a brake for everything: all flows, or one channel",
    "LIFE_17": "circuit breaker: a flow whose sends fail pauses itself and loses nobody",
    "PART_1": "checks before every step, in order, each with its own outcome",
    "PART_2": "checks before a message: consent, address, active through one person, not blocked",
    "PART_3": "a deleted person leaves every flow and does not come back by being restored",
    "PART_4": "one participant paused, resumed, cancelled, removed; holds add up; Temporal's own commands understood",
    "PART_5": "at most once active in one flow, whatever races",
    "PART_6": "for every step who waits in it, since when, until when, how much is left",
    "PART_7": "the journal: in full, then thinned, then enrolment facts alone",
    "PART_8": "a person is erased: out of all flows first, then gone from the store",
    "PART_9": "two people merged: one participation stays, effects are not repeated",
    "TRIG_1": "triggers: events, groups, forms, clicks, schedules; bulk fires none unless asked to",
    "TRIG_2": "triggers act only while the flow is running or paused",
    "TRIG_3": "the filter is checked once, whoever proposes",
    "TRIG_4": "once: who took part cannot start again",
    "TRIG_5": "exclusion list: members are not added, and leave, also out of a wait",
    "TRIG_6": "leave these other flows when enrolled here",
    "TRIG_7": "people who already match are enrolled if asked to; a dry run gives the exact number",
    "TRIG_8": "with once, `again` lets in who took part before",
    "TRIG_9": "conditions on numbers take decimals",
    "TRIG_10": "no endless loops: a chain of flows does not come back to itself",
    "TRIG_11": "people in bulk: with progress, resumable, each refusal with its reason",
    "TRIG_12": "control group: a stable share goes through without effects, and success is compared",
    "TRIG_13": "key: a flow may be entered once for each value of an event's field",
    "TRIG_14": "stay_while_filter_holds: who stops matching drops out at the next check",
    "EDIT_1": "every save is a new immutable version, compared and restored at will",
    "EDIT_2": "edits only where the table of LIFE says so, or where the flow allows them while running",
    "EDIT_3": "a step's identity is its id; passed steps are never done again",
    "EDIT_4": "a wait made longer or shorter: for the rest of the new length",
    "EDIT_5": "removed waits and actions let go; windows, throttles and caps are planned afresh",
    "EDIT_6": "guard: a wait or split with people in it is neither moved nor removed",
    "EDIT_7": "a dry run says what an edit will do to whom; saving does exactly that",
    "STEP_1": "send e-mail",
    "STEP_2": "send SMS",
    "STEP_3": "update person",
    "STEP_4": "add to selection or project",
    "STEP_5": "remove from selection or project",
    "STEP_6": "create follow-up; two journeys never book the same time",
    "STEP_7": "create request",
    "STEP_8": "create sale",
    "STEP_9": "distribute to owner, evenly",
    "STEP_10": "notify by e-mail",
    "STEP_11": "notify by SMS",
    "STEP_12": "run script, without waiting for it",
    "STEP_13": "wait: durations, dates, fields, weekdays, in local time",
    "STEP_14": "wait for action: the first by time decides; one event satisfies one wait",
    "STEP_15": "split: the first branch that matches; shares of one stable draw",
    "STEP_16": "exit: dropped out with the reason, then handed over",
    "STEP_17": "finish: with or without success, each with its hand-over",
    "STEP_18": "success criterion: noticed at once, also during a wait",
    "STEP_19": "sending window and weekdays",
    "STEP_20": "throttle: what is over queues in order, nothing is lost",
    "STEP_21": "frequency cap over all flows",
    "STEP_22": "call webhook: signed, with an idempotency key",
    "STEP_23": "form and link actions, once per event",
    "STEP_24": "machine clicks are kept and count for nothing",
    "SAFE_1": "an effect happens once",
    "SAFE_2": "unknown effects are listed, and repeated or not by policy, never silently",
    "SAFE_3": "a failing step holds that participant alone: retry, skip or remove, one or all",
    "SAFE_4": "nothing personal in workflows, logs, traces or metrics",
    "SAFE_5": "bad input names file, line, field and remedy, and changes nothing",
}


def proofs() -> dict[str, dict[str, list[str]]]:
    """Rule -> test file -> the tests in it that mention the rule."""
    found: dict[str, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    for path in sorted((ROOT / "tests").rglob("test_*.py")):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_"):
                said = f"{node.name} {ast.get_docstring(node) or ''}"
                for rule in dict.fromkeys(ID.findall(said)):
                    found[rule][str(path.relative_to(ROOT))].append(node.name)
    return found


def page() -> str:
    """The text of docs/rules.md."""
    found = proofs()
    lines = ["# The rules and their proof", "", "Made by `make rules` from the tests; a test keeps it so.", ""]
    for rule, title in RULES.items():
        lines.append(f"* **{rule}** {title}")
        if rule in NOT_BUILT:
            lines.append("  * not carried out by this version")
        for file, tests in found[rule].items():
            names = ", ".join(f"`{test.removeprefix('test_')}`" for test in sorted(tests))
            lines.append(f"  * [{file}](../{file}): {names}")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    print(page(), end="")
