"""Edits over the API: versions with author and note, compared and restored; dry runs; what is refused."""

from tests.rules.given import resting
from tests.support.running import Running, expect, problem

YAML = {"Content-Type": "application/yaml"}


def file(id: str, *steps: str, settings: str = "") -> str:
    """A flow file without mails."""
    lines = "\n".join(f"  - {step}" for step in steps)
    return f"id: {id}\nname: Welcome\nsettings: {{edit_while_running: true{settings}}}\nsteps:\n{lines}\n"


WAIT, LONGER, EXIT = (
    "{id: rest, kind: wait, for: 3 days}",
    "{id: rest, kind: wait, for: 5 days}",
    "{id: out, kind: exit}",
)


async def test_EDIT_1_versions_are_listed_compared_and_restored(still_ferd: Running) -> None:
    api = still_ferd.api
    await still_ferd.save(file("welcome", WAIT))
    saved = await api.put(
        "/v1/flows/welcome",
        params={"author": "Ola", "note": "More time"},
        content=file("welcome", LONGER, EXIT),
        headers=YAML,
    )
    told = ["wait rest: for 3 days → 5 days", "exit out added after rest"]
    assert [change["text"] for change in expect(200, saved)["changes"]] == told
    compared = await still_ferd.get("/flows/welcome/versions/1/compare")
    assert (compared["version"], compared["to"]) == (1, 2)
    assert [(change["step"], change["what"]) for change in compared["changes"]] == [
        ("rest", "edited"),
        ("out", "added"),
    ]
    back = await still_ferd.get("/flows/welcome/versions/2/compare", to=1)
    assert [change["text"] for change in back["changes"]] == ["exit out removed", "wait rest: for 5 days → 3 days"]

    would = expect(200, await api.post("/v1/flows/welcome/versions/1/restore", params={"dry_run": "true"}))
    assert (would["version"], would["dry_run"]) == (3, True)
    problem(412, await api.post("/v1/flows/welcome/versions/1/restore", headers={"If-Match": '"1"'}))
    for _ in range(2):  # sent again with its key it is answered again, and saves nothing
        restored = await api.post(
            "/v1/flows/welcome/versions/1/restore", params={"author": "Kari"}, headers={"Idempotency-Key": "once"}
        )
        assert expect(200, restored)["version"] == 3
        assert restored.headers["etag"] == '"3"'
    versions = (await still_ferd.get("/flows/welcome/versions"))["items"]
    assert [(each["author"], each["note"]) for each in versions] == [
        ("", ""), ("Ola", "More time"), ("Kari", "version 1 restored")
    ]  # fmt: skip
    assert (await api.get("/v1/flows/welcome/source")).text == file("welcome", WAIT)
    problem(404, await api.get("/v1/flows/welcome/versions/1/compare", params={"to": 9}))
    problem(404, await api.post("/v1/flows/welcome/versions/9/restore"))


async def test_EDIT_6_EDIT_7_a_dry_run_and_a_refusal_say_which_step_and_how_many(ferd: Running) -> None:
    flow = ferd.world.id("welcome")
    await ferd.save(file(flow, WAIT, EXIT))
    await ferd.post(f"/flows/{flow}/run")
    for _ in range(2):
        await resting(ferd.world, await ferd.world.enrol(flow), "rest")
    path = f"/v1/flows/{flow}"
    longer = expect(
        200, await ferd.api.put(path, params={"dry_run": "true"}, content=file(flow, LONGER, EXIT), headers=YAML)
    )
    rest = longer["steps"][0]
    assert (rest["change"], rest["standing"], rest["replanned"], rest["moved_on"]) == ("edited", 2, 2, 0)
    assert rest["before"]["earliest"] < rest["after"]["earliest"]
    assert (longer["version"], longer["possible"], longer["dry_run"]) == (2, True, True)

    removed = expect(200, await ferd.api.put(path, params={"dry_run": "true"}, content=file(flow, EXIT), headers=YAML))
    assert (removed["possible"], removed["steps"][0]["refused"]) == (False, 2)
    refused = problem(409, await ferd.api.put(path, content=file(flow, EXIT), headers=YAML))
    assert [(each["step"], each["standing"]) for each in refused["problems"]] == [("rest", 2)]
    assert "2 are there" in refused["problems"][0]["what"]
    assert (await ferd.get(f"/flows/{flow}"))["version"] == 1

    saved = expect(200, await ferd.api.put(path, content=file(flow, LONGER, EXIT), headers=YAML))
    assert saved["steps"] == longer["steps"]
    assert (await ferd.get(f"/flows/{flow}"))["version"] == 2
