"""Workflows are tested in a small world on SQLite: what the store is makes no difference to them."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from temporalio.testing import WorkflowEnvironment

from tests.support.databases import SqliteDatabases
from tests.support.world import World
from tests.support.world import world as make_world


@pytest.fixture
async def world(
    temporal_env: WorkflowEnvironment, sqlite_databases: SqliteDatabases, tmp_path: Path
) -> AsyncIterator[World]:
    """A world with a worker."""
    url = sqlite_databases.create()
    async with make_world(temporal_env, url, tmp_path) as small:
        yield small
    sqlite_databases.drop(url)
