"""Events: their names, and what triggers, waits and success criteria look for in them."""

from typing import Any
from zoneinfo import ZoneInfo

import pytest
from pydantic import TypeAdapter, ValidationError

from flows import events
from flows.catalog import Kind
from flows.conditions import Reference
from flows.events import EVENTS, ActionFilter, Trigger
from flows.facts import Happening
from tests.flows.given import NOW, facts

OSLO = ZoneInfo("Europe/Oslo")
ACTION: TypeAdapter[ActionFilter] = TypeAdapter(ActionFilter)
TRIGGER: TypeAdapter[Trigger] = TypeAdapter(Trigger)
CUSTOMER = {"field": "person.category", "op": "is", "value": "customer"}


def matches(written: object, type: str, data: dict[str, Any] | None = None, category: str = "prospect") -> bool:
    happening = Happening("e1", type, NOW, data or {})
    return events.matches(ACTION.validate_python(written), happening, facts(person={"category": category}), OSLO)


def sets_off(written: object, type: str, data: dict[str, Any] | None = None) -> bool:
    return events.sets_off(TRIGGER.validate_python(written), type, data or {}, facts(), OSLO)


def wrong(written: object) -> list[tuple[str, str]]:
    return [(each.pointer, each.what) for each in events.problems(ACTION.validate_python(written))]


def wrong_trigger(written: object) -> list[tuple[str, str]]:
    return [(each.pointer, each.what) for each in events.problems(TRIGGER.validate_python(written))]


@pytest.mark.parametrize("name", [*EVENTS, "order.placed", "com.example.order-placed.v2"])
def test_TRIG_1_every_event_of_the_contract_and_any_name_with_a_dot(name: str) -> None:
    assert events.name_problem(name) is None
    assert sets_off({"event": name}, name)
    assert not sets_off({"event": name}, "another.event")


def test_every_event_has_a_title() -> None:
    assert all(kind.title for kind in EVENTS.values())
    assert set(EVENTS) == {
        "person_created", "person_updated", "person_deleted", "sale_created", "sale_sold", "sale_lost",
        "added_to_project", "added_to_selection", "request_created", "follow_up_created", "form_submitted",
        "link_clicked", "email_opened", "email_answered",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("name", "meant"),
    [("form_submited", "form_submitted"), ("link_click", "link_clicked"), ("linkClicked", "link_clicked")],
)
def test_SAFE_5_an_unknown_event_names_the_nearest(name: str, meant: str) -> None:
    problem = events.name_problem(name)
    assert problem is not None
    assert f"“{meant}”" in problem.remedy


@pytest.mark.parametrize("name", ["", "placed", ".", "order.", ".placed", "order..placed", "order placed.x"])
def test_what_is_no_name_of_an_event(name: str) -> None:
    assert events.name_problem(name) is not None


@pytest.mark.parametrize(
    ("written", "data", "expected"),
    [
        ({"event": "link_clicked"}, {"link": "offer"}, True),
        ({"event": "link_clicked", "link": "offer"}, {"link": "offer"}, True),
        ({"event": "link_clicked", "link": "offer"}, {"link": "other"}, False),
        ({"event": "link_clicked", "link": "offer"}, {}, False),
        ({"event": "link_clicked", "link": "offer", "content": "mail"}, {"link": "offer", "content": "mail"}, True),
        ({"event": "link_clicked", "link": "offer", "content": "mail"}, {"link": "offer", "content": "x"}, False),
        ({"event": "form_submitted", "form": "contact-me"}, {"link": "offer"}, False),
    ],
)
def test_STEP_14_an_action_is_compared_with_what_came_with_it(
    written: object, data: dict[str, Any], expected: bool
) -> None:
    assert matches(written, "link_clicked", data) is expected


def test_STEP_14_forms_and_their_fields() -> None:
    big = {"field": "form.budget", "op": ">=", "value": 1000.5}
    wanted = {"event": "form_submitted", "form": "contact-me", "when": big}
    assert matches(wanted, "form_submitted", {"form": "contact-me", "fields": {"budget": "1000.50"}})
    assert not matches(wanted, "form_submitted", {"form": "contact-me", "fields": {"budget": "1000"}})
    assert not matches(wanted, "form_submitted", {"form": "other", "fields": {"budget": "2000"}})
    assert not matches(wanted, "form_submitted", {"form": "contact-me", "fields": "odd"})
    # Told by another program, which has no `fields` of ours: what it tells is what was filled in.
    assert matches(wanted, "form_submitted", {"form": "contact-me", "budget": 1000.5})
    assert not matches(wanted, "form_submitted", {"form": "contact-me", "budget": 1000, "fields": {}})


def test_STEP_14_any_event_and_its_data() -> None:
    wanted = {"event": "order.placed", "when": {"field": "event.total", "op": ">", "value": 99.5}}
    assert matches(wanted, "order.placed", {"total": 100})
    assert not matches(wanted, "order.placed", {"total": 99})
    assert not matches(wanted, "order.shipped", {"total": 100})


@pytest.mark.parametrize("written", [{"condition": CUSTOMER}, CUSTOMER, {"all": [CUSTOMER]}])
def test_STEP_14_the_person_coming_to_match_a_condition(written: object) -> None:
    assert matches(written, "person_updated", category="customer")
    assert not matches(written, "person_updated", category="prospect")
    action = ACTION.validate_python(written)
    assert events.event_types(action) == ()
    assert events.matches(action, None, facts(person={"category": "customer"}), OSLO)


def test_an_event_that_did_not_happen_matches_nothing() -> None:
    action = ACTION.validate_python({"event": "sale_created"})
    assert events.event_types(action) == ("sale_created",)
    assert not events.matches(action, None, facts(), OSLO)


