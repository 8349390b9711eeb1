"""Addresses of people who were erased and are still not written to (PART_8): remembered as keyed hashes alone.

Nobody can read an address from its hash, nor try addresses out without the key; whoever is imported again under such an
address is blocked as before.
"""

import hmac
from collections.abc import Sequence
from datetime import datetime

from sqlmodel import Session

from store.inserts import insert_new
from store.people import SuppressedAddress


class Suppression:
    """Hashes addresses. The first of `keys` hashes, all of them are looked for, so that a key can be replaced.

    `keep` False: nothing is remembered of the erased. Without keys nothing is ever suppressed.
    """

    def __init__(self, keys: Sequence[str] = (), *, keep: bool = True) -> None:
        self._keys = [hmac.digest(key.encode(), b"ferd.suppressed", "sha256") for key in keys]
        self._keep = keep

    def hashes(self, channel: str, address: str) -> list[str]:
        """What this address may be remembered as; `address` as it is compared."""
        text = f"{channel}:{address}".encode()
        return [hmac.digest(key, text, "sha256").hex() for key in self._keys]

    def remember(self, session: Session, channel: str, address: str, at: datetime) -> None:
        """Do not write to this address any more, and forget which it is."""
        if self._keep and self._keys:
            row = {"hash": self.hashes(channel, address)[0], "channel": channel, "at": at}
            insert_new(session, SuppressedAddress, [row])
