"""Scripts over HTTP: a name reaches no further than this machine allows."""

from typing import Any

import pytest

from store.outside import RunStatus, ScriptRun
from tests.support.crm import CrmApi
from tests.support.world import now

SCRIPT = {"name": "Score", "executable": "score.py"}


async def test_STEP_12_a_script_is_made_and_its_runs_are_read(api: CrmApi) -> None:
    made = api.client.put("/v1/scripts/score", json=SCRIPT)
    assert made.status_code == 201
    assert made.json()["on_lost"] == "report"
    assert api.client.patch("/v1/scripts/score", json={"executable": None}).status_code == 422
    changed = api.client.patch("/v1/scripts/score", json={"executable": None, "entry_point": "score"})
    assert (changed.json()["executable"], changed.json()["entry_point"]) == (None, "score")
    given: dict[str, Any] = {"script": "score", "flow": "f", "step": "s", "person": "p", "asked_at": now()}
    rows = [
        ScriptRun(id="run_1", participant="par_1", status=RunStatus.DONE, result={"score": 1}, **given),
        ScriptRun(id="run_2", participant="par_2", **given),
    ]
    await api.db.write(lambda session: session.add_all(rows))
    first = api.client.get("/v1/scripts/score/runs?limit=1").json()
    assert [(run["id"], run["result"]) for run in first["items"]] == [("run_1", {"score": 1})]
    second = api.client.get("/v1/scripts/score/runs", params={"cursor": first["next_cursor"]}).json()
    assert [run["id"] for run in second["items"]] == ["run_2"]
    for query, wanted in (("participant=par_2", "run_2"), ("status=done", "run_1")):
        found = api.client.get(f"/v1/scripts/score/runs?{query}").json()["items"]
        assert [run["id"] for run in found] == [wanted]


@pytest.mark.parametrize(
    ("script", "pointer"),
    [
        ({"name": "x"}, ""),
        ({**SCRIPT, "entry_point": "x"}, ""),
        ({**SCRIPT, "executable": "../../bin/sh"}, "/executable"),
        ({**SCRIPT, "executable": "/bin/sh"}, "/executable"),
        ({**SCRIPT, "executable": ".hidden"}, "/executable"),
        ({**SCRIPT, "seconds": 0}, "/seconds"),
        ({**SCRIPT, "memory_mb": 1}, "/memory_mb"),
    ],
)
def test_SAFE_5_what_cannot_be_run_is_refused(sqlite_api: CrmApi, script: dict[str, Any], pointer: str) -> None:
    answer = sqlite_api.client.post("/v1/scripts", json=script)
    assert answer.status_code == 422
    assert answer.json()["problems"][0]["pointer"] == pointer
