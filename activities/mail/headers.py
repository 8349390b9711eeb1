"""Header fields that carry any text a person typed, and can never become two.

Python's own folding of headers decodes and encodes anew and has let line ends through more than once; these fields are
encoded here and written as they are. Control characters and runs of white space become one space (RFC 5322, 2047).
"""

import re
from base64 import b64encode
from collections.abc import Iterable
from email.policy import EmailPolicy
from urllib.parse import quote

import idna

from flows.ports import Mailbox

_BLANK = re.compile(r"[\s\x00-\x1f\x7f-\x9f\u2028\u2029]+")
_BREAK = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_ATOMS = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~ -]*")
_LOCAL = re.compile(r"[^\s\x00-\x20\x7f-\x9f()<>\[\]:;@\\,\"]{1,64}")
_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_DOMAIN = re.compile(rf"{_LABEL}(?:\.{_LABEL})*")
_WIDTH = 76
_CHARSET = "utf-8''"
_WORD_BYTES = 39  # an encoded word of 64 characters, so that `Subject: ` and one word fit into a line


class BadAddress(ValueError):
    """No mail can be addressed like that."""


class Header(str):
    """A finished header field: printable, its parts separated by single spaces, at which it may be folded.

    The email package keeps a value that has a `name` as it is, and asks it to fold itself.
    """

    name: str

    def __new__(cls, name: str, value: str) -> "Header":
        if _BREAK.search(value):
            raise ValueError(f"The field {name} may not hold control characters.")
        header = super().__new__(cls, value)
        header.name = name
        return header

    def fold(self, *, policy: EmailPolicy) -> str:
        lines, line = [], f"{self.name}:"
        for part in self.split(" "):
            if len(line) + 1 + len(part) > _WIDTH and line != f"{self.name}:":
                lines.append(line)
                line = ""
            line += f" {part}"
        return policy.linesep.join([*lines, line]) + policy.linesep


class MailPolicy(EmailPolicy):
    """Every field is a `Header`, written as it was made, and there at most once."""

    def header_max_count(self, name: str) -> int:
        return 1

    def header_store_parse(self, name: str, value: str) -> tuple[str, str]:
        return name, Header(name, value)


def encode_text(text: str) -> str:
    """Any text as header text: as it is where that is safe, else in encoded words."""
    text = clean(text)
    return text if _is_plain(text) else _encoded_words(text)


def encode_mailbox(mailbox: Mailbox) -> str:
    """`name <address>` for an address field; raises BadAddress."""
    address, name = canonical_address(mailbox.address), clean(mailbox.name)
    if not name:
        return address
    if not _is_plain(name):
        name = _encoded_words(name)
    elif not _ATOMS.fullmatch(name):
        name = _quoted(name)
    return f"{name} <{address}>"


def canonical_address(address: str) -> str:
    """The address with its domain in ASCII (IDNA 2008); raises BadAddress. The local part may hold any script."""
    local, _, domain = address.strip().rpartition("@")
    if domain and not domain.isascii():
        try:
            domain = idna.encode(domain, uts46=True).decode("ascii")
        except (idna.IDNAError, UnicodeError) as error:
            raise BadAddress("This is not an e-mail address: its domain cannot be written.") from error
    if not _LOCAL.fullmatch(local) or not _DOMAIN.fullmatch(domain) or len(f"{local}@{domain}") > 254:
        raise BadAddress("This is not an e-mail address. Write it like name@example.com.")
    if clean(local) != local:
        raise BadAddress("This is not an e-mail address: it holds characters that no text can hold.")
    return f"{local}@{domain}"


def clean(text: str) -> str:
    """One line of text that can be encoded: no control characters, single spaces, no lone surrogates."""
    return _BLANK.sub(" ", text.encode("utf-8", "replace").decode("utf-8")).strip(" ")


def encode_file_name(name: str) -> str:
    """`attachment` with a file's name, for Content-Disposition (RFC 2231 where it is not plain)."""
    name = clean(name) or "attachment"
    if _is_plain(name) and len(name) <= 60:
        return f"attachment; filename={_quoted(name)}"
    parts = _packed((quote(character, safe="") for character in name), 48)
    return "; ".join(["attachment", *(f"filename*{n}*={'' if n else _CHARSET}{part}" for n, part in enumerate(parts))])


def _is_plain(text: str) -> bool:
    return text.isascii() and "=?" not in text and all(len(part) <= 60 for part in text.split(" "))


def _quoted(text: str) -> str:
    return '"' + re.sub(r'(["\\])', r"\\\1", text) + '"'


def _encoded_words(text: str) -> str:
    # Cut between characters, as each word has to be readable alone. Latin-1 carries bytes as text here.
    parts = _packed((character.encode("utf-8").decode("latin-1") for character in text), _WORD_BYTES)
    return " ".join(f"=?utf-8?b?{b64encode(part.encode('latin-1')).decode('ascii')}?=" for part in parts)


def _packed(pieces: Iterable[str], size: int) -> list[str]:
    """Join pieces into parts of at most `size` characters."""
    parts = [""]
    for piece in pieces:
        if len(parts[-1]) + len(piece) > size:
            parts.append("")
        parts[-1] += piece
    return parts
