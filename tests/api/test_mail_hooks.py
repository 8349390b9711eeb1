"""Bounces, complaints and answers over HTTP: as JSON, as the mail itself, and only with a key."""

from typing import Any

from httpx2 import Response

from store.people import BlockedAddress, Person
from tests.activities.mail.test_reports import BOUNCE, COMPLAINT
from tests.support.running import Running, expect, problem

RFC822 = {"Content-Type": "message/rfc822"}


async def blocked(ferd: Running) -> dict[str, Any]:
    items = (await ferd.get("/blocked"))["items"]
    return {row["address"]: row["reason"] for row in items}


async def post(ferd: Running, path: str, body: Any) -> Response:
    return await ferd.api.post(path, json=body)


async def test_PART_2_reports_come_as_json(still_ferd: Running) -> None:
    kari = await still_ferd.world.person(email="kari@kunde.example")
    reports = [
        {"recipient": "kari@kunde.example", "status": "5.1.1", "id": "1"},
        {"recipient": "full@kunde.example", "status": "5.2.2"},
        {"recipient": "odd@kunde.example", "permanent": True, "status": "4.0.0"},
        {"recipient": "angry@kunde.example", "kind": "complaint"},
    ]
    assert expect(200, await post(still_ferd, "/hooks/bounce", reports)) == {"taken": 4}
    assert expect(200, await post(still_ferd, "/hooks/bounce", reports[0])) == {"taken": 0}
    assert await blocked(still_ferd) == {
        "kari@kunde.example": "bounced",
        "odd@kunde.example": "bounced",
        "angry@kunde.example": "complained",
    }
    assert [type for type, _ in await still_ferd.events(kari)] == ["person_created", "email.bounced"]


async def test_PART_2_reports_come_as_mails(still_ferd: Running) -> None:
    for mail, taken in ((BOUNCE, 2), (COMPLAINT, 1), (COMPLAINT, 0)):
        answer = await still_ferd.api.post("/hooks/bounce", content=mail, headers=RFC822)
        assert expect(200, answer) == {"taken": taken}
    assert await blocked(still_ferd) == {"kari@kunde.example": "bounced"}
    # A complaint that comes after a bounce says nothing new about the address.
    other = await still_ferd.api.post("/hooks/bounce", content=b"Subject: Hi\n\nHi", headers=RFC822)
    assert "/hooks/reply" in problem(422, other)["remedy"]


async def test_STEP_14_answers_come_as_json_and_as_mails(still_ferd: Running) -> None:
    kari = await still_ferd.world.person(email="kari@kunde.example")
    assert expect(200, await post(still_ferd, "/hooks/reply", {"from": "kari@kunde.example"})) == {"taken": 1}
    answer = b"From: Kari <kari@kunde.example>\n\nYes"
    assert expect(200, await still_ferd.api.post("/hooks/reply", content=answer, headers=RFC822)) == {"taken": 1}
    assert expect(200, await post(still_ferd, "/hooks/reply", {"from": "x@kunde.example"})) == {"taken": 0}
    assert [type for type, _ in await still_ferd.events(kari)] == ["person_created", *["email_answered"] * 2]


async def test_reports_without_a_key_change_nothing(still_ferd: Running) -> None:
    for path in ("/hooks/bounce", "/hooks/reply", "/hooks/bounce?key=wrong", "/hooks/reply?key="):
        answer = await still_ferd.public.post(path, json={"recipient": "a@b.example"})
        assert "FERD_HOOK_KEY" in problem(401, answer)["remedy"]
    assert await still_ferd.world.stored.count(BlockedAddress) == 0
    assert await still_ferd.world.stored.count(Person) == 0


async def test_SAFE_5_a_report_that_cannot_be_read_says_where(still_ferd: Running) -> None:
    answer = await post(still_ferd, "/hooks/bounce", [{"recipient": "a@b.example"}, {"kind": "bouncy"}])
    assert [each["pointer"] for each in problem(422, answer)["problems"]] == ["/1/kind"]
    for path in ("/hooks/bounce", "/hooks/reply"):
        problem(422, await post(still_ferd, path, {}))
    answer = await still_ferd.api.post("/hooks/bounce", content=b"{", headers={"Content-Type": "application/json"})
    problem(422, answer)
    assert await still_ferd.world.stored.count(BlockedAddress) == 0
