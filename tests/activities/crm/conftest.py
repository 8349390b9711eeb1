from collections.abc import Iterator

import pytest

from tests.support.crm import CrmApi, crm_api


@pytest.fixture
def api(database_url: str) -> Iterator[CrmApi]:
    """The CRM and the API over an empty store, on SQLite and on PostgreSQL."""
    with crm_api(database_url) as api:
        yield api
