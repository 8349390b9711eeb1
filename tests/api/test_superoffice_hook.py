"""SuperOffice taken over, and what it tells: the copy follows, and what happens there becomes events (TRIG_1)."""

import base64
import hashlib
import hmac
import json
from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from pydantic import SecretStr
from sqlmodel import col, select
from temporalio.testing import WorkflowEnvironment

from activities.core import now
from activities.crm.faults import CrmError
from activities.outside.superoffice.client import Access, SuperOffice
from activities.outside.superoffice.copying import Copy
from activities.outside.superoffice.lists import Lists
from activities.outside.superoffice.pulling import Pull
from activities.outside.superoffice.reading import Reading
from activities.outside.superoffice.telling import Following
from activities.web import Web
from flows.outcome import Reason
from store.people import Associate, Company, Person, ProjectMember, SelectionMember
from store.pulling import PullRow, ToldRow
from tests.rules.given import left
from tests.support.backend import Reply, backend
from tests.support.running import Running, expect, problem, running
from tests.support.superoffice import StandIn
from tests.support.world import world as make_world

SECRET = "shared-with-superoffice"


@pytest.fixture
async def there() -> AsyncIterator[StandIn]:
    async with backend() as program:
        made = StandIn(program)
        made.users[7] = {"PrimaryKey": 7, "associateDbId": "7", "fullName": "Liv", "personEmail": "liv@fjord.example"}
        made.lists.update(task={"Phone": 2}, saletype={"Retail": 5}, prob={"First call": 1}, shipmenttype={"News": 5})
        yield made


@pytest.fixture
async def ferd(
    temporal_env: WorkflowEnvironment, database_url: str, tmp_path: Path, there: StandIn
) -> AsyncIterator[Running]:
    settings: dict[str, Any] = {
        "crm": "superoffice", "crm_url": there.url, "crm_secret": SecretStr("refresh"),
        "superoffice_client": "client", "superoffice_client_secret": SecretStr("secret"),
        "superoffice_token_url": f"{there.program.url}/tokens", "superoffice_webhook_secret": SecretStr(SECRET),
    }  # fmt: skip
    made = make_world(temporal_env, database_url, tmp_path, worker=False, **settings)
    async with made as small, running(small) as api:
        yield api


class Follower:
    """What runs beside a worker, at hand."""

    def __init__(self, ferd: Running, there: StandIn) -> None:
        core, web = ferd.world.core, Web(private=True)
        client = SuperOffice(web, Access(there.url, f"{there.program.url}/tokens", "client", "secret", "refresh"), now)
        copy, reading = Copy(core.crm, now), Reading(client)
        self.told = Following(core.dispatcher, reading, copy, core.events, now)
        self.pulled = Pull(core.dispatcher, reading, Lists(client, now, kept=timedelta()), copy, now)

    async def follow(self) -> None:
        while await self.told.once():
            pass

    async def pull(self) -> None:
        while await self.pulled.once():
            pass


@pytest.fixture
def follower(ferd: Running, there: StandIn) -> Follower:
    return Follower(ferd, there)


async def tell(
    ferd: Running, event: str, key: int, *, id: str = "", secret: str = SECRET, status: int = 200, **numbers: int
) -> None:
    told = {"EventId": id or str(uuid4()), "Event": event, "PrimaryKey": key, "Changes": [], "Values": numbers or None}
    body = json.dumps(told).encode()
    signature = base64.b64encode(hmac.digest(secret.encode(), body, hashlib.sha256)).decode()
    answer = await ferd.public.post("/hooks/superoffice", content=body, headers={"X-SuperOffice-Signature": signature})
    if status == 403:
        problem(403, answer)
    else:
        expect(status, answer)


async def people(ferd: Running) -> list[Person]:
    query = select(Person).order_by(col(Person.external_id))
    return list(await ferd.world.db.read(lambda session: session.exec(query).all()))


