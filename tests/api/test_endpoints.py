"""Endpoints over HTTP: secrets are answered once, headers never."""

from typing import Any

import pytest

from activities.webhooks import signing
from store.outside import EndpointRow
from tests.support.crm import CrmApi

ENDPOINT = {"name": "ERP", "url": "https://erp.example/in", "headers": {"Authorization": "Bearer abc"}}


async def test_STEP_22_a_secret_is_made_answered_once_kept_and_renewed(api: CrmApi) -> None:
    made = api.client.post("/v1/endpoints", json=ENDPOINT).json()
    assert signing.key_of(made["secret"])
    assert made["headers"] == {"Authorization": "…"}
    path = f"/v1/endpoints/{made['id']}"
    assert "secret" not in api.client.get(path).json()
    assert "secret" not in api.client.get("/v1/endpoints").json()["items"][0]

    async def row() -> EndpointRow:
        return await api.db.read(lambda session: session.get_one(EndpointRow, made["id"]))

    assert (await row()).secret == made["secret"]
    assert api.client.put(path, json={**ENDPOINT, "name": "New"}).status_code == 200
    assert api.client.patch(path, json={"secret": None, "headers": {}}).json()["headers"] == {}
    assert (await row()).secret == made["secret"]
    renewed = api.client.post(f"{path}/secret").json()["secret"]
    assert renewed != made["secret"]
    assert (await row()).secret == renewed
    own = signing.new_secret()
    assert api.client.patch(path, json={"secret": own}).status_code == 200
    assert (await row()).secret == own
    assert api.client.delete(path).status_code == 204
    assert api.client.post(f"{path}/secret").status_code == 404


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"url": "ftp://erp.example"}, "/url"),
        ({"secret": "abc"}, "/secret"),
        ({"headers": {"Host": "x"}}, "/headers"),
        ({"headers": {"webhook-id": "x"}}, "/headers"),
        ({"headers": {"X Y": "x"}}, "/headers"),
        ({"headers": {"X": "å"}}, "/headers"),
        ({"events": ["participant.enroled"]}, "/events/0"),
        ({"headers": {"X": "a\r\nB: c"}}, "/headers/X"),
    ],
)
def test_SAFE_5_what_cannot_be_called_is_refused(sqlite_api: CrmApi, change: dict[str, Any], pointer: str) -> None:
    answer = sqlite_api.client.post("/v1/endpoints", json={**ENDPOINT, **change})
    assert answer.status_code == 422
    assert answer.json()["problems"][0]["pointer"] == pointer
    assert sqlite_api.client.get("/v1/endpoints").json()["items"] == []
