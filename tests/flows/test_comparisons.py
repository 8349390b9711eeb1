"""How a field is compared with a value: every operator, every type, and what is missing or of another type."""

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import get_args
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flows import comparisons
from flows.comparisons import FITTING, Comparison, Operator, satisfied
from flows.fields import Field, FieldType, declared

OSLO = ZoneInfo("Europe/Oslo")
FIELD_OF = {
    FieldType.TEXT: "person.country",
    FieldType.NUMBER: "company.employees",
    FieldType.DATE: "person.custom.born",
    FieldType.DATETIME: "person.created_at",
    FieldType.FLAG: "person.former_employee",
    FieldType.LIST: "person.subscriptions",
    FieldType.ANY: "person.custom.x",
}
VALUE_OF: dict[FieldType, object] = {
    FieldType.TEXT: "NO",
    FieldType.NUMBER: 200,
    FieldType.DATE: "2026-12-31",
    FieldType.DATETIME: "2026-12-31",
    FieldType.FLAG: True,
    FieldType.LIST: "news",
    FieldType.ANY: "x",
}
OPERATORS: tuple[Operator, ...] = get_args(Operator)


def compare(field: str, op: str, value: object, data: object) -> bool:
    comparison = Comparison.model_validate({"field": field, "op": op, "value": value})
    namespace: dict[str, object] = {}
    here = namespace
    *places, last = field.split(".")
    for place in places:
        inner: dict[str, object] = {}
        here[place] = inner
        here = inner
    here[last] = data
    return satisfied(comparison, namespace, OSLO)


def wrong(field: str, op: str, value: object) -> list[tuple[str, str]]:
    """Pointer and sentence of every problem."""
    comparison = Comparison.model_validate({"field": field, "op": op, "value": value})
    born = {FIELD_OF[FieldType.DATE]: Field(FieldType.DATE)}
    with declared(born if field in born else {}):
        return [(problem.pointer, problem.what) for problem in comparisons.problems(comparison)]


@pytest.mark.parametrize("missing", [None, "", "  ", [], {}])
@pytest.mark.parametrize("kind", list(FIELD_OF))
@pytest.mark.parametrize("op", OPERATORS)
def test_a_missing_value_satisfies_only_empty_is_not_and_not_in(op: Operator, kind: FieldType, missing: object) -> None:
    """SEMANTICS, the line below STEP."""
    value = [VALUE_OF[kind]] if op in ("in", "not_in") else VALUE_OF[kind]
    assert compare(FIELD_OF[kind], op, value, missing) is (op in ("empty", "is_not", "not_in"))


@pytest.mark.parametrize(
    ("op", "value", "data", "expected"),
    [
        ("is", "NO", "no", True),
        ("is", "NO", "NOR", False),
        ("is_not", "NO", "no", False),
        ("is_not", "NO", "SE", True),
        ("in", ["NO", "SE"], "se", True),
        ("in", ["NO", "SE"], "DK", False),
        ("not_in", ["NO", "SE"], "DK", True),
        ("not_in", ["NO", "SE"], "no", False),
        ("contains", "FJORD", "The fjord", True),
        ("contains", "fjord", "coffee", False),
        ("starts_with", "the", "The fjord", True),
        ("starts_with", "fjord", "The fjord", False),
        ("set", None, "x", True),
        ("empty", None, "x", False),
        ("is", "5", 5, True),
        ("is", "true", True, True),
    ],
)
def test_text(op: str, value: object, data: object, expected: bool) -> None:
    assert compare("person.country", op, value, data) is expected


@pytest.mark.parametrize(
    ("left", "right", "same"),
    [
        ("Ålesund", "A\u030alesund", True),
        ("ÅLESUND", "a\u030alesund", True),
        ("Ålesund", "Alesund", False),
        ("İzmir", "i\u0307zmir", True),
        ("İzmir", "izmir", False),
        ("Straße", "STRASSE", True),
        ("ΣΊΣΥΦΟΣ", "σίσυφος", True),
        ("\u1fb3\u0301", "\u0301\u1fb3", False),
    ],
)
def test_text_is_compared_whatever_its_case_and_the_encoding_of_accents(left: str, right: str, same: bool) -> None:
    for value, data in ((left, right), (right, left)):
        assert compare("person.first_name", "is", value, data) is same
        assert compare("person.first_name", "in", ["x", value], data) is same
        assert compare("person.first_name", "starts_with", value, data) is same
        assert compare("person.first_name", "is_not", value, data) is not same


