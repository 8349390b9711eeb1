"""Parts of ferd in processes of their own, told by the environment where the test's world is."""

import asyncio
import contextlib
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from tests.support.world import World

ROOT = Path(__file__).parent.parent.parent
WORKER = ("-c", "import asyncio, settings, worker; asyncio.run(worker.main(settings.load_settings()))")


@asynccontextmanager
async def python(world: World, *arguments: str) -> AsyncIterator[asyncio.subprocess.Process]:
    """A Python process in the world's surroundings; killed on the way out."""
    settings = world.settings
    environment = {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "TEMPORAL_ADDRESS": world.env.client.service_client.config.target_host,
        "FERD_HOME": str(settings.home),
        "FERD_API_KEY": settings.api_key.get_secret_value(),
        "FERD_SECRET_KEYS": settings.secret_keys[0].get_secret_value(),
        "FERD_DATABASE_URL": settings.database_url.get_secret_value(),
        "FERD_SMTP_URL": settings.smtp_url.get_secret_value(),
    }
    process = await asyncio.create_subprocess_exec(
        sys.executable, *arguments, cwd=ROOT, env=environment, stdout=asyncio.subprocess.PIPE
    )
    try:
        yield process
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.communicate()
