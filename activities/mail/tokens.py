"""Signed tokens for what anyone may open: click, open and unsubscribe in a mail, and who fills in a form.

A token proves that we made it and carries ids only, and for a click the target, so that nobody can use the redirect to
send people elsewhere. Each purpose has its own salt: a token of one kind is never valid as another.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from itsdangerous import BadData, URLSafeSerializer


class BadToken(Exception):
    """The token was not made by us, was changed, or is of another kind. Answer 404 and do nothing."""


@dataclass(frozen=True, slots=True)
class Click:
    """A click in `message` on the tracked link `link` ("" if it is not registered), leading to `url`."""

    message: str
    link: str
    url: str


@dataclass(frozen=True, slots=True)
class Unsubscribe:
    """`person` wants no more of the mails of `flow`. `message` is the one that says so; it may be forgotten by then."""

    message: str
    person: str = ""
    flow: str = ""


class Tokens:
    """Makes and reads the tokens. The first of `keys` signs, all of them verify, so that a key can be replaced."""

    def __init__(self, keys: Sequence[str]) -> None:
        if not keys or not all(keys):
            raise ValueError("At least one signing key is needed, and none may be empty: set FERD_SECRET_KEYS.")
        self._click = _serializer(keys, "ferd.click")
        self._open = _serializer(keys, "ferd.open")
        self._unsubscribe = _serializer(keys, "ferd.unsubscribe")
        self._person = _serializer(keys, "ferd.person")

    def click(self, message: str, link: str, url: str) -> str:
        return self._click.dumps([message, link, url])

    def open(self, message: str) -> str:
        return self._open.dumps(message)

    def unsubscribe(self, message: str, person: str, flow: str) -> str:
        return self._unsubscribe.dumps([message, person, flow])

    def person(self, person: str) -> str:
        """For the hidden field of a form that a known person fills in."""
        return self._person.dumps(person)

    def read_click(self, token: str) -> Click:
        """Read a click token; raises BadToken."""
        match _read(self._click, token):
            case [str(message), str(link), str(url)]:
                return Click(message, link, url)
        raise BadToken

    def read_open(self, token: str) -> str:
        """Read the message's id from an open token; raises BadToken."""
        return _read_id(self._open, token)

    def read_unsubscribe(self, token: str) -> Unsubscribe:
        """Read an unsubscribe token; raises BadToken. Mails of earlier versions name their message alone."""
        match _read(self._unsubscribe, token):
            case [str(message), str(person), str(flow)]:
                return Unsubscribe(message, person, flow)
            case str(message):
                return Unsubscribe(message)
        raise BadToken

    def read_person(self, token: str) -> str:
        """Read the person's id from a form's token; raises BadToken."""
        return _read_id(self._person, token)


def _serializer(keys: Sequence[str], salt: str) -> URLSafeSerializer:
    # itsdangerous signs with the last key of the list.
    return URLSafeSerializer(
        list(reversed(keys)), salt=salt, signer_kwargs={"digest_method": hashlib.sha256, "key_derivation": "hmac"}
    )


def _read(serializer: URLSafeSerializer, token: str) -> object:
    try:
        return serializer.loads(token)
    except (BadData, UnicodeError) as error:
        raise BadToken from error


def _read_id(serializer: URLSafeSerializer, token: str) -> str:
    id = _read(serializer, token)
    if not isinstance(id, str):
        raise BadToken
    return id
