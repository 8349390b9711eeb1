"""Providers that do a fifth of what they get and say nothing: the small form of `python -m bench.proofs adapters`."""

from functools import partial
from pathlib import Path
from random import Random

import pytest
from temporalio.testing import WorkflowEnvironment

from bench.proofs import adapters
from bench.proofs.findings import Findings
from bench.proofs.providers import Misfortune
from tests.support.databases import SqliteDatabases
from tests.support.world import world


@pytest.mark.parametrize("name", adapters.ADAPTERS)
async def test_SAFE_1_SAFE_2_what_is_done_and_not_heard_of_is_never_done_twice_and_never_missing(
    temporal_env: WorkflowEnvironment, sqlite_databases: SqliteDatabases, tmp_path: Path, name: str
) -> None:
    """Repeated under its key, or found again, else listed for a person; STEP_1 to STEP_9 and STEP_22."""
    url = sqlite_databases.create()
    make = partial(world, temporal_env, url, tmp_path)
    async with adapters.ADAPTERS[name](make, Misfortune(silent=False, random=Random(4))) as adapter:
        await adapters.prove(adapter, name, 12, Findings())
    sqlite_databases.drop(url)
