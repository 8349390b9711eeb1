"""What goes on beside every worker: the same work, again and again."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta

import structlog

log = structlog.get_logger(__name__)


async def rounds(
    work: Callable[[], Awaitable[object]], every: timedelta, failed: str, *, at_once: bool = False
) -> None:
    """Do `work` until cancelled, with a pause of `every` before each round; `at_once`: none before the first.

    Work that answers True (a number is no such answer) has more to do and goes on without a pause. A round that fails
    is logged as `failed`, and the next one comes all the same: a store or server that is away comes back.
    """
    if not at_once:
        await asyncio.sleep(every.total_seconds())
    while True:
        try:
            while await work() is True:
                pass
        except Exception as error:
            log.warning(failed, error=type(error).__name__)
        await asyncio.sleep(every.total_seconds())
