"""The fields of CONTRACT.md, and what update_person may do to them (STEP_3)."""

from datetime import date, datetime

import pytest

from flows import fields
from flows.fields import FieldType


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("person.first_name", FieldType.TEXT),
        ("person.created_at", FieldType.DATETIME),
        ("person.former_employee", FieldType.FLAG),
        ("person.consent.sms", FieldType.TEXT),
        ("person.subscriptions", FieldType.LIST),
        ("person.custom.shoe size", FieldType.ANY),
        ("company.employees", FieldType.NUMBER),
        ("company.custom.a.b", FieldType.ANY),
        ("owner.mobile", FieldType.TEXT),
        ("participant.enrolled_at", FieldType.DATETIME),
        ("participant.score", FieldType.ANY),
        ("form.budget", FieldType.ANY),
        ("event.order.total", FieldType.ANY),
    ],
)
def test_every_field_has_a_type(path: str, kind: FieldType) -> None:
    assert fields.field_type(path) is kind


@pytest.mark.parametrize(
    "path", ["person", "person.emial", "person.custom", "person.custom.", "form", "form..x", "nobody.name", "", "."]
)
def test_what_is_no_field_has_no_type(path: str) -> None:
    assert fields.field_type(path) is None


@pytest.mark.parametrize(
    ("wrong", "meant"),
    [
        ("person.emial", "person.email"),
        ("persn.email", "person.email"),
        ("country", "person.country"),
        ("company.employes", "company.employees"),
        ("person.custm.score", "person.custom.score"),
        ("froms.budget", "form.budget"),
        ("zzz", None),
    ],
)
def test_SAFE_5_an_unknown_field_names_the_nearest(wrong: str, meant: str | None) -> None:
    assert fields.nearest(wrong) == meant


def test_a_value_is_found_along_its_path_and_missing_anywhere_else() -> None:
    namespace = {"person": {"custom": {"score": 0}, "email": ""}}
    assert fields.value(namespace, "person.custom.score") == 0
    assert fields.value(namespace, "person.email") == ""
    for path in ("person.mobile", "person.email.x", "person.custom.score.x", "company.name", "x"):
        assert fields.value(namespace, path) is None


@pytest.mark.parametrize(
    "path",
    [
        "person.id",
        "person.name",
        "person.created_at",
        "company.id",
        "owner.name",
        "form.x",
        "participant.x",
        "person.x",
    ],
)
def test_STEP_3_derived_and_foreign_fields_cannot_be_changed(path: str) -> None:
    assert not fields.changeable(path)
    assert not fields.changes(path)


@pytest.mark.parametrize(
    ("path", "fitting", "unfit"),
    [
        ("person.category", {"set", "clear", "copy"}, {"add", "increase"}),
        ("company.employees", {"set", "clear", "copy", "increase", "decrease"}, {"add", "remove"}),
        ("person.former_employee", {"set", "clear", "copy"}, {"increase"}),
        ("person.subscriptions", {"set", "clear", "copy", "add", "remove"}, {"increase"}),
        ("company.custom.score", {"increase", "add", "set"}, set()),
    ],
)
def test_STEP_3_what_is_possible_depends_on_the_type(path: str, fitting: set[str], unfit: set[str]) -> None:
    assert fields.changeable(path)
    assert fitting <= fields.changes(path)
    assert not unfit & fields.changes(path)


def test_STEP_3_copying_needs_the_same_type() -> None:
    assert fields.copies_to(FieldType.TEXT, FieldType.TEXT)
    assert fields.copies_to(FieldType.ANY, FieldType.NUMBER)
    assert not fields.copies_to(FieldType.TEXT, FieldType.NUMBER)


@pytest.mark.parametrize(
    ("path", "good", "bad"),
    [
        ("person.country", ["NO"], [1, True, None, ["NO"]]),
        ("company.employees", [200, 1.5, -3], ["200", True, None]),
        ("person.created_at", ["2026-12-31", "2026-12-31 08:00"], ["tomorrow", "31.12.2026", 20261231]),
        ("person.former_employee", [True, False], ["yes", 1]),
        ("person.subscriptions", ["news", 4], [True, ["news"]]),
        ("person.consent.email", ["granted", "withdrawn"], ["yes", True]),
        ("form.budget", ["x", 1, 1.5, True], [None, ["x"]]),
        ("person.unknown", [], ["x"]),
    ],
)
def test_STEP_3_a_field_accepts_values_of_its_type(path: str, good: list[object], bad: list[object]) -> None:
    assert [value for value in good if not fields.accepts(path, value)] == []
    assert [value for value in bad if fields.accepts(path, value)] == []


def test_dates_are_read_from_text_and_from_themselves() -> None:
    assert fields.moment(" 2026-12-31 ") == date(2026, 12, 31)
    assert fields.moment("2026-12-31 08:00") == datetime(2026, 12, 31, 8)
    assert fields.moment(datetime(2026, 1, 1)) == datetime(2026, 1, 1)
    for other in ("", "soon", "2026-02-30", 5, None, True, "2026-12-3\ud800"):
        assert fields.moment(other) is None