def test_STEP_18_being_added_to_one_selection() -> None:
    wanted = {"event": "added_to_selection", "selection": "vip"}
    assert matches(wanted, "added_to_selection", {"selection": "vip"})
    assert not matches(wanted, "added_to_selection", {"selection": "staff"})


def test_TRIG_1_a_schedule_is_set_off_by_no_event() -> None:
    assert not sets_off({"schedule": "0 9 * * MON", "selection": "newcomers"}, "person_created")


@pytest.mark.parametrize(
    "schedule",
    ["0 9 * * MON", "*/15 * * * *", "0 8-17 1,15 JAN-MAR MON-FRI", "59 23 31 12 7", "0 0 * * mon,wed", "5/10 * * * *"],
)
def test_TRIG_1_schedules(schedule: str) -> None:
    assert wrong_trigger({"schedule": schedule, "selection": "newcomers"}) == []


@pytest.mark.parametrize(
    ("schedule", "part"),
    [
        ("", "0 parts"),
        ("0 9 * *", "4 parts"),
        ("60 9 * * *", "“60” is no minute"),
        ("0 24 * * *", "“24” is no hour"),
        ("0 9 0 * *", "“0” is no day of month"),
        ("0 9 * 13 *", "“13” is no month"),
        ("0 9 * * FUN", "“FUN” is no day of week"),
        ("0 9 * * 5-1", "“5-1” is no day of week"),
        ("*/0 9 * * *", "“*/0” is no minute"),
        ("1,,2 9 * * *", "“1,,2” is no minute"),
        ("1-2-3 9 * * *", "“1-2-3” is no minute"),
        ("٣ 9 * * *", "“٣” is no minute"),
    ],
)
def test_SAFE_5_a_bad_schedule_says_which_part(schedule: str, part: str) -> None:
    ((pointer, what),) = wrong_trigger({"schedule": schedule, "selection": "newcomers"})
    assert pointer == "/schedule"
    assert part in what


@pytest.mark.parametrize(
    ("written", "pointer", "part"),
    [
        ({"event": "form_submited"}, "/event", "no event “form_submited”"),
        ({"event": "link_clicked", "form": "contact-me"}, "/form", "“link_clicked” has no form"),
        ({"event": "form_submitted", "link": "offer"}, "/link", "“form_submitted” has no link"),
        ({"event": "person_created", "content": "mail"}, "/content", "“person_created” has no content"),
        ({"event": "added_to_project", "selection": "vip"}, "/selection", "has no selection"),
        ({"event": "sale_sold", "when": {"field": "event.sum", "op": ">", "value": "5"}}, "/when/value", "“5”"),
        ({"condition": {"all": []}}, "/condition/all", "no conditions"),
        ({"any": [{"field": "person.x", "op": "set"}]}, "/any/0/field", "person.x"),
    ],
)
def test_SAFE_5_problems_say_where_and_what(written: object, pointer: str, part: str) -> None:
    ((where, what),) = wrong(written)
    assert where == pointer
    assert part in what


def test_an_event_of_a_teams_own_may_be_narrowed_by_anything() -> None:
    assert wrong({"event": "shop.clicked", "link": "offer", "form": "x"}) == []


def test_what_a_filter_refers_to() -> None:
    vip = {"member_of": "vip"}
    both: tuple[Kind, ...] = ("selection", "project")
    assert list(events.references(ACTION.validate_python({"event": "link_clicked", "link": "offer", "when": vip}))) == [
        Reference(("link",), "offer", ("link",)),
        Reference(both, "vip", ("when", "member_of")),
    ]
    assert list(events.references(ACTION.validate_python({"condition": {"any": [vip]}}))) == [
        Reference(both, "vip", ("condition", "any", 0, "member_of"))
    ]
    assert list(events.references(ACTION.validate_python(vip))) == [Reference(both, "vip", ("member_of",))]
    assert list(events.references(TRIGGER.validate_python({"schedule": "0 9 * * MON", "selection": "new"}))) == [
        Reference(("selection",), "new", ("selection",))
    ]


def test_filters_in_words() -> None:
    def words(written: object) -> str:
        return events.words(ACTION.validate_python(written))

    assert words({"event": "link_clicked", "link": "offer"}) == "link clicked: offer"
    assert words({"event": "order.placed"}) == "order.placed"
    assert words({"event": "sale_sold", "when": CUSTOMER}) == "sale sold when person.category is customer"
    assert words({"condition": CUSTOMER}) == words(CUSTOMER) == "person.category is customer"


@pytest.mark.parametrize(
    ("written", "place"),
    [
        ({"event": "sale_created", "lnk": "x"}, ("lnk",)),
        ({"event": "sale_created", "when": {"felt": 1}}, ("when",)),
        ({"link": "offer"}, ()),
        ({"event": "link_clicked", "link": "a b"}, ("link",)),
    ],
)
def test_SAFE_5_what_cannot_be_read_gets_one_error_at_its_place(written: object, place: tuple[object, ...]) -> None:
    with pytest.raises(ValidationError) as refused:
        ACTION.validate_python(written)
    (error,) = refused.value.errors()
    assert tuple(part for part in error["loc"] if not str(part).startswith("<")) == place


def test_a_trigger_is_an_event_or_a_schedule_with_its_selection() -> None:
    for written in ({"schedule": "0 9 * * MON"}, {"selection": "newcomers"}, CUSTOMER, "x"):
        with pytest.raises(ValidationError):
            TRIGGER.validate_python(written)
    assert TRIGGER.validate_python({"event": "order.placed", "again": True}).again
