"""The SMTP server: takes every mail for everyone, up to 64 MiB, and keeps it before it says so."""

import asyncio

from aiosmtpd.smtp import SMTP, Envelope, Session

from postbox.store import Store

MAX_BYTES = 64 * 1024 * 1024


class _Server(SMTP):
    # Longer than the standard's 998: this also sizes the read buffer, and large mails come in faster.
    line_length_limit = 64 * 1024


class _Keeper:
    def __init__(self, store: Store) -> None:
        self._store = store

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        content = envelope.original_content
        assert content is not None
        try:
            mail_id = await asyncio.to_thread(
                self._store.add, envelope.mail_from or "", [str(to) for to in envelope.rcpt_tos], content
            )
        except OSError as error:
            return f"452 The mail cannot be kept: {error.strerror}"
        return f"250 Kept as {mail_id}"


async def listen(store: Store, host: str, port: int) -> asyncio.Server:
    """Start to take mail; port 0 takes any free one. Raises OSError if the port is taken."""
    loop = asyncio.get_running_loop()
    keeper = _Keeper(store)
    return await loop.create_server(
        lambda: _Server(keeper, data_size_limit=MAX_BYTES, enable_SMTPUTF8=True, hostname="localhost", loop=loop),
        host,
        port,
    )
