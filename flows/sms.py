"""What is peculiar to SMS: how a text is cut into segments, and which numbers and senders there are (STEP_2)."""

import re
from dataclasses import dataclass
from typing import Literal

import phonenumbers
from phonenumbers import PhoneNumberFormat, PhoneNumberType

from flows.facts import Values

Alphabet = Literal["GSM", "Unicode"]

# GSM 03.38: the basic alphabet takes one septet a letter, the extension table two.
_BASIC = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿"
    "abcdefghijklmnopqrstuvwxyzäöñüà"
)
_EXTENSION = frozenset("\f^{}\\[~]|€")
# Room in a text that is alone, and in each segment of several, whose header takes the rest.
_ROOM: dict[Alphabet, tuple[int, int]] = {"GSM": (160, 153), "Unicode": (70, 67)}

MOST_SEGMENTS = 10
"""What networks and providers carry as one message."""

_NAME = re.compile(r"(?=.*[A-Za-z])[A-Za-z0-9 ]{1,11}")
_SHORT_CODE = re.compile(r"[0-9]{3,8}")
_TAKES_SMS = {
    PhoneNumberType.MOBILE,
    PhoneNumberType.FIXED_LINE_OR_MOBILE,  # in North America nobody can tell
    PhoneNumberType.PERSONAL_NUMBER,
    PhoneNumberType.VOIP,
}


@dataclass(frozen=True, slots=True)
class Segments:
    """How a text travels: in which alphabet, in how many segments; each is charged."""

    alphabet: Alphabet
    count: int

    def __str__(self) -> str:
        return f"{self.count} segment{'' if self.count == 1 else 's'}, {self.alphabet}"


def segments(text: str) -> Segments:
    """Cut a text as phones and networks do: no letter of two units is cut in half."""
    alphabet: Alphabet = "GSM" if all(letter in _BASIC or letter in _EXTENSION for letter in text) else "Unicode"
    units = [_units(letter, alphabet) for letter in text]
    alone, joined = _ROOM[alphabet]
    if sum(units) <= alone:
        return Segments(alphabet, 1)
    count, used = 1, 0
    for size in units:
        if used + size > joined:
            count, used = count + 1, 0
        used += size
    return Segments(alphabet, count)


def _units(letter: str, alphabet: Alphabet) -> int:
    if alphabet == "GSM":
        return 2 if letter in _EXTENSION else 1
    return 2 if ord(letter) > 0xFFFF else 1


def mobile_of(someone: Values) -> str:
    """The mobile number of a person or an associate in E.164, read as one of their country; empty if there is none.

    A number that exists but takes no SMS, such as a fixed line, is none.
    """
    number = someone.get("mobile")
    if not number:
        return ""
    try:
        parsed = phonenumbers.parse(str(number), someone.get("country"))
    except phonenumbers.NumberParseException:
        return ""
    if not phonenumbers.is_valid_number(parsed) or phonenumbers.number_type(parsed) not in _TAKES_SMS:
        return ""
    return phonenumbers.format_number(parsed, PhoneNumberFormat.E164)


def is_sender(sender: str) -> bool:
    """Whether phones can show it as the sender: up to 11 letters and digits, a short code, or a whole number."""
    if _NAME.fullmatch(sender) or _SHORT_CODE.fullmatch(sender):
        return True
    try:
        return sender.startswith("+") and phonenumbers.is_valid_number(phonenumbers.parse(sender))
    except phonenumbers.NumberParseException:
        return False
