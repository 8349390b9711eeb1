"""Every operator against every type of field and every kind of data: what comes out, by a plain reading of the rule."""

from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any, get_args
from zoneinfo import ZoneInfo

import pytest

from flows.comparisons import FITTING, Comparison, Operator, satisfied
from flows.fields import FieldType

ZONES = (UTC, ZoneInfo("Europe/Oslo"), ZoneInfo("Pacific/Kiritimati"), ZoneInfo("America/St_Johns"))
NEGATIVE = ("empty", "is_not", "not_in")

FIELD: dict[FieldType, str] = {
    FieldType.TEXT: "person.country",
    FieldType.NUMBER: "company.employees",
    FieldType.DATE: "person.custom.born",
    FieldType.DATETIME: "person.created_at",
    FieldType.FLAG: "person.former_employee",
    FieldType.LIST: "person.subscriptions",
    FieldType.ANY: "event.x",
}
VALUE: dict[FieldType, Any] = {
    FieldType.TEXT: "Blåbær",
    FieldType.NUMBER: 12.5,
    FieldType.DATE: "2026-03-29",
    FieldType.DATETIME: "2026-03-29 01:30",
    FieldType.FLAG: True,
    FieldType.LIST: "Blåbær",
    FieldType.ANY: "Blåbær",
}
# The same as the value, written in other ways, and what is none of it though of the same type.
SAME: dict[FieldType, list[Any]] = {
    FieldType.TEXT: ["Blåbær", "BLÅBÆR", "bla\u030abær"],
    FieldType.NUMBER: [12.5, Decimal("12.50"), "12.5"],
    FieldType.DATE: ["2026-03-29", date(2026, 3, 29)],
    FieldType.DATETIME: [],  # depends on the zone: below
    FieldType.FLAG: [True, "true", "Yes"],
    FieldType.LIST: [["x", "BLÅBÆR"], ["bla\u030abær"]],
    FieldType.ANY: ["blåbær", ["Blåbær"]],
}
OTHER: dict[FieldType, list[Any]] = {
    FieldType.TEXT: ["Bla", "Tyttebær", "😀", 12.5],
    FieldType.NUMBER: [12.4, Decimal("12.500001"), -1],
    FieldType.DATE: ["2026-03-28", date(2026, 3, 30)],
    FieldType.DATETIME: [datetime(2026, 4, 1, tzinfo=UTC)],
    FieldType.FLAG: [False, "no"],
    FieldType.LIST: [["x"], ["Blå", "bær"]],
    FieldType.ANY: ["x", 12.5, ["x"]],
}
WRONG: dict[FieldType, list[Any]] = {
    FieldType.NUMBER: ["many", True, float("nan"), ["12"], {"a": 1}],
    FieldType.DATE: ["soon", 20260329, True, "2026-13-01", [1]],
    FieldType.DATETIME: ["soon", 1.5, {"at": 1}],
    FieldType.FLAG: ["perhaps", 1.0, [1], {"a": 1}],
}
MISSING: list[Any] = [None, "", " \t", [], {}]


def holds(kind: FieldType, op: str, data: Any, zone: Any = UTC, value: Any = None) -> bool:
    place, _, name = FIELD[kind].rpartition(".")
    namespace: Any = {name: data}
    for part in reversed(place.split(".")):
        namespace = {part: namespace}
    given = VALUE[kind] if value is None else value
    wanted = None if op in ("set", "empty") else [given, given] if op in ("in", "not_in") else given
    comparison = Comparison.model_validate({"field": FIELD[kind], "op": op, "value": wanted})
    return satisfied(comparison, namespace, zone)


@pytest.mark.parametrize("zone", ZONES, ids=str)
@pytest.mark.parametrize("kind", FieldType)
@pytest.mark.parametrize("op", get_args(Operator))
def test_every_operator_on_every_type(op: Operator, kind: FieldType, zone: Any) -> None:
    """A missing value satisfies empty, is_not and not_in alone; a value of a wrong type is never the same nor more."""
    for missing in MISSING:
        assert holds(kind, op, missing, zone) is (op in NEGATIVE), missing
    if op not in FITTING[kind]:
        return  # cannot be saved; that it never raises is proven elsewhere
    equal, differs = op in ("is", "in", "set"), op in ("is_not", "not_in", "set")
    if op in ("is", "is_not", "in", "not_in", "set", "empty"):
        assert [holds(kind, op, same, zone) for same in SAME[kind]] == [equal] * len(SAME[kind])
        assert [holds(kind, op, other, zone) for other in OTHER[kind]] == [differs] * len(OTHER[kind])
        assert [holds(kind, op, wrong, zone) for wrong in WRONG.get(kind, ())] == [differs] * len(WRONG.get(kind, ()))
    if op in ("<", "<=", ">", ">=", "before", "after"):
        assert not any(holds(kind, op, wrong, zone) for wrong in WRONG.get(kind, ()))


@pytest.mark.parametrize("zone", ZONES, ids=str)
@pytest.mark.parametrize("seconds", [-86_400, -60, 0, 60, 86_400])
def test_a_moment_is_compared_on_the_clock_of_the_zone(seconds: int, zone: Any) -> None:
    """A value without an offset is local; data with one are the moment they are, whatever offset they have."""
    value = "2026-06-15 12:00"
    local = datetime(2026, 6, 15, 12, tzinfo=zone) + timedelta(seconds=seconds)
    for data in (local, local.astimezone(UTC), local.astimezone(timezone(timedelta(hours=-9))).isoformat()):
        assert holds(FieldType.DATETIME, "before", data, zone, value) is (seconds < 0)
        assert holds(FieldType.DATETIME, "after", data, zone, value) is (seconds > 0)
        assert holds(FieldType.DATETIME, "is", data, zone, value) is (seconds == 0)


@pytest.mark.parametrize("zone", ZONES, ids=str)
def test_a_day_is_a_day_of_the_zone(zone: Any) -> None:
    """Its last minute belongs to it, the next one does not; also on the day when the clock is put forward."""
    day = VALUE[FieldType.DATE]
    first = datetime(2026, 3, 29, 0, 0, tzinfo=zone)
    last = datetime(2026, 3, 29, 23, 59, tzinfo=zone)
    for moment in (first, last):
        assert holds(FieldType.DATETIME, "is", moment.astimezone(UTC), zone, day)
    assert holds(FieldType.DATETIME, "before", (first - timedelta(minutes=1)).astimezone(UTC), zone, day)
    assert holds(FieldType.DATETIME, "after", last.astimezone(UTC) + timedelta(minutes=1), zone, day)


@pytest.mark.parametrize(("op", "below", "at", "above"), [
    ("<", True, False, False), ("<=", True, True, False), (">", False, False, True), (">=", False, True, True),
])  # fmt: skip
def test_TRIG_9_numbers_are_compared_exactly(op: str, below: bool, at: bool, above: bool) -> None:
    for kind in (FieldType.NUMBER, FieldType.ANY):
        found = [holds(kind, op, data, UTC, 0.3) for data in ("0.2999999999999999999", "0.3", "0.3000000000000000001")]
        assert found == [below, at, above]
