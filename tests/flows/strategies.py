"""Random flows that `flows.checks` finds nothing wrong with, as hypothesis strategies."""

from itertools import count
from typing import Any

from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy

from flows.catalog import GivenCatalog, GivenContent
from flows.definition import Flow

CATALOG = GivenCatalog(
    ids={
        "selection": ["customers", "newcomers", "staff"],
        "project": ["spring-fair"],
        "flow": ["win-back", "loyalty"],
        "link": ["offer", "home"],
        "form": ["contact-me"],
        "subscription_type": ["product-news"],
    },
    contents={
        "welcome-mail": GivenContent({
            "subject": "Welcome, {{ person.first_name }}",
            "html": '<p>Hello {{ person.first_name }}</p><a href="{{ links.offer }}">Offer</a>',
            "text": "Hello {{ person.first_name }}: {{ links.offer }}",
        }),
        "reminder": GivenContent({"subject": "Soon", "html": "<p>{{ owner.name }}</p>", "text": "{{ owner.name }}"}),
    },
    files={"brochure.pdf": 400_000, "map.png": 90_000},
)  # fmt: skip
"""What the flows of these strategies refer to."""

_Data = dict[str, Any]

TEXTS = st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=30)
WORDS = TEXTS.filter(str.strip)
DURATIONS = st.builds(
    lambda amount, unit: f"{amount} {unit}s",
    st.integers(1, 400),
    st.sampled_from(["second", "minute", "hour", "day", "workday", "week"]),
)
TIMES = st.builds(lambda hour, minute: f"{hour:02}:{minute:02}", st.integers(0, 23), st.integers(0, 59))
MOMENTS = st.datetimes().map(lambda moment: f"{moment:%Y-%m-%d %H:%M}".zfill(16))
WEEKDAYS = st.sampled_from(["mon", "tue", "wed", "thu", "fri", "sat", "sun"])
NUMBERS = st.integers(-(10**9), 10**9) | st.floats(-1e9, 1e9).filter(lambda number: number != 0)
SELECTIONS = st.sampled_from(["customers", "newcomers"])
FLOWS = st.sampled_from(["win-back", "loyalty"])


def given(**parts: SearchStrategy[Any]) -> SearchStrategy[_Data]:
    """Settings that may each be there or not."""
    return st.fixed_dictionaries({}, optional=parts)


_TEXT_FIELDS = st.sampled_from(["person.country", "person.first_name", "company.category", "form.answer"])
_COMPARISONS: SearchStrategy[_Data] = (
    st.fixed_dictionaries(
        {"field": _TEXT_FIELDS, "op": st.sampled_from(["is", "is_not", "contains", "starts_with"]), "value": WORDS}
    )
    | st.fixed_dictionaries(
        {
            "field": _TEXT_FIELDS,
            "op": st.sampled_from(["in", "not_in"]),
            "value": st.lists(WORDS, min_size=1, max_size=3),
        }
    )
    | st.fixed_dictionaries(
        {
            "field": st.sampled_from(["company.employees", "person.custom.score"]),
            "op": st.sampled_from(["<", "<=", ">", ">="]),
            "value": NUMBERS,
        }
    )
    | st.fixed_dictionaries({"field": _TEXT_FIELDS, "op": st.sampled_from(["set", "empty"])})
    | st.fixed_dictionaries({"member_of": SELECTIONS})
)
CONDITIONS: SearchStrategy[_Data] = st.recursive(
    _COMPARISONS,
    lambda inner: (
        st.fixed_dictionaries({"all": st.lists(inner, min_size=1, max_size=3)})
        | st.fixed_dictionaries({"any": st.lists(inner, min_size=1, max_size=3)})
        | st.fixed_dictionaries({"not": inner})
    ),
    max_leaves=4,
)
EVENTS: SearchStrategy[_Data] = st.one_of(
    st.fixed_dictionaries({"event": st.sampled_from(["person_created", "sale_created", "order.placed"])}),
    st.fixed_dictionaries({"event": st.just("form_submitted")}, optional={"form": st.just("contact-me")}),
    st.fixed_dictionaries(
        {"event": st.just("link_clicked")}, optional={"link": st.sampled_from(["offer", "home"]), "when": CONDITIONS}
    ),
)
ACTIONS: SearchStrategy[_Data] = EVENTS | st.fixed_dictionaries({"condition": CONDITIONS}) | CONDITIONS
HAND_OVERS = given(add_to_flow=FLOWS, add_to_selection=SELECTIONS)