async def test_people_are_followed_and_what_happens_is_an_event_once(
    ferd: Running, there: StandIn, follower: Follower
) -> None:
    there.companies[18] = {"ContactId": 18, "Name": "Fjord", "CustomFields": {"x_size": "[I:12]"}}
    kari = there.add_person(
        275, Firstname="Kari", Category={"Id": 4, "Value": "Customer"}, Emails=[{"Value": "kari@kunde.example"}],
        MobilePhones=[{"Value": "no number"}], Contact={"ContactId": 18}, CustomFields={"SuperOffice:1": "[I:23]"},
    )  # fmt: skip
    await tell(ferd, "person.created", 275)
    await follower.follow()
    (known,) = await people(ferd)
    assert (known.external_id, known.first_name, known.email, known.category, known.mobile, known.company) == (
        "275", "Kari", "kari@kunde.example", "Customer", None, "18"
    )  # fmt: skip
    assert known.custom == {"SuperOffice_1": 23}
    kari.update(Firstname="Åse", NoMailing=True)
    for _ in range(2):
        await tell(ferd, "person.changed", 275)
    there.sales[7] = {"SaleId": 7, "Status": "Sold", "Person": {"PersonId": 275}}
    for event in ("sale.created", "sale.sold", "sale.sold", "test", "person.unheard_of"):
        await tell(ferd, event, 7)
    await follower.follow()
    (known,) = await people(ferd)
    assert (known.first_name, known.consent) == ("Åse", {"email": "withdrawn"})
    told = [type for type, _ in await ferd.events(known.id)]
    assert told == ["person_created", "person_updated", "sale_created", "sale_sold"]


async def test_PART_3_who_is_deleted_there_leaves_its_flows(ferd: Running, there: StandIn, follower: Follower) -> None:
    there.add_person(275, Firstname="Kari")
    await tell(ferd, "person.created", 275)
    await follower.follow()
    (known,) = await people(ferd)
    flow = await ferd.world.flow("leaving", {"id": "wait", "kind": "wait", "for": "3 days"})
    participant = await ferd.world.enrol(flow, known.id)
    await tell(ferd, "person.softdeleted", 275)
    await follower.follow()
    async with ferd.world.worker():
        assert await left(ferd.world, participant) is Reason.PERSON_DELETED


async def test_what_was_told_is_kept_and_followed_once_superoffice_can_be_asked(
    ferd: Running, there: StandIn, follower: Follower
) -> None:
    there.add_person(275, Firstname="Kari")
    there.program.script.append(Reply(503))
    await tell(ferd, "person.created", 275, id="the-same")
    await tell(ferd, "person.created", 275, id="the-same")
    await follower.follow()
    assert await people(ferd) == []

    def due(session: Any) -> None:
        (row,) = session.exec(select(ToldRow)).all()
        row.due = now()

    await ferd.world.db.write(due)
    await follower.follow()
    assert len(await people(ferd)) == 1


async def test_who_has_not_the_secret_is_refused(ferd: Running) -> None:
    await tell(ferd, "person.changed", 275, secret="another", status=403)
    problem(403, await ferd.public.post("/hooks/superoffice", json={"Event": "person.changed", "PrimaryKey": 1}))
    assert await ferd.world.db.read(lambda session: session.exec(select(ToldRow)).all()) == []


