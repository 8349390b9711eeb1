from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from temporalio.testing import WorkflowEnvironment

from tests.support.crm import CrmApi, crm_api
from tests.support.databases import SqliteDatabases
from tests.support.running import Running, running
from tests.support.world import world


@pytest.fixture
def api(database_url: str) -> Iterator[CrmApi]:
    """The API over an empty store, on SQLite and on PostgreSQL."""
    with crm_api(database_url) as api:
        yield api


@pytest.fixture
def sqlite_api(sqlite_databases: SqliteDatabases) -> Iterator[CrmApi]:
    """The API over an empty store on SQLite, for what no database has a say in."""
    url = sqlite_databases.create()
    with crm_api(url) as api:
        yield api
    sqlite_databases.drop(url)


@pytest.fixture
async def ferd(temporal_env: WorkflowEnvironment, database_url: str, tmp_path: Path) -> AsyncIterator[Running]:
    """The API over a world with a worker, on SQLite and on PostgreSQL."""
    async with world(temporal_env, database_url, tmp_path) as small, running(small) as api:
        yield api


@pytest.fixture
async def still_ferd(temporal_env: WorkflowEnvironment, database_url: str, tmp_path: Path) -> AsyncIterator[Running]:
    """The API over a world without a worker: journeys are asked for and do not move."""
    async with world(temporal_env, database_url, tmp_path, worker=False) as small, running(small) as api:
        yield api
