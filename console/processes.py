"""One part of ferd in the foreground: `ferd worker`, `ferd api`."""

from collections.abc import Iterator
from contextlib import contextmanager

import telemetry
from api.serve import serve
from console import logs
from console.shell import run_async
from console.temporal import unreachable
from settings import Settings
from worker import connect
from worker import main as work


def run_worker(settings: Settings) -> None:
    """Carry journeys until SIGTERM or SIGINT."""
    logs.configure(settings.log_format)
    with _reaching_temporal(settings):
        run_async(work(settings))


def run_api(settings: Settings) -> None:
    """Answer requests until SIGTERM or SIGINT."""
    logs.configure(settings.log_format)

    async def run() -> None:
        telemetry.configure("ferd-api")
        await serve(settings, await connect(settings))

    with _reaching_temporal(settings):
        run_async(run())


@contextmanager
def _reaching_temporal(settings: Settings) -> Iterator[None]:
    try:
        yield
    except RuntimeError as error:
        if "client connect" not in str(error):
            raise
        raise unreachable(settings) from error
