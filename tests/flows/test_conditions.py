"""Conditions: groups, membership, why they hold, and what is wrong with them."""

from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from flows import conditions
from flows.conditions import Condition, Reference
from tests.flows.given import facts

OSLO = ZoneInfo("Europe/Oslo")
CONDITION: TypeAdapter[Condition] = TypeAdapter(Condition)

LARGE = {"field": "company.employees", "op": ">", "value": 200}
NORDIC = {"field": "person.country", "op": "in", "value": ["NO", "SE", "DK"]}
NEW = {"member_of": "newcomers"}
SOMEONE = facts(person={"country": "no", "first_name": "Kari"}, company={"employees": 201}, groups={"newcomers"})


def read(written: object) -> Condition:
    return CONDITION.validate_python(written)


def holds(written: object) -> bool:
    return conditions.holds(read(written), SOMEONE, OSLO)


def because(written: object) -> str:
    return conditions.because(read(written), SOMEONE, OSLO)


def wrong(written: object) -> list[str]:
    return [problem.pointer for problem in conditions.problems(read(written))]


def opposite(written: object) -> dict[str, object]:
    return {"not": written}


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        (LARGE, True),
        (opposite(LARGE), False),
        ({"all": [LARGE, NORDIC, NEW]}, True),
        ({"all": [LARGE, opposite(NORDIC)]}, False),
        ({"any": [opposite(LARGE), NORDIC]}, True),
        ({"any": [opposite(LARGE), opposite(NORDIC)]}, False),
        ({"not": {"any": [opposite(LARGE), {"all": [NORDIC, opposite(NEW)]}]}}, True),
        ({"member_of": "others"}, False),
        ({"op": "member_of", "value": "newcomers"}, True),
        ({"field": "person", "op": "member_of", "value": "others"}, False),
    ],
)
def test_TRIG_3_groups_and_membership(written: object, expected: bool) -> None:
    assert holds(written) is expected


def test_every_root_can_be_asked() -> None:
    asked = facts(
        person={"id": "7"}, company={"name": "Fjord"}, owner={"name": "Ola"},
        event={"total": 99.5, "fields": {"budget": "1000.5"}}, values={"score": 3},
    )  # fmt: skip
    for field, value in [
        ("person.id", "7"), ("company.name", "fjord"), ("owner.name", "ola"), ("event.total", 99.5),
        ("form.budget", 1000.5), ("participant.score", 3), ("participant.id", "p1"),
    ]:  # fmt: skip
        assert conditions.holds(read({"field": field, "op": "is", "value": value}), asked, OSLO), field


@pytest.mark.parametrize(
    ("written", "said"),
    [
        (LARGE, "company.employees > 200"),
        (NORDIC, "person.country in NO, SE, DK"),
        (opposite(LARGE), "company.employees > 200"),
        ({"any": [opposite(LARGE), NORDIC, NEW]}, "person.country in NO, SE, DK"),
        ({"all": [NEW, LARGE]}, "member of newcomers and company.employees > 200"),
        ({"all": [NEW, {"member_of": "others"}, LARGE]}, "member of others does not hold"),
        (
            {"any": [{"member_of": "others"}, {"field": "person.email", "op": "set"}]},
            "member of others does not hold and person.email is set does not hold",
        ),
    ],
)
def test_PART_7_the_reason_names_the_part_that_decided(written: object, said: str) -> None:
    assert because(written) == said


def test_conditions_in_words() -> None:
    nested = read({"all": [LARGE, {"any": [NEW, opposite(NORDIC)]}]})
    assert conditions.words(nested) == (
        "company.employees > 200 and (member of newcomers or not person.country in NO, SE, DK)"
    )


@pytest.mark.parametrize(
    ("written", "pointers"),
    [
        ({"all": [LARGE, {"not": {"any": []}}]}, ["/all/1/not/any"]),
        ({"all": []}, ["/all"]),
        ({"any": [NEW, {"all": [{"field": "person.x", "op": "set"}]}]}, ["/any/1/all/0/field"]),
        ({"not": {"field": "person.country", "op": "in", "value": ["NO", 47]}}, ["/not/value/1"]),
        ({"all": [LARGE, NORDIC, NEW]}, []),
    ],
)
def test_SAFE_5_problems_say_where(written: object, pointers: list[str]) -> None:
    assert wrong(written) == pointers


