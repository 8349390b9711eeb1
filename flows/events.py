"""Events: their names, and what flows look for in them (triggers, waits, success criteria, splits)."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import tzinfo
from difflib import get_close_matches
from hashlib import sha256
from typing import Annotated

from pydantic import Discriminator, Field, Tag, WithJsonSchema

from flows import conditions, fields
from flows.catalog import Kind
from flows.conditions import Condition, Reference
from flows.facts import Facts, Happening, Values
from flows.model import Id, Strict
from flows.problems import Problem


@dataclass(frozen=True, slots=True)
class EventKind:
    """A named event: its title, and which keys of an event filter make sense for it."""

    title: str
    keys: tuple[Kind, ...] = ()


EVENTS: Mapping[str, EventKind] = {
    "person_created": EventKind("Person created"),
    "person_updated": EventKind("Person updated"),
    "person_deleted": EventKind("Person deleted"),
    "sale_created": EventKind("Sale created"),
    "sale_sold": EventKind("Sale sold"),
    "sale_lost": EventKind("Sale lost"),
    "added_to_project": EventKind("Added to project", ("project",)),
    "added_to_selection": EventKind("Added to selection", ("selection",)),
    "request_created": EventKind("Request created"),
    "follow_up_created": EventKind("Follow-up created"),
    "form_submitted": EventKind("Form submitted", ("form",)),
    "link_clicked": EventKind("Link clicked", ("link", "content")),
    "email_opened": EventKind("E-mail opened", ("content",)),
    "email_answered": EventKind("E-mail answered", ("content",)),
}
"""The events with a meaning of their own. Any other has a name with a dot in it, `order.placed` (CONTRACT.md)."""

OWN_NAME = r"^[^\s.]+(\.[^\s.]+)+$"
"""What a name of a team's own looks like: parts joined by dots."""

LONGEST_KEY = 100
"""Characters of a key's value."""

CREATIONS = frozenset({"person_created", "sale_created", "request_created", "follow_up_created"})
"""The events of something having been created: what `skip_creating` keeps from going round (TRIG_10)."""

OF_READERS = frozenset({"form_submitted", "link_clicked", "email_opened", "email_answered"})
"""What people do who got a message: no criterion beside a control group, who gets none (TRIG_12)."""

NARROWING: tuple[Kind, ...] = ("form", "link", "content", "selection", "project")
"""The keys that narrow an event down to one thing; the event's data name the thing under the same key."""

EventName = Annotated[str, WithJsonSchema({"type": "string", "anyOf": [{"enum": list(EVENTS)}, {"pattern": OWN_NAME}]})]
"""The name of an event. An unknown one can be read and saved; `name_problem` says what is wrong with it."""


class EventFilter(Strict):
    """An event to look for."""

    event: EventName = Field(
        title="Event", description="The event's name.", examples=["form_submitted", "order.placed"]
    )
    form: Id | None = Field(default=None, title="Form", description="Only this form (form_submitted).")
    link: Id | None = Field(default=None, title="Link", description="Only this link (link_clicked).")
    content: Id | None = Field(default=None, title="Content", description="Only in this e-mail.")
    selection: Id | None = Field(default=None, title="Selection", description="Only this one (added_to_selection).")
    project: Id | None = Field(default=None, title="Project", description="Only this one (added_to_project).")
    when: Condition | None = Field(
        default=None, title="When", description="Only if this holds; `event.…` and `form.…` are the event's own data."
    )


class StateFilter(Strict):
    """The person coming to match a condition (STEP_14)."""

    condition: Condition = Field(title="Condition", description="The person comes to match this.")


class EventTrigger(EventFilter):
    """An event that enrols the person it happened to (TRIG_1)."""

    again: bool = Field(
        default=False, title="Again", description="May enrol someone who has taken part before (TRIG_8)."
    )


class ScheduleTrigger(Strict):
    """A recurring moment at which the members of a selection are enrolled (TRIG_1)."""

    schedule: str = Field(
        title="Schedule",
        description=(
            "Minute, hour, day of month, month, day of week; in the flow's time zone. Where a day of month and a day of"
            " week are given, a day has to be both: 0 9 1-7 * MON is the first Monday of a month."
        ),
        examples=["0 9 * * MON"],
    )
    selection: Id = Field(title="Selection", description="Whose members are enrolled.")
    again: bool = Field(
        default=False, title="Again", description="May enrol someone who has taken part before (TRIG_8)."
    )


