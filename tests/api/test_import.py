"""POST /v1/people/import: good rows are taken, bad ones refused one by one."""

import asyncio
import csv
import io
import time
from pathlib import Path
from typing import Any

import pytest

from tests.support.crm import CrmApi
from tests.support.running import Running

EXAMPLES = Path(__file__).parents[2] / "examples"


def load(api: CrmApi, text: str | bytes, **query: str) -> dict[str, Any]:
    data = text.encode() if isinstance(text, str) else text
    answer = api.client.post("/v1/people/import", content=data, headers={"content-type": "text/csv"}, params=query)
    assert answer.status_code == 200, answer.text
    result: dict[str, Any] = answer.json()
    return result


def people(api: CrmApi) -> list[dict[str, Any]]:
    return list(api.client.get("/v1/people", params={"limit": 1000}).json()["items"])


def test_SAFE_5_bad_rows_are_refused_by_line_and_field_and_the_rest_is_taken(api: CrmApi) -> None:
    result = load(
        api,
        "external_id,first_name,email,country,mobile,company,company_employees,consent_email,custom.shoe_size\r\n"
        'a,"Kari\r\nAnne",kari@fjord.example,no,400 00 000,"Fjord, ""AS""",1 200,Granted,39\r\n'
        "b,Ola,not-an-address,NO,,,,,\r\n"
        "\r\n"
        "c,Per,,Norge,12,,,,\r\n"
        "a,Twice,,,,,,,\r\n"
        "d,Short\r\n"
        "e,Åse,,,,,many,perhaps,\r\n"
        "f,Last,,,,FJORD  «AS»,,,\r\n",
    )
    assert (result["created"], result["updated"], result["refused"]) == (2, 0, 5)
    refusals = [(each["line"], each["field"]) for each in result["refusals"]]
    assert refusals == [
        (4, "email"),
        (6, "country"),
        (6, "mobile"),
        (7, "external_id"),
        (8, None),
        (9, "consent_email"),
        (9, "company"),
        (9, "company_employees"),
    ]
    assert all(each["what"] and each["remedy"] for each in result["refusals"])
    kari, last = sorted(people(api), key=lambda person: str(person["external_id"]))
    assert (kari["first_name"], kari["country"], kari["mobile"]) == ("Kari Anne", "NO", "+4740000000")
    assert kari["custom"] == {"shoe_size": "39"}
    assert kari["consent"]["email"] == "granted"
    company = api.client.get(f"/v1/companies/{kari['company']}").json()
    assert (company["name"], company["employees"]) == ('Fjord, "AS"', 1200)
    assert last["company"] != kari["company"]


def test_a_known_external_id_changes_that_person_and_empty_cells_change_nothing(api: CrmApi) -> None:
    load(api, "external_id,first_name,category,company,consent_sms,custom.a\nx,Kari,prospect,Fjord,withdrawn,1\n")
    (before,) = people(api)
    again = load(api, "external_id;category;company;company_country;custom.b\nx;customer;FJORD;no;2\ny;;;;\n")
    assert (again["created"], again["updated"], again["refused"]) == (1, 1, 0)
    after = api.client.get(f"/v1/people/{before['id']}").json()
    assert (after["first_name"], after["category"]) == ("Kari", "customer")
    assert after["consent"] == {"email": None, "sms": "withdrawn"}
    assert after["custom"] == {"a": "1", "b": "2"}
    assert after["company"] == before["company"]
    (company,) = api.client.get("/v1/companies").json()["items"]
    assert (company["name"], company["country"]) == ("Fjord", "NO")


def test_a_row_is_about_who_has_its_id_or_its_address_and_no_other_name(api: CrmApi) -> None:
    """A file without keys that comes again makes nobody twice, and those who share an address stay two people."""
    family = (
        "\ufefffirst_name;email\r\nKari;home@fjord.example\r\nOla;Home@fjord.example\r\nkari;HOME@fjord.example\r\n"
    )
    first = load(api, family)
    assert (first["created"], [(each["line"], each["field"]) for each in first["refusals"]]) == (2, [(4, "email")])
    again = load(api, family)
    assert (again["created"], again["updated"], again["refused"]) == (0, 2, 1)

    kari = next(person for person in people(api) if person["first_name"].lower() == "kari")
    load(api, "email,category\nhome@fjord.example,prospect\n")
    assert api.client.get(f"/v1/people/{kari['id']}").json()["category"] == "prospect"
    by_id = load(api, f"id,external_id,category\n{kari['id']},k,customer\nnobody,x,customer\n{kari['id']},,\n")
    assert (by_id["created"], by_id["updated"]) == (0, 1)
    assert [(each["line"], each["field"]) for each in by_id["refusals"]] == [(4, "id"), (3, "id")]
    after = api.client.get(f"/v1/people/{kari['id']}").json()
    assert (after["category"], after["external_id"]) == ("customer", None)


def test_an_import_that_is_sent_again_with_its_key_makes_nobody_twice(api: CrmApi) -> None:
    """CONTRACT: POSTs that create take Idempotency-Key. A row without id and address says of nobody who it is."""
    headers = {"content-type": "text/csv", "Idempotency-Key": "one"}
    file = "first_name\n" + "Kari\n" * 501
    first, again = (api.client.post("/v1/people/import", content=file, headers=headers) for _ in range(2))
    assert (again.status_code, again.json()) == (200, first.json())
    assert len(people(api)) == first.json()["created"] == 501
    other = api.client.post("/v1/people/import", content="first_name\nOla\n", headers=headers)
    assert (other.status_code, len(people(api))) == (422, 501)


