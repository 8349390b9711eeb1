"""What steps ask of the embedded CRM."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any, get_args

import pytest
from sqlmodel import Session

from flows.catalog import Kind
from flows.ports import ChangeMembership, ChangePerson, Done, FieldChange, NotDone
from store.people import Person
from tests.support.crm import CrmApi

NOW = datetime(2026, 12, 1, 8, tzinfo=UTC)
PERSON = {"category": "prospect", "company": "fjord", "custom": {"score": 2, "tags": ["a"]}, "subscriptions": ["news"]}


@pytest.fixture
def kari(api: CrmApi) -> CrmApi:
    """Kari works at Fjord, where Per does too."""
    api.client.put("/v1/subscription-types/news", json={"name": "News"})
    api.client.put("/v1/subscription-types/tips", json={"name": "Tips"})
    api.client.put("/v1/associates/liv", json={"name": "Liv", "email": "liv@fjord.example"})
    api.client.put("/v1/companies/fjord", json={"name": "Fjord", "country": "NO", "employees": 10})
    assert api.client.put("/v1/people/kari", json={**PERSON, "our_contact": "liv"}).status_code == 201
    assert api.client.put("/v1/people/per", json={"company": "fjord"}).status_code == 201
    api.told.take()
    return api


def change(api: CrmApi, *changes: FieldChange, person: str = "kari") -> Done:
    request = ChangePerson(person, changes)
    return api.db.transact(lambda session: api.crm.perform(session, request, at=NOW, cause=["welcome"]))


def read(api: CrmApi) -> tuple[dict[str, Any], dict[str, Any]]:
    facts = api.db.look(lambda session: api.crm.facts_of(session, "kari"))
    return facts.person, facts.company


def test_STEP_3_every_kind_of_change(kari: CrmApi) -> None:
    done = change(
        kari,
        FieldChange("person.category", "set", "customer"),
        FieldChange("person.custom.tags", "add", ("b", "a")),
        FieldChange("person.subscriptions", "remove", "news"),
        FieldChange("person.subscriptions", "add", "tips"),
        FieldChange("person.custom.score", "increase", 0.5),
        FieldChange("person.custom.visits", "increase", 3),
        FieldChange("company.employees", "decrease", 4),
        FieldChange("company.custom.score", "set", 7),
        FieldChange("person.custom.copied", "copy", "company.custom.score"),
        FieldChange("person.country", "copy", "company.country"),
        FieldChange("person.custom.owner", "copy", "owner.name"),
        FieldChange("company.category", "clear"),
        FieldChange("person.consent.sms", "set", "withdrawn"),
    )
    person, company = read(kari)
    assert (person["category"], person["country"]) == ("customer", "NO")
    assert person["custom"] == {"score": 2.5, "tags": ["a", "b"], "visits": 3, "copied": 7, "owner": "Liv"}
    assert person["subscriptions"] == ["tips"]
    assert person["consent"] == {"sms": "withdrawn"}
    assert (company["employees"], company["custom"]) == (6, {"score": 7})
    assert "Liv" not in done.text
    per, acting = kari.told.take()
    assert (per["person"], per["triggers"], per["cause"]) == ("per", False, ("welcome",))
    assert per["data"] == {"changed": ["company.custom.score", "company.employees"]}
    assert (acting["person"], acting["type"], acting["triggers"]) == ("kari", "person_updated", True)
    assert {"category", "custom.tags", "consent.sms", "company.employees"} <= set(acting["data"]["changed"])


def test_STEP_3_numbers_are_added_as_decimals(kari: CrmApi) -> None:
    """TRIG_9: 0.1 + 0.2 is 0.3."""
    change(kari, FieldChange("person.custom.sum", "set", "0.1"))
    change(kari, FieldChange("person.custom.sum", "increase", 0.2))
    assert read(kari)[0]["custom"]["sum"] == 0.3
    change(kari, FieldChange("person.custom.sum", "clear"), FieldChange("person.custom.tags", "clear"))
    assert read(kari)[0]["custom"] == {"score": 2, "tags": []}


@pytest.mark.parametrize(
    "wrong",
    [
        FieldChange("person.custom.tags", "increase", 1),
        FieldChange("person.email", "set", "not an address"),
        FieldChange("person.first_name", "set", "Kari\r\nBcc: x"),
        FieldChange("person.country", "copy", "person.category"),
        FieldChange("person.custom.x", "copy", "form.budget"),
        FieldChange("person.subscriptions", "add", "no-such-type"),
        FieldChange("person.id", "set", "per"),
        FieldChange("company.name", "clear"),
        FieldChange("company.employees", "increase", 0.5),
        FieldChange("person.custom.score", "set", float("nan")),
    ],
)
def test_STEP_3_all_of_them_or_none(kari: CrmApi, wrong: FieldChange) -> None:
    before = read(kari)
    good = [FieldChange("person.category", "set", "customer"), FieldChange("company.country", "set", "SE")]
    for changes in ((*good, wrong), (wrong, *good)):
        with pytest.raises(NotDone) as refused:
            change(kari, *changes)
        assert not refused.value.retryable
        assert refused.value.text
    assert read(kari) == before


def test_STEP_3_a_refused_change_leaves_the_callers_transaction_alive(kari: CrmApi) -> None:
    """The journey writes down in the same transaction that its effect failed."""

    def work(session: Session) -> None:
        session.get_one(Person, "per").category = "kept"
        request = ChangePerson("kari", (FieldChange("company.country", "set", "SE"), FieldChange("person.id", "clear")))
        with pytest.raises(NotDone):
            kari.crm.perform(session, request, at=NOW, cause=[])

    kari.db.transact(work)
    assert kari.client.get("/v1/people/per").json()["category"] == "kept"
    assert read(kari)[1]["country"] == "NO"


def test_STEP_3_nothing_changed_is_told_to_nobody(kari: CrmApi) -> None:
    change(kari, FieldChange("person.category", "set", "prospect"), FieldChange("company.employees", "set", 10))
    assert kari.told.take() == []


def test_STEP_3_values_taken_in_earlier_do_not_stand_in_the_way(kari: CrmApi) -> None:
    def old(session: Session) -> None:
        row = session.get_one(Person, "kari")
        row.time_zone, row.country = "Asia/Atlantis", "XX"

    kari.db.transact(old)
    change(kari, FieldChange("person.category", "set", "customer"))
    assert read(kari)[0]["category"] == "customer"


def test_STEP_3_nobody_and_no_company(kari: CrmApi) -> None:
    kari.client.put("/v1/people/alone", json={})
    kari.client.put("/v1/people/gone", json={})
    kari.client.delete("/v1/people/gone")
    for person, field in (("alone", "company.country"), ("gone", "person.category"), ("never", "person.category")):
        with pytest.raises(NotDone):
            change(kari, FieldChange(field, "set", "NO"), person=person)


def test_STEP_3_increases_at_the_same_time_all_count(kari: CrmApi) -> None:
    def one(_: int) -> None:
        change(kari, FieldChange("person.custom.score", "increase", 1), FieldChange("company.employees", "increase", 1))

    with ThreadPoolExecutor(6) as threads:
        list(threads.map(one, range(18)))
    person, company = read(kari)
    assert (person["custom"]["score"], company["employees"]) == (20, 28)


def membership(
    api: CrmApi, way: Any, selections: Sequence[str] = (), projects: Sequence[str] = (), create: bool = False
) -> Done:
    request = ChangeMembership("kari", way, tuple(selections), tuple(projects), create)
    return api.db.transact(lambda session: api.crm.perform(session, request, at=NOW, cause=["welcome"]))


def is_member(api: CrmApi, group: str) -> bool:
    return api.db.look(lambda session: api.crm.is_member(session, "kari", group))


def test_STEP_4_and_STEP_5_membership(kari: CrmApi) -> None:
    kari.client.put("/v1/selections/vip", json={"name": "VIP"})
    kari.client.put("/v1/projects/fair", json={"name": "Fair"})
    membership(kari, "add", ["vip"], ["fair"])
    assert (is_member(kari, "vip"), is_member(kari, "fair"), is_member(kari, "other")) == (True, True, False)
    assert [(each["type"], each["data"], each["cause"]) for each in kari.told.take()] == [
        ("added_to_selection", {"selection": "vip"}, ("welcome",)),
        ("added_to_project", {"project": "fair"}, ("welcome",)),
    ]
    membership(kari, "add", ["vip"])
    assert kari.told.take() == []
    membership(kari, "remove", ["vip"], ["fair"])
    assert not is_member(kari, "vip")
    assert not is_member(kari, "fair")
    assert membership(kari, "remove", ["vip"]).text == "Everything was so already"


def test_STEP_4_create_makes_the_selection(kari: CrmApi) -> None:
    with pytest.raises(NotDone, match="no selection new"):
        membership(kari, "add", ["new"])
    membership(kari, "add", ["new"], create=True)
    assert is_member(kari, "new")
    assert kari.client.get("/v1/selections/new").json()["name"] == "new"


def test_STEP_4_all_groups_or_none(kari: CrmApi) -> None:
    kari.client.put("/v1/selections/vip", json={"name": "VIP"})
    with pytest.raises(NotDone):
        membership(kari, "add", ["vip", "new"], ["missing"], create=True)
    assert not is_member(kari, "vip")
    assert kari.client.get("/v1/selections/new").status_code == 404


def test_PART_3_a_deleted_person_says_so(kari: CrmApi) -> None:
    kari.client.delete("/v1/people/kari")
    person, _ = read(kari)
    assert (person["id"], person["deleted"]) == ("kari", True)
    assert kari.db.look(lambda session: kari.crm.facts_of(session, "never")).person == {}


def test_LIFE_2_the_catalog_knows_what_exists(kari: CrmApi) -> None:
    kari.client.put("/v1/files/b.pdf", files={"file": ("b.pdf", b"12345", "application/pdf")})
    kari.client.put("/v1/content/hello", json={"name": "Hello", "subject": "Hei", "attachments": ["b.pdf"]})
    kari.client.put("/v1/selections/vip", json={"name": "VIP"})

    def look(session: Session) -> None:
        catalog = kari.crm.catalog(session)
        assert catalog.exists("content", "hello")
        assert catalog.exists("selection", "vip")
        assert not catalog.exists("project", "vip")
        assert not catalog.exists("flow", "hello")
        assert catalog.names("subscription_type") == ["news", "tips"]
        assert catalog.content_templates("hello") == {"subject": "Hei", "html": "", "text": ""}
        assert not catalog.content_ready("hello")
        assert catalog.content_attachments("hello") == ["b.pdf"]
        assert catalog.file_size("b.pdf") == 5

    kari.db.look(look)


@pytest.mark.parametrize("kind", get_args(Kind))
def test_LIFE_2_every_kind_of_name_is_looked_up(api: CrmApi, kind: Kind) -> None:
    """One without a table would not be a problem, but a fault of ours."""

    def look(session: Session) -> tuple[bool, list[str]]:
        catalog = api.crm.catalog(session)
        return catalog.exists(kind, "nothing"), catalog.names(kind)

    assert api.db.look(look) == (False, [])