@pytest.mark.parametrize("data", [1000.5, Decimal("1000.5"), "1000.5", " 1000.50 ", "1.0005e3"])
def test_TRIG_9_numbers_take_decimals(data: object) -> None:
    field = "form.budget"
    for op, value in [
        ("is", 1000.5),
        (">=", 1000.5),
        ("<=", 1000.5),
        (">", 1000.4),
        ("<", 1000.6),
        ("in", [1, 1000.5]),
    ]:
        assert compare(field, op, value, data), op
    for op, value in [("is_not", 1000.5), (">", 1000.5), ("<", 1000.5), ("<=", 1000.4), ("not_in", [1000.5])]:
        assert not compare(field, op, value, data), op


def test_TRIG_9_decimals_are_exact() -> None:
    assert compare("form.budget", "is", 0.3, "0.3")
    assert compare("company.employees", "<", 9007199254740993, 9007199254740992)
    assert not compare("company.employees", "is", 9007199254740993, 9007199254740992)


@pytest.mark.parametrize(
    "data", ["many", "NaN", "Infinity", float("nan"), float("inf"), True, [300], {"a": 300}, "1,5"]
)
@pytest.mark.parametrize("op", ["is", "in", "<", "<=", ">", ">="])
def test_what_is_no_number_is_neither_more_nor_less(op: str, data: object) -> None:
    assert not compare("form.x", op, [200] if op == "in" else 200, data)


@pytest.mark.parametrize(
    ("value", "data", "expected"),
    [
        (True, True, True),
        (True, False, False),
        (False, False, True),
        (False, None, False),
        (True, "on", True),
        (True, "Yes", True),
        (False, "no", True),
        (True, "perhaps", False),
        (True, 1, False),
    ],
)
def test_flags(value: bool, data: object, expected: bool) -> None:
    assert compare("form.agreed", "is", value, data) is expected
    assert compare("form.agreed", "is_not", value, data) is not expected


@pytest.mark.parametrize(
    ("op", "value", "expected"),
    [
        ("is", "NEWS", True),
        ("is", "new", False),
        ("is_not", "offers", True),
        ("is_not", "news", False),
        ("contains", "news", True),
        ("contains", "ne", False),
        ("in", ["offers", "events"], True),
        ("in", ["offers"], False),
        ("not_in", ["offers"], True),
        ("not_in", ["news", "offers"], False),
        ("starts_with", "ne", False),
    ],
)
def test_lists_are_compared_by_their_entries(op: str, value: object, expected: bool) -> None:
    assert compare("person.subscriptions", op, value, ["news", "events"]) is expected


# The first of January begins in Oslo at 23:00 on the 31st of December in UTC.
LATE = datetime(2026, 12, 31, 22, 59, tzinfo=UTC)
NEXT_YEAR = datetime(2026, 12, 31, 23, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("op", "value", "data", "expected"),
    [
        ("after", "2026-12-31", NEXT_YEAR, True),
        ("after", "2026-12-31", LATE, False),
        ("after", "2026-12-31", "2026-12-31T23:00:00Z", True),
        ("before", "2027-01-01", LATE, True),
        ("before", "2027-01-01", NEXT_YEAR, False),
        ("is", "2026-12-31", LATE, True),
        ("is", "2026-12-31", NEXT_YEAR, False),
        ("is_not", "2026-12-31", NEXT_YEAR, True),
        ("in", ["2026-12-30", "2026-12-31"], LATE, True),
        ("before", "2027-01-01 00:00", LATE, True),
        ("before", "2027-01-01 00:00", NEXT_YEAR, False),
        ("is", "2027-01-01 00:00", NEXT_YEAR, True),
        ("after", "2026-12-31 22:58+00:00", LATE, True),
        ("before", "2026-12-31", date(2026, 12, 30), True),
        ("after", "2026-12-30 23:59", date(2026, 12, 31), True),
        ("after", "2026-12-31 00:00", date(2026, 12, 31), False),
        ("before", "2026-12-31", "2026-12-30", True),
        ("before", "2026-12-31", "last week", False),
        ("after", "2026-12-31", "last week", False),
        ("before", "2026-12-31", 5, False),
        ("before", "2026-12-31", ["2026-12-30"], False),
        ("before", "2026-12-31", "0001-01-01T00:00:00+14:00", False),
        ("set", None, LATE, True),
    ],
)
def test_dates_are_compared_in_the_flows_zone(op: str, value: object, data: object, expected: bool) -> None:
    assert compare("person.created_at", op, value, data) is expected


def test_dates_in_custom_fields_and_forms_are_text() -> None:
    assert compare("form.arrival", "before", "2026-12-31", "2026-12-30")
    assert compare("form.arrival", "is", "2026-12-30", "2026-12-30")


def test_dates_of_yaml_and_json_read_alike() -> None:
    dated = Comparison.model_validate(
        {"field": "form.x", "op": "in", "value": [date(2026, 12, 31), datetime(2026, 1, 2)]}
    )
    assert dated == Comparison.model_validate_json(dated.model_dump_json())
    assert dated.value == ("2026-12-31", "2026-01-02 00:00:00")


