"""Waiting for what happens elsewhere, in another process or task, without sleeping for luck."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, TypeVar

T = TypeVar("T")


async def eventually(
    look: Callable[[], Awaitable[T]],
    wanted: Callable[[T], object] = bool,
    seconds: float = 60,
    pause: float = 0.02,
) -> T:
    """What `look` answers, once it is what is wanted; TimeoutError with the last answer if it never is."""
    answer = await look()
    try:
        async with asyncio.timeout(seconds):
            while not wanted(answer):  # what is waited for is in another process: nothing to be told by
                await asyncio.sleep(pause)
                answer = await look()
    except TimeoutError:
        raise TimeoutError(f"not in {seconds} s; the last answer was {answer!r}") from None
    return answer


def says(shown: object, wanted: Mapping[str, Any]) -> bool:
    """Whether every attribute named is what is wanted."""
    return all(getattr(shown, name) == value for name, value in wanted.items())
