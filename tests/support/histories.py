"""Recorded histories: what journeys of the past looked like to the code that ran them.

A history is kept when FERD_RECORD is set: `FERD_RECORD=1 pytest tests/workflows/test_repeat.py` records those of one
file anew. Do that only to add paths; a history that no longer replays says that journeys under way would break.
"""

import os
import sys
from pathlib import Path

from temporalio.client import WorkflowHandle, WorkflowHistory

ROOT = Path(__file__).parent.parent.parent
FOLDER = ROOT / "tests" / "histories"


async def keep(handle: WorkflowHandle[object, object], name: str) -> WorkflowHistory:
    """The history of a finished run; written down if histories are recorded."""
    history = await handle.fetch_history()
    if os.environ.get("FERD_RECORD"):
        FOLDER.mkdir(exist_ok=True)
        written = history.to_json()
        for folder in (
            ROOT,
            sys.base_prefix,
        ):  # failures carry stack traces, and those the folders of who recorded them
            written = written.replace(f"{folder}/", "")
        (FOLDER / f"{name}.json").write_text(written + "\n")
    return history


def recorded() -> list[Path]:
    """The recorded histories."""
    return sorted(FOLDER.glob("*.json"))
