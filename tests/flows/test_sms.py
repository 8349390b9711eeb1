"""STEP_2: segments, checked against an independent library; numbers and senders."""

import pytest
import smsutil  # type: ignore[import-untyped]
from hypothesis import given
from hypothesis import strategies as st

from flows.sms import is_sender, mobile_of, segments

GSM = "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./09:;<=>?¡AZÄÖÑÜ§¿azäöñüà"
EXTENSION = "\f^{}\\[~]|€"


@pytest.mark.parametrize(
    ("text", "alphabet", "count"),
    [
        ("", "GSM", 1),
        ("a" * 160, "GSM", 1),
        ("a" * 161, "GSM", 2),
        ("a" * 306, "GSM", 2),
        ("a" * 307, "GSM", 3),
        ("€" * 80, "GSM", 1),
        ("€" * 81, "GSM", 2),
        # An escaped letter is not cut in half: 152 and a blank place, not 153.
        ("a" * 152 + "€" + "a" * 152, "GSM", 3),
        ("Blåbærsyltetøy Å Æ Ø é", "GSM", 1),
        ("ç" * 70, "Unicode", 1),
        ("ç" * 71, "Unicode", 2),
        ("ç" * 134, "Unicode", 2),
        ("ç" * 135, "Unicode", 3),
        ("☕" * 71, "Unicode", 2),
        ("😀" * 35, "Unicode", 1),
        ("😀" * 36, "Unicode", 2),
        # 33 pairs fit into 67 units: the 34th begins the next segment.
        ("😀" * 67, "Unicode", 3),
    ],
)
def test_STEP_2_segments(text: str, alphabet: str, count: int) -> None:
    assert (segments(text).alphabet, segments(text).count) == (alphabet, count)


@given(
    st.one_of(
        st.text(st.sampled_from(GSM + EXTENSION), max_size=700),
        st.text(st.sampled_from(GSM + EXTENSION + "çŁ漢😀🎉"), max_size=300),
    )
)
def test_STEP_2_segments_are_those_of_an_independent_library(text: str) -> None:
    if text:  # which that library takes for a text of no segment
        assert segments(text).count == len(smsutil.split(text).parts)


def test_STEP_2_segments_in_words() -> None:
    assert str(segments("a")) == "1 segment, GSM"
    assert str(segments("ç" * 71)) == "2 segments, Unicode"


@pytest.mark.parametrize(
    ("number", "country", "mobile"),
    [
        ("+4740000000", None, "+4740000000"),
        ("400 00 000", "NO", "+4740000000"),
        ("070-174 06 35", "SE", "+46701740635"),
        ("400 00 000", None, ""),
        ("+4722000000", "NO", ""),  # a fixed line
        ("+1 202 555 0143", None, "+12025550143"),
        ("12", "NO", ""),
        ("call me", "NO", ""),
        ("", "NO", ""),
        (None, "NO", ""),
    ],
)
def test_STEP_2_mobile_numbers_are_read_as_of_the_persons_country(
    number: str | None, country: str | None, mobile: str
) -> None:
    assert mobile_of({"mobile": number, "country": country}) == mobile


@pytest.mark.parametrize("sender", ["FjordCoffee", "Fjord 1", "2007", "+4740000000"])
def test_STEP_2_senders(sender: str) -> None:
    assert is_sender(sender)


@pytest.mark.parametrize("sender", ["", "FjordCoffees", "Bø", "12", "+47", "40000000000", "a\nb"])
def test_STEP_2_what_phones_cannot_show(sender: str) -> None:
    assert not is_sender(sender)