_ACTING = {
    # One that the windows of all flows open on, or nothing would ever be sent.
    "only_on": st.lists(WEEKDAYS, min_size=1, unique=True).filter(lambda days: not set(days) <= {"sat", "sun"}),
    "on_error": st.sampled_from(["hold", "continue", "drop_out"]),
    "on_unknown": st.sampled_from(["repeat", "leave"]),
}
_CHANGES = st.fixed_dictionaries(
    {"set": st.dictionaries(st.sampled_from(["person.category", "company.custom.note"]), TEXTS, min_size=1)},
    optional={
        "clear": st.just(["person.country"]),
        "add": st.just({"person.subscriptions": "product-news"}),
        "increase": st.fixed_dictionaries({"company.custom.score": NUMBERS}),
        "copy": st.just({"person.last_name": "owner.name"}),
    },
)
_WAITS: SearchStrategy[_Data] = st.one_of(
    st.fixed_dictionaries({"for": DURATIONS}),
    st.fixed_dictionaries({"until": MOMENTS}),
    st.fixed_dictionaries(
        {"until_field": st.just("person.custom.renewal")},
        optional={"offset": DURATIONS | DURATIONS.map("-{}".format), "at": TIMES},
    ),
    st.fixed_dictionaries({"until_weekday": WEEKDAYS}, optional={"at": TIMES}),
)
_WAIT_CHOICES = given(
    if_past=st.sampled_from(["continue", "exit"]),
    if_missing=st.sampled_from(["continue", "exit"]),
    zone=st.sampled_from(["flow", "person"]),
    exit=HAND_OVERS,
)
_MEMBERSHIPS = st.fixed_dictionaries(
    {"selection": SELECTIONS | st.lists(SELECTIONS, min_size=1, unique=True)},
    optional={"project": st.just("spring-fair")},
)
_SIMPLE: SearchStrategy[_Data] = st.one_of(
    st.fixed_dictionaries(
        {"kind": st.just("send_email"), "content": st.sampled_from(["welcome-mail", "reminder"])},
        optional={
            "subject": st.sampled_from(["Hello {{ person.first_name }}", "Hei", 'Quotes " and: colons # too']),
            "attachments": st.lists(st.sampled_from(["brochure.pdf", "map.png"]), unique=True),
            "transactional": st.booleans(),
            **_ACTING,
        },
    ),
    st.builds(lambda wait, choices: {"kind": "wait", **wait, **choices}, _WAITS, _WAIT_CHOICES),
    st.builds(lambda changes, acting: {"kind": "update_person", **changes, **acting}, _CHANGES, given(**_ACTING)),
    st.builds(
        lambda kind, groups, acting: {"kind": kind, **groups, **acting},
        st.sampled_from(["add_to", "remove_from"]),
        _MEMBERSHIPS,
        given(**_ACTING),
    ),
)
_LAST: SearchStrategy[_Data] = st.one_of(
    st.fixed_dictionaries({"kind": st.just("exit")}, optional={"reason": TEXTS, "add_to_flow": FLOWS}),
    st.fixed_dictionaries({"kind": st.just("finish")}, optional={"success": HAND_OVERS, "no_success": HAND_OVERS}),
)


def _leaves(steps: list[_Data]) -> bool:
    """Whether nobody comes out below, so that nothing may follow."""
    if not steps:
        return False
    last = steps[-1]
    if last["kind"] == "split":
        others = last["everyone_else"]
        return all(_leaves(branch["steps"]) for branch in last["branches"]) and (
            "exit" in others or _leaves(others.get("steps", []))
        )
    if last["kind"] == "wait_for_action":
        out = {branch["action"] for branch in last["branches"] if _leaves(branch["steps"])}
        return len(out) == len(last["actions"]) and (last.get("within") == "none" or last.get("otherwise") == "exit")
    return last["kind"] in ("exit", "finish")


@st.composite
def sequences(draw: DrawFn, ids: "count[int]", depth: int = 2, least: int = 0) -> list[_Data]:
    """The steps of a flow or a branch; `ids` numbers them."""
    steps: list[_Data] = []
    kinds = ["simple", "simple", "split", "wait_for_action"] if depth else ["simple"]
    for _ in range(draw(st.integers(least, 3))):
        kind = draw(st.sampled_from(kinds))
        if kind == "simple":
            step = draw(_SIMPLE)
        elif kind == "split":
            step = draw(_splits(ids, depth - 1))
        else:
            step = draw(_waits_for_action(ids, depth - 1))
        steps.append({"id": f"step-{next(ids)}", **step})
        if _leaves(steps):
            return steps
    if draw(st.booleans()):
        steps.append({"id": f"step-{next(ids)}", **draw(_LAST)})
    return steps


