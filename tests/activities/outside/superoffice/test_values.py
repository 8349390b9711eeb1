"""How user-defined and extra fields are written there, and what they are here."""

import pytest

from activities.outside.superoffice import values

ENTITY = {
    "CustomFields": {
        "SuperOffice:1": "[I:23]", "SuperOffice:1:org": "[I:22]", "SuperOffice:1:DisplayText": "",
        "SuperOffice:7": "[I:3]", "SuperOffice:7:DisplayText": "Silver", "SuperOffice:7:DisplayTooltip": "x",
        "x_text": "hello", "x_text:DisplayText": "", "x_share": "[F:1.5]",
        "Fjord.Coffee.Since": "[D:04/28/2024 00:00:00.0000000]",
        "x_never": "[D:01/01/0001 00:00:00.0000000]",
    }
}  # fmt: skip


def test_custom_fields_are_read_with_their_types_and_of_a_list_the_text() -> None:
    assert values.custom_of(ENTITY) == {
        "SuperOffice_1": 23, "SuperOffice_7": "Silver", "x_text": "hello", "x_share": 1.5,
        "Fjord_Coffee_Since": "2024-04-28", "x_never": None,
    }  # fmt: skip
    assert values.their_name(ENTITY, "Fjord_Coffee_Since") == "Fjord.Coffee.Since"
    assert [values.is_list(ENTITY, name) for name in ("SuperOffice:7", "x_text")] == [True, False]


@pytest.mark.parametrize(
    ("value", "like", "written"),
    [
        (4, "[I:0]", "[I:4]"),
        (2, "[F:0]", "[F:2.0]"),
        ("2026-12-24", "[D:01/01/0001 00:00:00.0000000]", "[D:12/24/2026 00:00:00.0000000]"),
        (None, "[I:7]", "[I:0]"),
        ("words", "", "words"),
    ],
)
def test_a_value_is_written_as_the_one_before(value: object, like: str, written: str) -> None:
    assert values.encoded(value, like) == written
    if value is not None:
        assert values.decoded(written) == value
