"""`python -m bench.proofs.enroller FLOW`: a flow's background work, in a process that can be killed.

Each line says how far it is, and the most memory that the process has used so far, in KiB.
"""

import asyncio
import resource
import sys

import settings
import worker
from activities.core import Core
from store.database import Database


async def main(flow: str) -> None:
    """What a worker does when the flow has changed."""
    given = settings.load_settings()
    core = Core.build(Database(given.database_url.get_secret_value()), await worker.connect(given))
    tell("ready")
    await core.background.settle(flow, tell)


def tell(text: str) -> None:
    """To whoever has started this process."""
    print(text, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, flush=True)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
