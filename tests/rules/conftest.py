"""Rules are proven in a small world, on both databases."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from temporalio.testing import WorkflowEnvironment

from tests.support.running import Running, running
from tests.support.world import World
from tests.support.world import world as make_world


@pytest.fixture
async def world(temporal_env: WorkflowEnvironment, database_url: str, tmp_path: Path) -> AsyncIterator[World]:
    """A world with a worker."""
    async with make_world(temporal_env, database_url, tmp_path) as small:
        yield small


@pytest.fixture
async def still_world(temporal_env: WorkflowEnvironment, database_url: str, tmp_path: Path) -> AsyncIterator[World]:
    """A world without a worker: what is asked of Temporal waits."""
    async with make_world(temporal_env, database_url, tmp_path, worker=False) as small:
        yield small


@pytest.fixture
async def ferd(world: World) -> AsyncIterator[Running]:
    """The API over a world with a worker."""
    async with running(world) as api:
        yield api


@pytest.fixture
async def still_ferd(still_world: World) -> AsyncIterator[Running]:
    """The API over a world without a worker."""
    async with running(still_world) as api:
        yield api