async def test_TRIG_1_everything_is_pulled_page_by_page_goes_on_after_a_fault_and_may_be_repeated(
    ferd: Running, there: StandIn, follower: Follower, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first pull tells no events; a later one tells what is new, and who is gone leaves (PART_3)."""
    monkeypatch.setattr("activities.outside.superoffice.pulling.PAGE", 2)
    there.companies[18] = {"ContactId": 18, "Name": "Fjord", "Associate": {"AssociateId": 7}, "CustomFields": {}}
    for id in (11, 12, 15, 16, 17):
        there.add_person(id, Firstname=f"P{id}", Contact={"ContactId": 18}, ShipmentTypes=[{"Id": 5, "Selected": True}])
    there.fields["SuperOffice:1"] = "Shoe size"
    there.selections[42] = {"SelectionId": 42, "Name": "Fans"}
    there.projects[9] = {"ProjectId": 9, "Name": "Fair"}
    there.chosen[42] = {11, 12, 15}
    expect(202, await ferd.api.post("/v1/pull"))
    there.program.script.append(Reply(503))
    await follower.pull()  # the first page fails and is put off
    await ferd.world.db.write(_all_due)
    await follower.pull()
    state = expect(200, await ferd.api.get("/v1/pull"))["items"]
    assert {each["kind"]: each["taken"] for each in state} == {
        "lists": 6, "associates": 1, "companies": 1, "people": 5, "selections": 1, "projects": 1,
    }  # fmt: skip
    assert all(each["done"] for each in state)
    known = await people(ferd)
    assert [(each.external_id, each.company, each.subscriptions) for each in known] == [
        (str(id), "18", ["5"]) for id in (11, 12, 15, 16, 17)
    ]  # fmt: skip
    told = [[type for type, _ in await ferd.events(each.id)] for each in known]
    assert told == [["added_to_selection"]] * 3 + [[]] * 2  # kept, and they set off nothing
    there.add_person(18, Firstname="Kept out")
    monkeypatch.setattr(follower.pulled._copy, "people", _refusing(follower.pulled._copy.people, 18))
    del there.people[15]
    there.people[11]["Firstname"] = "Changed"
    there.chosen[42] = {12, 16}
    expect(202, await ferd.api.post("/v1/pull"))
    await follower.pull()
    refused = expect(200, await ferd.api.get("/v1/pull"))["items"][3]
    assert (refused["taken"], refused["refused"], refused["why"]) == (4, 1, "18 cannot be held here")
    first, second, gone, new, _ = await people(ferd)
    assert (first.first_name, gone.deleted_at is not None) == ("Changed", True)
    assert [type for type, _ in await ferd.events(first.id)] == ["added_to_selection", "person_updated"]
    assert [type for type, _ in await ferd.events(new.id)] == ["added_to_selection"]
    here = await ferd.world.db.read(lambda session: session.exec(select(SelectionMember)).all())
    assert {member.person for member in here} == {second.id, new.id}
    company, associate = await ferd.world.db.read(
        lambda session: (session.get_one(Company, "18"), session.get_one(Associate, "7"))
    )
    assert (company.our_contact, associate.email) == ("7", "liv@fjord.example")
    there.chosen[42] = {17}
    await follower.pull()  # not yet due
    await ferd.world.db.write(_all_due)
    await follower.pull()  # by itself: no webhook tells who is in a selection
    here = await ferd.world.db.read(lambda session: session.exec(select(SelectionMember)).all())
    assert [member.person for member in here] == [(await people(ferd))[-1].id]


async def test_companies_and_project_members_are_followed(ferd: Running, there: StandIn, follower: Follower) -> None:
    there.companies[18] = {"ContactId": 18, "Name": "Fjord", "CustomFields": {}}
    there.add_person(275, Firstname="Kari", Contact={"ContactId": 18})
    there.projects[9] = {"ProjectId": 9, "Name": "Fair"}
    there.members[500] = {"ProjectId": 9, "PersonId": 275, "ContactId": 18}
    await tell(ferd, "person.created", 275)
    await follower.follow()
    there.companies[18]["Name"] = "Fjell"
    await tell(ferd, "contact.changed", 18)
    await tell(ferd, "projectmember.created", 500, project_id=9, person_id=275)
    await follower.follow()
    (known,) = await people(ferd)
    company = await ferd.world.db.read(lambda session: session.get_one(Company, "18"))
    assert company.name == "Fjell"
    assert [type for type, _ in await ferd.events(known.id)] == [
        "person_created", "person_updated", "added_to_project",
    ]  # fmt: skip
    there.members.clear()
    await tell(ferd, "projectmember.deleted", 500, project_id=9)
    await tell(ferd, "contact.softdeleted", 18)
    await follower.follow()
    members = await ferd.world.db.read(lambda session: session.exec(select(ProjectMember)).all())
    assert (members, (await people(ferd))[0].company) == ([], None)


async def test_LIFE_2_what_superoffice_can_never_do_is_a_problem_before_the_flow_runs(ferd: Running) -> None:
    """Each with its place and what to do; what is right there has none."""
    flow = {
        "id": "never", "name": "Never", "time_zone": "Europe/Oslo",
        "steps": [
            {"id": "u", "kind": "update_person", "set": {"person.country": "NO", "person.category": "Customer"},
             "add": {"person.custom.SuperOffice_1": "x", "person.subscriptions": "5"}},
            {"id": "a", "kind": "add_to", "selection": ["Fans"], "project": ["fair"], "create": True},
            {"id": "s", "kind": "create_sale", "title": "Beans", "owner": "liv"},
        ],
    }  # fmt: skip
    found = expect(201, await ferd.api.post("/v1/flows", json=flow))["problems"]
    refused = {each["pointer"]: each["what"] for each in found if "SuperOffice" in each["what"]}
    assert refused == {
        "/steps/0/set/person.country": "SuperOffice has no place for person.country.",
        "/steps/0/add/person.custom.SuperOffice_1":
            "person.custom.SuperOffice_1 is no list in SuperOffice: its user-defined fields hold one item.",
        "/steps/1/project/0": "The project “fair” is none of SuperOffice's.",
        "/steps/2/owner": "The associate “liv” is none of SuperOffice's.",
    }  # fmt: skip
    problem(422, await ferd.api.post("/v1/flows/never/run"))


async def test_LIFE_2_an_item_that_a_list_there_does_not_have_is_a_problem_once_lists_were_pulled(
    ferd: Running, there: StandIn, follower: Follower
) -> None:
    """Named by name or number. A list that is not known has no say; an item that is gone there is gone here."""
    there.lists.update(category={"Prospect": 1, "Customer": 4}, shipmenttype={"News": 5}, udlist9={"Silver": 3})
    there.layout = [
        {"ProgId": "SuperOffice:7", "UdefIdentity": 7, "MdoListName": "udlist9"},
        {"ProgId": "SuperOffice:8", "UdefIdentity": 8, "MdoListName": "locked"},
        {"ProgId": "SuperOffice:1", "UdefIdentity": 1, "MdoListName": ""},
    ]  # fmt: skip
    there.fields = dict.fromkeys(("SuperOffice:1", "SuperOffice:7", "SuperOffice:8"), "")
    there.locked.add("locked")
    wrong = {"person.category": "Custmer", "company.category": "99", "person.custom.SuperOffice_7": "Gold"}
    right = {"person.category": "customer", "company.category": "4", "person.custom.SuperOffice_7": 3}
    free = {"person.custom.SuperOffice_1": "anything", "person.custom.SuperOffice_8": "anything"}
    steps = [
        {"id": "w", "kind": "update_person", "set": wrong, "add": {"person.subscriptions": ["5", "6"]}},
        {"id": "r", "kind": "update_person", "set": {**right, **free}, "remove": {"person.subscriptions": "5"}},
        {"id": "m", "kind": "update_person", "set": {"person.category": "{{ company.category }}"}},
    ]

    async def refused(flow_id: str) -> dict[str, tuple[str, str]]:
        flow = {"id": flow_id, "name": "Items", "time_zone": "Europe/Oslo", "steps": steps}
        found = expect(201, await ferd.api.post("/v1/flows", json=flow))["problems"]
        return {each["pointer"]: (each["what"], each["remedy"]) for each in found}

    async def pull() -> None:
        expect(202, await ferd.api.post("/v1/pull"))
        await follower.pull()

    assert {*await refused("before")} == {  # only what is a problem with every CRM
        "/steps/0/add/person.subscriptions/0", "/steps/0/add/person.subscriptions/1",
        "/steps/1/remove/person.subscriptions",
    }  # fmt: skip
    await pull()
    assert all(each["done"] for each in expect(200, await ferd.api.get("/v1/pull"))["items"])
    after = "Write the name or number of one of its items; `ferd pull` takes over new ones."
    found = await refused("pulled")
    assert "There is no subscription type" in found.pop("/steps/0/add/person.subscriptions/1")[0]
    assert found == {
        "/steps/0/set/person.category": (
            "SuperOffice's list for person.category has no item “Custmer”.", f"Did you mean “Customer”? {after}"),
        "/steps/0/set/company.category": ("SuperOffice's list for company.category has no item “99”.", after),
        "/steps/0/set/person.custom.SuperOffice_7": (
            "SuperOffice's list for person.custom.SuperOffice_7 has no item “Gold”.", after),
    }  # fmt: skip
    there.lists.update(category={"Prospect": 1, "Custmer": 5}, shipmenttype={"Offers": 6})
    there.layout.pop(0)
    await pull()
    assert {*await refused("changed")} == {
        "/steps/0/set/company.category", "/steps/0/add/person.subscriptions/0", "/steps/1/set/person.category",
        "/steps/1/set/company.category", "/steps/1/remove/person.subscriptions",
    }  # fmt: skip


def _refusing(take: Callable[..., None], number: int) -> Callable[..., None]:
    """Takes everybody but one."""

    def people(session: Any, found: dict[int, Any], *, triggers: bool) -> None:
        if number in found:
            raise CrmError("It cannot be.", "")
        take(session, found, triggers=triggers)

    return people


def _all_due(session: Any) -> None:
    for row in session.exec(select(PullRow)).all():
        row.due = now()