@st.composite
def _splits(draw: DrawFn, ids: "count[int]", depth: int) -> _Data:
    branches: list[_Data] = []
    for number in range(draw(st.integers(1, 3))):
        who = draw(
            st.fixed_dictionaries({"when": CONDITIONS})
            | st.fixed_dictionaries({"when": EVENTS})
            | st.fixed_dictionaries({"share": st.integers(1, 33).map("{} percent".format)})
        )
        branches.append({"name": f"Branch {number}", **who, "steps": draw(sequences(ids, depth))})
    others = draw(st.fixed_dictionaries({"exit": HAND_OVERS}) | st.fixed_dictionaries({"steps": sequences(ids, depth)}))
    return {"kind": "split", "branches": branches, "everyone_else": others}


@st.composite
def _waits_for_action(draw: DrawFn, ids: "count[int]", depth: int) -> _Data:
    actions = draw(st.lists(ACTIONS, min_size=1, max_size=3))
    numbers = draw(st.lists(st.integers(1, len(actions)), unique=True, max_size=len(actions)))
    return {
        "kind": "wait_for_action",
        "actions": actions,
        "branches": [
            {"name": f"Action {number}", "action": number, "steps": draw(sequences(ids, depth))} for number in numbers
        ],
        **draw(
            given(
                within=DURATIONS | st.just("none"),
                otherwise=st.sampled_from(["continue", "exit"]),
                exit=HAND_OVERS,
            )
        ),
    }


_WINDOWS = st.fixed_dictionaries(
    {"days": st.sampled_from(["workdays", "every_day"]), "from": st.just("08:00"), "to": st.just("20:00")},
    optional={"outside": st.sampled_from(["wait", "skip"])},
)
_SENDERS = st.one_of(
    st.just("hello@fjord.example"),
    st.fixed_dictionaries({"address": st.just("hello@fjord.example"), "name": TEXTS.filter(str.isprintable)}),
    st.fixed_dictionaries({
        "owner": st.sampled_from(["our_contact", "our_service_contact"]),
        "fallback": st.just("post@fjord.example"),
    }),
)  # fmt: skip
_EMAIL = st.fixed_dictionaries(
    {"from": _SENDERS, "reply_to": _SENDERS | st.just("same_as_from")},
    optional={
        "subscription": st.just("product-news"),
        "consent": st.sampled_from(["not_withdrawn", "required"]),
        "window": _WINDOWS,
        "campaign": given(source=TEXTS, name=TEXTS),
    },
)
_SETTINGS = given(
    waits_during_pause=st.sampled_from(["keep", "freeze"]),
    edit_while_running=st.booleans(),
    guard_occupied_steps=st.booleans(),
    throttle=given(flow=st.just("600 per minute"), email=st.just("50 per hour")),
    control_group=st.just("10 percent"),
    calendar=st.sampled_from(["NO", "SE", "DE"]),
    pause_dates=given(holidays=st.just("NO"), dates=st.lists(st.dates().map(str), max_size=3)),
)
_ENROLMENT = given(
    triggers=st.lists(
        st.builds(lambda event, more: {**event, **more}, EVENTS, given(again=st.booleans()))
        | st.just({"schedule": "0 9 * * MON", "selection": "newcomers"}),
        max_size=3,
    ),
    filter=CONDITIONS,
    once=st.booleans(),
    exclude=st.just("staff"),
    leave=st.lists(FLOWS, unique=True),
    stay_while_filter_holds=st.booleans(),
    key=st.just("event.order_id"),
)
_SUCCESS = st.fixed_dictionaries(
    {"any": st.lists(ACTIONS, min_size=1, max_size=3)},
    optional={"then": st.sampled_from(["finish", "continue"]), "within": DURATIONS},
)


@st.composite
def flow_data(draw: DrawFn) -> _Data:
    """A flow as its file says it."""
    more = draw(
        given(
            name=TEXTS,
            description=TEXTS,
            time_zone=st.sampled_from(["Europe/Oslo", "America/New_York", "Asia/Kolkata"]),
            settings=_SETTINGS,
            enrolment=_ENROLMENT,
            success=_SUCCESS,
        )
    )
    if "control_group" in more.get("settings", {}):
        more.pop("success", None)  # it may be of what only readers of mails can do, which compares nothing (TRIG_12)
    return {"id": "random-flow", **more, "email": draw(_EMAIL), "steps": draw(sequences(count(1), least=1))}


def flows() -> SearchStrategy[Flow]:
    """A flow that `flows.checks.problems(flow, CATALOG)` finds no errors in."""
    return flow_data().map(Flow.model_validate)