def test_TRIG_1_an_import_fires_triggers_only_if_asked(api: CrmApi) -> None:
    load(api, "external_id,category\nx,prospect\n")
    assert api.told.take() == []
    load(api, "external_id,category\nx,customer\n")
    assert [(event["type"], event["triggers"]) for event in api.told.take()] == [("person_updated", False)]
    load(api, "external_id,category\nx,prospect\nnew,prospect\n", fire_triggers="true")
    told = [(event["type"], event["triggers"]) for event in api.told.take()]
    assert told == [("person_updated", True), ("person_created", True)]


def test_a_deleted_person_comes_back_by_its_external_id(api: CrmApi) -> None:
    load(api, "external_id\nx\n")
    (person,) = people(api)
    api.client.delete(f"/v1/people/{person['id']}")
    assert load(api, "external_id\nx\n")["updated"] == 1
    assert [each["id"] for each in people(api)] == [person["id"]]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "\n\n",
        "fist_name,email\nKari,k@fjord.example\n",
        "email,email\na@b.example,c@d.example\n",
        "first_name,company id\nKari,1\n",
        'first_name,"email\nKari,k@fjord.example\n',
        "first_name,email\nKari,k@fjord.example\n".encode("utf-16"),
        b"\x00\x01\x02",
    ],
)
def test_a_wrong_header_refuses_the_file(sqlite_api: CrmApi, text: str | bytes) -> None:
    answer = sqlite_api.client.post("/v1/people/import", content=text, headers={"content-type": "text/csv"})
    assert answer.status_code == 422
    assert answer.json()["problems"][0]["remedy"]
    assert people(sqlite_api) == []


def test_a_wrong_header_names_the_nearest_column(sqlite_api: CrmApi) -> None:
    answer = sqlite_api.client.post(
        "/v1/people/import", content="fist_name\nKari\n", headers={"content-type": "text/csv"}
    )
    assert answer.json()["problems"][0]["remedy"] == "Did you mean “first_name”?"


def test_files_of_all_kinds_are_read(sqlite_api: CrmApi) -> None:
    assert load(sqlite_api, "\ufefffirst_name;last_name\r\nÅse;Ødegård\r\n")["created"] == 1
    assert load(sqlite_api, "First_Name\tLast_Name\nÅse\tØdegård\n")["created"] == 1
    assert load(sqlite_api, "first_name,last_name\nÅse,Ødegård")["created"] == 1
    upload = {"file": ("people.csv", "first_name,last_name\nÅse,Ødegård\n".encode(), "text/csv")}
    assert sqlite_api.client.post("/v1/people/import", files=upload).json()["created"] == 1
    assert {person["name"] for person in people(sqlite_api)} == {"Åse Ødegård"}


def test_a_row_that_is_no_utf_8_is_refused_alone(sqlite_api: CrmApi) -> None:
    result = load(sqlite_api, b"first_name\nKari\n" + "Åse\n".encode("latin-1") + b"Per\n")
    assert (result["created"], result["refused"]) == (2, 1)
    assert [(each["line"], each["field"]) for each in result["refusals"]] == [(3, "first_name")]


def test_a_quote_that_is_never_closed_is_told_at_its_line(sqlite_api: CrmApi) -> None:
    result = load(sqlite_api, 'first_name\nKari\n"Per\nOla\nAnne\n')
    assert (result["created"], result["refused"]) == (1, 1)
    assert result["refusals"][0]["line"] == 3


def test_formulas_and_sql_are_only_text(api: CrmApi) -> None:
    load(api, 'external_id,first_name\n"x\'); DROP TABLE person;--","=HYPERLINK(""http://x"")"\n')
    (person,) = people(api)
    assert (person["external_id"], person["first_name"]) == ("x'); DROP TABLE person;--", '=HYPERLINK("http://x")')


def test_the_examples_come_in_as_their_readme_says(api: CrmApi) -> None:
    result = load(api, (EXAMPLES / "people.csv").read_bytes())
    assert (result["created"], result["updated"], result["refused"]) == (949, 0, 50)
    assert len(result["refusals"]) >= 50
    assert len(people(api)) == 949
    assert load(api, (EXAMPLES / "people.csv").read_bytes())["updated"] == 949


def test_ten_thousand_rows_take_seconds(api: CrmApi) -> None:
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(["external_id", "first_name", "last_name", "email", "mobile", "country", "company"])
    for number in range(10_000):
        mobile, company = f"40{number:06}", f"Company {number % 700}"
        writer.writerow([f"K-{number}", "Kari", "Nordmann", f"kari{number}@fjord.example", mobile, "NO", company])
    begun = time.process_time()
    result = load(api, text.getvalue())
    assert (result["created"], result["refused"]) == (10_000, 0)
    assert time.process_time() - begun < 30


async def test_who_is_new_to_several_at_once_is_made_once(still_ferd: Running) -> None:
    """Files and forms with one unknown address, all at the same moment."""
    world = still_ferd.world
    await world.form("join")
    rows, kind = b"email\nkari@new.example\n", {"content-type": "text/csv"}
    files = [world.api.post("/v1/people/import", content=rows, headers=kind) for _ in range(6)]
    forms = [world.public.post("/f/join", data={"email": "Kari@new.example"}) for _ in range(6)]
    for answer in await asyncio.gather(*(each for pair in zip(files, forms, strict=True) for each in pair)):
        assert answer.status_code == 200, answer.text
    assert len((await still_ferd.get("/people"))["items"]) == 1
