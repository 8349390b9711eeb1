"""Recorded histories: what journeys of the past looked like to the code that ran them.

A history is kept when FERD_RECORD is set: `make histories` records all paths anew. Do that only to add paths; a history
that no longer replays says that journeys under way would break.
"""

import os
from pathlib import Path

from temporalio.client import WorkflowHandle, WorkflowHistory

ROOT = Path(__file__).parent.parent.parent
FOLDER = ROOT / "tests" / "histories"


async def keep(handle: WorkflowHandle[object, object], name: str) -> WorkflowHistory:
    """The history of a finished run; written down if histories are recorded."""
    history = await handle.fetch_history()
    if os.environ.get("FERD_RECORD"):
        FOLDER.mkdir(exist_ok=True)
        # Failures carry stack traces, and those the folder of whoever recorded them.
        (FOLDER / f"{name}.json").write_text(history.to_json().replace(f"{ROOT}/", "") + "\n")
    return history


def recorded() -> list[Path]:
    """The recorded histories."""
    return sorted(FOLDER.glob("*.json"))
