"""Hands one effect to the port that serves it, and hears how it went, whatever becomes of the worker."""

import asyncio
import contextlib
from collections.abc import Mapping
from typing import Any

from opentelemetry import trace

from flows.ports import Done, NotDone, Port, Request, Silence

Ports = Mapping[type, Port[Any]]
"""What serves the requests that leave our store, by their type."""


async def hand_over(ports: Ports, request: Request, key: str) -> Done | NotDone | Silence:
    """Ask the port for an effect and hear how it went."""
    port, name = ports[type(request)], f"{type(request).__name__.lower()} send"
    with trace.get_tracer("ferd").start_as_current_span(name, attributes={"ferd.effect": key}):
        sending = asyncio.ensure_future(port.send(request, key))
        try:
            return await asyncio.shield(sending)
        except (NotDone, Silence) as outcome:
            return outcome
        except asyncio.CancelledError:
            # A participant's cancel, or a worker that shuts down: the effect may have begun, hear the answer.
            with contextlib.suppress(NotDone, Silence):
                return await sending
            return sending.exception()  # type: ignore[return-value]