@pytest.mark.parametrize("value", [float("nan"), float("inf"), {"a": 1}, [["a"]], [None], b"x"])
def test_values_that_no_condition_can_have_are_refused(value: object) -> None:
    with pytest.raises(ValueError, match="text, a number, true or false"):
        Comparison.model_validate({"field": "form.x", "op": "is", "value": value})


@pytest.mark.parametrize("kind", list(FIELD_OF))
@pytest.mark.parametrize("op", OPERATORS)
def test_operators_that_do_not_fit_the_type_are_problems(op: Operator, kind: FieldType) -> None:
    value = None if op in ("set", "empty") else ["x"] if op in ("in", "not_in") else 1
    found = wrong(FIELD_OF[kind], op, value)
    unfit = [what for pointer, what in found if pointer == "/op"]
    assert bool(unfit) is (op not in FITTING[kind])
    for what in unfit:
        assert f"“{op}” does not fit" in what


@pytest.mark.parametrize("kind", list(FIELD_OF))
def test_what_fits_is_no_problem(kind: FieldType) -> None:
    by_op: dict[str, object] = {op: 5 for op in ("<", "<=", ">", ">=")} | {
        "before": "2026-01-01",
        "after": "2026-01-01",
    }
    for op in FITTING[kind]:
        value = by_op.get(op, VALUE_OF[kind])
        assert (
            wrong(FIELD_OF[kind], op, None if op in ("set", "empty") else [value] if op[-2:] == "in" else value) == []
        )


@pytest.mark.parametrize(
    ("field", "op", "value", "pointer", "part"),
    [
        ("person.emial", "is", "x", "/field", "no field “person.emial”"),
        ("company.employees", ">", "200", "/value", "“200” is no value"),
        ("company.employees", ">", True, "/value", "“true” is no value"),
        ("company.employees", "in", [1, "2"], "/value/1", "“2” is no value"),
        ("company.employees", ">", [200], "/value", "takes one value"),
        ("person.country", "in", "NO", "/value", "needs a list"),
        ("person.country", "in", [], "/value", "needs a list"),
        ("person.country", "is", None, "/value", "needs a value"),
        ("person.country", "is", 47, "/value", "“47” is no value"),
        ("person.country", "is", " ", "/value", "blank"),
        ("person.country", "set", True, "/value", "takes no value"),
        ("person.former_employee", "is", "yes", "/value", "“yes” is no value"),
        ("person.created_at", "before", "tomorrow", "/value", "“tomorrow” is no value"),
        ("person.consent.email", "is", "given", "/value", "“given” is no value"),
        ("form.x", ">", "5", "/value", "“5” is no value"),
        ("form.x", "before", 5, "/value", "“5” is no value"),
    ],
)
def test_SAFE_5_a_wrong_comparison_says_where_and_what(
    field: str, op: str, value: object, pointer: str, part: str
) -> None:
    ((where, what),) = wrong(field, op, value)
    assert where == pointer
    assert part in what


def test_an_unknown_field_names_the_nearest() -> None:
    (problem,) = comparisons.problems(Comparison(field="person.emial", op="set"))
    assert problem.remedy == "Did you mean “person.email”?"


def test_comparisons_in_words() -> None:
    def words(op: str, value: object = None) -> str:
        return comparisons.words(Comparison.model_validate({"field": "form.x", "op": op, "value": value}))

    assert words(">", 1000.5) == "form.x > 1000.5"
    assert words("is_not", True) == "form.x is not true"
    assert words("in", ["NO", "SE"]) == "form.x in NO, SE"
    assert words("in", list(range(9))) == "form.x in 0, 1, 2, 3, 4, … (9 in all)"
    assert words("empty") == "form.x is empty"
    assert words("before", date(2026, 12, 31)) == "form.x is before 2026-12-31"


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.dates().map(str) | st.datetimes().map(str),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=10,
)
SCALARS = st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text() | st.dates()


@given(
    st.sampled_from(OPERATORS), st.sampled_from(list(FIELD_OF.values())), st.none() | SCALARS | st.lists(SCALARS), JSON
)
def test_no_data_make_a_comparison_fail(op: Operator, field: str, value: object, data: object) -> None:
    assert compare(field, op, value, data) in (True, False)
    for problem in comparisons.problems(Comparison.model_validate({"field": field, "op": op, "value": value})):
        assert problem.what
        assert problem.remedy


@given(st.sampled_from([10**5000, "9" * 100_000, "1e999999999", "1e-999999999999999999999", "\ud800", "٣", 1e308]))
def test_extreme_data_do_not_fail_either(data: object) -> None:
    for op in OPERATORS:
        assert compare("form.x", op, 5, data) in (True, False)
        assert compare("form.x", op, "x", data) in (True, False)