def trigger_name(trigger: ScheduleTrigger, time_zone: str) -> str:
    """A name that says all of a schedule: another schedule, selection or zone has another one."""
    told = "\n".join((trigger.schedule, trigger.selection, str(trigger.again), time_zone))
    return sha256(told.encode()).hexdigest()[:16]


def _action_tag(given: object) -> str:
    """Anything that is neither an event nor `condition` has to be a bare condition."""
    for model, key in ((EventFilter, "event"), (StateFilter, "condition")):
        if isinstance(given, model) or (isinstance(given, Mapping) and key in given):
            return f"<{key}>"
    return "<bare>"


ActionFilter = Annotated[
    Annotated[EventFilter, Tag("<event>")]
    | Annotated[StateFilter, Tag("<condition>")]
    | Annotated[Condition, Tag("<bare>")],
    Discriminator(_action_tag),
]
"""What waits, splits and success criteria look for: an event, or a state of the person, also as a bare condition."""


def _trigger_tag(given: object) -> str:
    scheduled = isinstance(given, ScheduleTrigger) or (isinstance(given, Mapping) and "schedule" in given)
    return "<schedule>" if scheduled else "<event>"


Trigger = Annotated[
    Annotated[EventTrigger, Tag("<event>")] | Annotated[ScheduleTrigger, Tag("<schedule>")], Discriminator(_trigger_tag)
]
"""What enrols people: an event, or a schedule over a selection."""


def event_types(action: ActionFilter) -> tuple[str, ...]:
    """The types of events to look up for this filter; none for a condition."""
    return (action.event,) if isinstance(action, EventFilter) else ()


def matches(action: ActionFilter, happening: Happening | None, facts: Facts, zone: tzinfo) -> bool:
    """Whether what happened is what the filter looks for. A condition looks at the facts alone, an event needs one."""
    if not isinstance(action, EventFilter):
        return conditions.holds(_condition(action), facts, zone)
    return happening is not None and _looks_for(action, happening.type, happening.data, facts, zone)


def sets_off(trigger: Trigger, type: str, data: Values, facts: Facts, zone: tzinfo) -> bool:
    """Whether an event of this type with this data sets off the trigger; a schedule is set off by no event."""
    return isinstance(trigger, EventTrigger) and _looks_for(trigger, type, data, facts, zone)


def key_value(key: str | None, data: Values) -> str:
    """What tells apart the enrolments of one person (TRIG_13); empty without a key, or where the data have no value.

    Numbers and the same written as text are one value. A very long one is kept as its digest.
    """
    value = fields.value({"event": data}, key) if key is not None else None
    if value is None or isinstance(value, Mapping | list):
        return ""
    text = str(int(value) if isinstance(value, float) and value.is_integer() else value).strip()
    return text if len(text) <= LONGEST_KEY else sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def of_same_key(key: str | None, value: str, type: str, data: Values) -> bool:
    """Whether an event is about the same order, booking… as the participant entered with `value` (TRIG_13).

    A team's own event has to carry the same value. One of ours that does not carry the field, such as a click, is
    about the person as a whole, and so is a participant that was entered without a value.
    """
    if key is None or not value:
        return True
    carried = key_value(key, data)
    return carried == value if carried or type not in EVENTS else True


def words(action: ActionFilter | Trigger) -> str:
    """What is looked for, in words: `link clicked: offer`."""
    if isinstance(action, ScheduleTrigger):
        return f"schedule {action.schedule} over {action.selection}"
    if not isinstance(action, EventFilter):
        return conditions.words(_condition(action))
    known = EVENTS.get(action.event)
    narrowed = ", ".join(str(value) for key in NARROWING if (value := getattr(action, key)))
    said = (known.title.lower() if known else action.event) + (f": {narrowed}" if narrowed else "")
    return f"{said} when {conditions.words(action.when)}" if action.when else said


def name_problem(name: str) -> Problem | None:
    """What is wrong with an event's name, if anything."""
    if name in EVENTS or re.fullmatch(OWN_NAME, name):
        return None
    near = get_close_matches(name, EVENTS, n=1)
    did_you_mean = f"Did you mean “{near[0]}”? " if near else ""
    return Problem(f"There is no event “{name}”.", f"{did_you_mean}Names of your own have a dot in them: order.placed.")


