"""Everything that is wrong with a flow that can be read (LIFE_2): it can be saved, and not run until it is mended."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from contextlib import suppress

from flows import fields, senders
from flows.catalog import Acting, Catalog, unknown
from flows.definition import Flow
from flows.events import OF_READERS, ActionFilter, EventFilter, Trigger, references
from flows.moments import resolve
from flows.problems import Place, Problem
from flows.reactions import repeated
from flows.senders import FixedSender, OwnerSender
from flows.sms import is_sender
from flows.source import Source
from flows.steps.base import Action, BaseStep, Message, action_problems, condition_problems
from flows.steps.send_email import SendEmail
from flows.steps.send_sms import sender_problem
from flows.steps.wait_for_action import WaitForAction
from flows.templates import TemplateError, variables

MOST_TRIGGERS = 250


def problems(flow: Flow, catalog: Catalog, source: Source | None = None) -> list[Problem]:
    """Every problem and warning of a flow, in the order of its file; with `source` each has its line and column."""
    with fields.declared(catalog.custom_fields()):
        found = [
            *_settings(flow),
            *_email(flow, catalog),
            *_sms(flow),
            *_enrolment(flow, catalog),
            *_success(flow, catalog),
            *_steps(flow, catalog),
            *_repeated(flow, catalog),
        ]
    if source is None:
        return found
    return sorted((source.placed(problem) for problem in found), key=lambda problem: (problem.line, problem.column))


def _settings(flow: Flow) -> Iterator[Problem]:
    run_at, close_at = flow.schedule.run_at, flow.schedule.close_at
    if run_at and close_at and resolve(close_at, flow.zone) <= resolve(run_at, flow.zone):
        yield Problem("The flow closes before it is run.", "Make close_at later than run_at.", ("schedule", "close_at"))


def _email(flow: Flow, catalog: Catalog) -> Iterator[Problem]:
    settings = flow.email
    sends = next((step for _, step in flow.walk() if isinstance(step, Message) and step.channel == "email"), None)
    if sends is not None and settings.from_ is None:
        yield Problem(
            f"Step {sends.id} sends e-mail, and the flow does not say from whom.",
            "Add from under email: an address, or {owner: our_contact, fallback: an address}.",
            ("email", "from"),
        )
    if sends is not None and settings.reply_to is None:
        yield Problem(
            f"Step {sends.id} sends e-mail, and the flow does not say where answers go.",
            "Add reply_to under email: same_as_from, an address, or {owner: our_contact, fallback: an address}.",
            ("email", "reply_to"),
        )
    for key, sender in (("from", settings.from_), ("reply_to", settings.reply_to)):
        if isinstance(sender, OwnerSender | FixedSender):
            yield from senders.problems(sender, "email", key)
    yield from unknown(catalog, ("subscription_type",), settings.subscription, "email", "subscription")


def _sms(flow: Flow) -> Iterator[Problem]:
    if flow.sms.from_ is not None and not is_sender(flow.sms.from_):
        yield sender_problem(flow.sms.from_, "sms", "from")


def _enrolment(flow: Flow, catalog: Catalog) -> Iterator[Problem]:
    enrolment = flow.enrolment
    if len(enrolment.triggers) > MOST_TRIGGERS:
        yield Problem(
            f"The flow has {len(enrolment.triggers)} triggers; {MOST_TRIGGERS} are possible.",
            "Join triggers on the same event with a condition {any: […]}, or divide the flow.",
            ("enrolment", "triggers"),
        )
    for index, trigger in enumerate(enrolment.triggers):
        yield from action_problems(trigger, catalog, "enrolment", "triggers", index)
    if enrolment.filter is not None:
        yield from condition_problems(enrolment.filter, catalog, "enrolment", "filter")
    yield from unknown(catalog, ("selection",), enrolment.exclude, "enrolment", "exclude")
    for index, other in enumerate(enrolment.leave):
        here = ("enrolment", "leave", index)
        if other == flow.id:
            yield Problem("People would leave this same flow on entering it.", "Name other flows only.", here)
        else:
            yield from unknown(catalog, ("flow",), other, *here)
    if enrolment.key is not None and (not enrolment.key.startswith("event.") or not fields.field(enrolment.key)):
        remedy = "Write a field of the event, such as event.order_id."
        yield Problem(f"“{enrolment.key}” cannot be a key.", remedy, ("enrolment", "key"))


def _success(flow: Flow, catalog: Catalog) -> Iterator[Problem]:
    if flow.success is None:
        if flow.settings.control_group is not None:
            yield Problem(
                "There is a control group, and nothing to compare it by.",
                "Add success: an event or a condition that both groups can meet.",
                ("settings", "control_group"),
                severity="warning",
            )
        return
    if not flow.success.any:
        yield Problem("Nothing can be a success.", "Add an event or a condition to any.", ("success", "any"))
    for index, criterion in enumerate(flow.success.any):
        yield from action_problems(criterion, catalog, "success", "any", index)
        yield from _same_for_both(flow, criterion, index)


def _same_for_both(flow: Flow, criterion: ActionFilter, index: int) -> Iterator[Problem]:
    """A control group gets no mails: what only their readers can do compares nothing (TRIG_12)."""
    if flow.settings.control_group is None or not isinstance(criterion, EventFilter):
        return
    if criterion.event in OF_READERS:
        yield Problem(
            f"The control group gets no messages, so “{criterion.event}” would always speak for the flow.",
            "Name what both groups can do, such as a sale, or remove settings.control_group.",
            ("success", "any", index, "event"),
        )


def _steps(flow: Flow, catalog: Catalog) -> Iterator[Problem]:
    if not flow.steps:
        yield Problem("The flow has no steps.", "Add at least one step.", ("steps",))
    first: dict[str, Place] = {}
    sequences: defaultdict[Place, list[BaseStep]] = defaultdict(list)
    for place, step in flow.walk():
        refused = catalog.refusals(step) if isinstance(step, Action) else ()
        for problem in (*step.problems(flow, catalog), *refused, *_never_open(flow, step)):
            yield problem.under(*place, step=step.id)
        if step.id in first:
            yield Problem(
                f"There are two steps with the id “{step.id}”, the first at {Problem('', '', first[step.id]).pointer}.",
                "Give each step an id of its own, in all branches.",
                (*place, "id"),
                step.id,
            )
        first.setdefault(step.id, place)
        sequences[place[:-1]].append(step)
    for place, steps in sequences.items():
        yield from _unreachable(place, steps)


def _never_open(flow: Flow, step: BaseStep) -> Iterator[Problem]:
    """Weekdays on which the sending window never opens: everybody would wait for ever (STEP_19)."""
    if not isinstance(step, Message) or not step.only_on:
        return
    window = step.window(flow)
    if window is None or window.zone == "person" or not window.weekdays.isdisjoint(step.only_on):
        return  # where people live another day may have begun
    yield Problem(
        f"Step {step.id} is never sent: the sending window does not open on the days of only_on.",
        "Add a working day to only_on, or let the window open every_day.",
        ("only_on",),
    )


def _repeated(flow: Flow, catalog: Catalog) -> Iterator[Problem]:
    """Steps that do once more what a form or link of the flow does by itself (STEP_23)."""
    done = [
        (kind, name, reaction)
        for kind, name in dict.fromkeys(_acting(flow, catalog))
        for reaction in catalog.reactions(kind, name)
    ]
    for place, step in flow.walk() if done else ():
        for kind, name, reaction in done:
            if isinstance(step, Action) and repeated(step, reaction):
                yield Problem(
                    f"Step {step.id} repeats what the {kind} “{name}” does by itself: {reaction.summary()}.",
                    f"Keep it in one place: remove it from the step, or from the {kind}.",
                    place,
                    step.id,
                    severity="warning",
                )


def _acting(flow: Flow, catalog: Catalog) -> Iterator[tuple[Acting, str]]:
    """The forms and links that the flow waits for, is triggered by, or sends."""
    wanted: list[ActionFilter | Trigger] = [*flow.enrolment.triggers, *(flow.success.any if flow.success else ())]
    for _, step in flow.walk():
        if isinstance(step, WaitForAction):
            wanted += step.actions
        if isinstance(step, SendEmail) and step.content is not None and catalog.exists("content", step.content):
            yield from (("link", link) for link in _links(catalog.content_templates(step.content).values()))
    for each in wanted:
        for kinds, name, _ in references(each):
            if kinds == ("form",):
                yield "form", name
            elif kinds == ("link",):
                yield "link", name


def _links(templates: Iterable[str]) -> Iterator[str]:
    for source in templates:
        with suppress(TemplateError):
            yield from (path.removeprefix("links.") for path in variables(source) if path.startswith("links."))


def _unreachable(place: Place, steps: list[BaseStep]) -> Iterator[Problem]:
    for index, step in enumerate(steps[:-1]):
        if step.always_leaves():
            after = steps[index + 1]
            yield Problem(
                f"Nobody reaches step {after.id}: everyone leaves at {step.id}.",
                f"Remove what follows {step.id}, or move it up.",
                (*place, index + 1),
                after.id,
            )
            return
