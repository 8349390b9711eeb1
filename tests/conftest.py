"""What all tests share: a Temporal server, a PostgreSQL server, and a database of its own for each test."""

import gc
import os
from collections.abc import AsyncIterator, Iterator

import hypothesis
import pytest
from temporalio.testing import WorkflowEnvironment

from tests.support.databases import Databases, PostgresDatabases, SqliteDatabases
from tests.support.postgresql import NotInstalled, PostgresServer
from tests.support.postgresql import postgres_server as start_postgres
from tests.support.temporal import time_skipping_server

# A busy machine is no failure. The same examples each time, or, by hand, many more and others each time.
hypothesis.settings.register_profile("ferd", deadline=None, derandomize=True, print_blob=True)
hypothesis.settings.register_profile("deep", deadline=None, print_blob=True)
hypothesis.settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ferd"))


@pytest.fixture(scope="module", autouse=True)
def old_objects_rest() -> Iterator[None]:
    """What outlives a file is not looked at again when memory is cleared.

    After thousands of tests that takes more than the two seconds that a workflow's task may take, in whose thread it
    happens to begin: the SDK calls it a deadlock.
    """
    yield
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session")
async def temporal_env() -> AsyncIterator[WorkflowEnvironment]:
    """A Temporal server with our search attributes; its clocks stand still until `fast_forward`."""
    async with time_skipping_server() as environment:
        yield environment


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    try:
        with start_postgres() as server:
            yield server
    except NotInstalled as reason:
        pytest.skip(str(reason))


@pytest.fixture(scope="session")
def sqlite_databases(tmp_path_factory: pytest.TempPathFactory) -> SqliteDatabases:
    return SqliteDatabases(tmp_path_factory.mktemp("databases"))


@pytest.fixture(scope="session")
def postgres_databases(postgres_server: PostgresServer) -> PostgresDatabases:
    return PostgresDatabases(postgres_server)


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest) -> Iterator[str]:
    """The URL of an empty, migrated database, once on SQLite and once on PostgreSQL."""
    maker = {"sqlite": "sqlite_databases", "postgresql": "postgres_databases"}[request.param]
    databases: Databases = request.getfixturevalue(maker)
    url = databases.create()
    yield url
    databases.drop(url)