def test_what_a_condition_refers_to() -> None:
    nested = read({"any": [NEW, {"not": {"op": "member_of", "value": "staff"}}, LARGE, {"all": [NORDIC]}]})
    assert list(conditions.fields(nested)) == ["company.employees", "person.country"]
    assert list(conditions.selections(nested)) == [
        Reference(("selection", "project"), "newcomers", ("any", 0, "member_of")),
        Reference(("selection", "project"), "staff", ("any", 1, "not", "value")),
    ]


@pytest.mark.parametrize(
    ("written", "place", "message"),
    [
        ("x", (), "a condition has field and op"),
        ({"felt": "person.email"}, (), "a condition has field and op"),
        ({"all": [LARGE, 3]}, ("all", 1), "a condition has field and op"),
        ({"not": {"op": "set"}}, ("not", "field"), "Field required"),
        ({"field": "person.email"}, ("op",), "Field required"),
        ({"field": "person.email", "op": "=="}, ("op",), "Input should be 'is', 'is_not'"),
        ({"field": "person.email", "op": "set", "vlue": 1}, ("vlue",), "Extra inputs"),
        ({"all": [], "any": []}, ("any",), "Extra inputs"),
        ({"member_of": "a b"}, ("member_of",), "String should match"),
    ],
)
def test_SAFE_5_what_cannot_be_read_gets_one_error_at_its_place(
    written: object, place: tuple[object, ...], message: str
) -> None:
    with pytest.raises(ValidationError) as refused:
        read(written)
    (error,) = refused.value.errors()
    assert tuple(part for part in error["loc"] if not str(part).startswith("<")) == place
    assert error["msg"].startswith(message)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)
FIELDS = st.sampled_from(
    ["person.country", "person.created_at", "person.subscriptions", "company.employees", "form.x", "event.a.b", "odd"]
)
SCALARS = st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text()
LEAVES = st.one_of(
    st.fixed_dictionaries({
        "field": FIELDS,
        "op": st.sampled_from(["is", "is_not", "in", "not_in", "contains", "starts_with", "<", ">=", "set", "empty",
                               "before", "after"]),
        "value": st.none() | SCALARS | st.lists(SCALARS, max_size=3),
    }),
    st.fixed_dictionaries({"member_of": st.sampled_from(["newcomers", "others"])}),
    st.fixed_dictionaries({"op": st.just("member_of"), "value": st.sampled_from(["newcomers", "others"])}),
)  # fmt: skip
CONDITIONS = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        st.fixed_dictionaries({"all": st.lists(inner, max_size=3)}),
        st.fixed_dictionaries({"any": st.lists(inner, max_size=3)}),
        st.fixed_dictionaries({"not": inner}),
    ),
    max_leaves=8,
)
DATA = st.dictionaries(st.sampled_from(["country", "created_at", "subscriptions", "employees", "x", "a"]), JSON)


@given(CONDITIONS, DATA)
def test_not_is_the_complement_and_nothing_raises(written: dict[str, Any], data: dict[str, Any]) -> None:
    """Whatever the condition and whatever JSON the data are; a reason is given either way."""
    someone = facts(person=data, company=data, event=data, groups={"newcomers"})
    condition, complement = read(written), read(opposite(written))
    truth = conditions.holds(condition, someone, OSLO)
    assert conditions.holds(complement, someone, OSLO) is not truth
    assert conditions.because(condition, someone, OSLO) == conditions.because(complement, someone, OSLO) != ""
    assert all(problem.what and problem.remedy for problem in conditions.problems(condition))


@given(CONDITIONS)
def test_reading_what_was_written_gives_the_same_condition(written: dict[str, Any]) -> None:
    condition = read(written)
    printed = CONDITION.dump_json(condition, by_alias=True, exclude_unset=True)
    assert CONDITION.validate_json(printed) == condition


@given(st.text(min_size=1, alphabet=st.characters(min_codepoint=0x4E00, max_codepoint=0x9FFF)), CONDITIONS)
def test_SAFE_4_the_reason_tells_nothing_of_the_person(secret: str, written: dict[str, Any]) -> None:
    data = {"country": secret, "created_at": secret, "subscriptions": [secret], "employees": secret, "x": secret}
    said = conditions.because(read(written), facts(person=data, company=data, event=data), OSLO)
    assert secret not in said or secret in str(written)