def problems(action: ActionFilter | Trigger) -> Iterator[Problem]:
    """What is wrong with the filter or trigger, `where` relative to it."""
    if isinstance(action, ScheduleTrigger):
        if wrong := schedule_problem(action.schedule):
            yield wrong.under("schedule")
    elif isinstance(action, EventFilter):
        if wrong := name_problem(action.event):
            yield wrong.under("event")
        elif action.event in EVENTS:
            yield from _key_problems(action, EVENTS[action.event])
        if action.when is not None:
            yield from (problem.under("when") for problem in conditions.problems(action.when))
    else:
        place = ("condition",) if isinstance(action, StateFilter) else ()
        yield from (problem.under(*place) for problem in conditions.problems(_condition(action)))


def references(action: ActionFilter | Trigger) -> Iterator[Reference]:
    """The names that the filter or trigger refers to."""
    if isinstance(action, ScheduleTrigger):
        yield Reference(("selection",), action.selection, ("selection",))
    elif isinstance(action, EventFilter):
        for key in NARROWING:
            if (name := getattr(action, key)) is not None:
                yield Reference((key,), name, (key,))
        if action.when is not None:
            yield from _under("when", conditions.selections(action.when))
    elif isinstance(action, StateFilter):
        yield from _under("condition", conditions.selections(action.condition))
    else:
        yield from conditions.selections(action)


def schedule_problem(schedule: str) -> Problem | None:
    """What is wrong with a schedule of five cron fields, if anything."""
    parts = schedule.split()
    if len(parts) != len(_CRON):
        what = f"The schedule “{schedule}” has {len(parts)} parts, not five."
        return Problem(what, "Write minute, hour, day of month, month and day of week: 0 9 * * MON.")
    for part, (name, low, high, names) in zip(parts, _CRON, strict=True):
        if not all(_cron_item(item, low, high, names) for item in part.upper().split(",")):
            named = f", or {names[0]} to {names[-1]}" if names else ""
            return Problem(
                f"“{part}” is no {name} of a schedule.",
                f"Use * or numbers from {low} to {high}{named}; ranges as 1-5, lists as 1,3, steps as */15.",
            )
    return None


_CRON: Sequence[tuple[str, int, int, tuple[str, ...]]] = (
    ("minute", 0, 59, ()),
    ("hour", 0, 23, ()),
    ("day of month", 1, 31, ()),
    ("month", 1, 12, ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")),
    ("day of week", 0, 7, ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT")),
)


def _cron_item(item: str, low: int, high: int, names: tuple[str, ...]) -> bool:
    """Whether this is `*`, a number or name, or a range of them, each with an optional step."""
    span, slash, step = item.partition("/")
    if slash and not (re.fullmatch("[0-9]{1,2}", step) and 1 <= int(step) <= high):
        return False
    if span == "*":
        return True
    ends = [low + names.index(end) if end in names else _cron_number(end) for end in span.split("-")]
    return len(ends) <= 2 and all(low <= end <= high for end in ends) and ends == sorted(ends)


def _cron_number(written: str) -> int:
    return int(written) if re.fullmatch("[0-9]{1,2}", written) else -1


def _condition(action: StateFilter | Condition) -> Condition:
    return action.condition if isinstance(action, StateFilter) else action


def _looks_for(wanted: EventFilter, type: str, data: Values, facts: Facts, zone: tzinfo) -> bool:
    if wanted.event != type or any(getattr(wanted, key) not in (None, data.get(key)) for key in NARROWING):
        return False
    if wanted.when is None:
        return True
    return conditions.holds(wanted.when, replace(facts, event=data), zone)


def _key_problems(wanted: EventFilter, kind: EventKind) -> Iterator[Problem]:
    for key in NARROWING:
        if getattr(wanted, key) is not None and key not in kind.keys:
            has = f"It can be narrowed by {' and '.join(kind.keys)}, or by when." if kind.keys else "Use when instead."
            yield Problem(f"“{wanted.event}” has no {key}.", f"Remove {key}. {has}", (key,))


def _under(key: str, found: Iterator[Reference]) -> Iterator[Reference]:
    return (Reference(each.kinds, each.name, (key, *each.where)) for each in found)
