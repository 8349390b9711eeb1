"""What keeps a flow from running: each problem with its place and a remedy (LIFE_2)."""

from dataclasses import replace
from typing import Any

import pytest

from flows.catalog import GivenCatalog, GivenContent
from flows.checks import problems
from flows.loading import read
from flows.problems import Problem
from flows.reactions import REACTIONS
from tests.flows.steps.arrival import flow_with
from tests.flows.strategies import CATALOG

EMAIL = {"from": "hello@fjord.example", "reply_to": "same_as_from"}
MAIL = {"id": "mail", "kind": "send_email", "content": "welcome-mail"}
WAIT = {"id": "pause", "kind": "wait", "for": "1 day"}
DAY = {"for": "1 day"}


def found(*steps: dict[str, Any], catalog: GivenCatalog = CATALOG, **settings: Any) -> list[Problem]:
    return problems(flow_with(*(steps or (WAIT,)), **{"email": EMAIL, **settings}), catalog)


def step(kind: str, **settings: Any) -> dict[str, Any]:
    return {"id": "s", "kind": kind, **settings}


def sms(text: str, sender: str = "FjordCoffee", **settings: Any) -> dict[str, Any]:
    return step("send_sms", text=text, **{"from": sender}, **settings)


def notify(kind: str, **settings: Any) -> dict[str, Any]:
    return step(kind, **{"to": "sales@fjord.example", "text": "Hi", **settings})


def branch(name: str = "B", **settings: Any) -> dict[str, Any]:
    return {"name": name, **settings}


def only(problems: list[Problem]) -> Problem:
    assert len(problems) == 1, problems
    assert problems[0].remedy
    return problems[0]


def test_LIFE_2_a_good_flow_has_no_problems() -> None:
    assert found(MAIL, WAIT) == []


@pytest.mark.parametrize(
    ("wrong", "where", "what", "remedy"),
    [
        (step("send_email"), "/content", "no content", "Add content"),
        (step("send_email", content="welcme-mail"), "/content", "no content “welcme-mail”", "mean “welcome-mail”?"),
        (
            step("send_email", content="reminder", subject="Hi {{ person.fist_name }}"),
            "/subject",
            "fist_name",
            "first_name",
        ),
        (step("send_email", content="reminder", subject="Hi {{ person."), "/subject", "cannot be read", "merge tag"),
        (step("send_email", content="reminder", subject="{{ links.ofer }}"), "/subject", "no link “ofer”", "“offer”"),
        (step("send_email", content="reminder", attachments=["a.pdf"]), "/attachments/0", "no file “a.pdf”", "Create"),
        (step("wait"), "", "does not say how long", "exactly one of for, until"),
        (step("wait", **DAY, until_weekday="mon"), "/until_weekday", "for and until_weekday", "exactly one"),
        (step("wait", **DAY, offset="1 day"), "/offset", "date field", "until_field"),
        (step("wait", **DAY, at="08:00"), "/at", "no effect", "until_field or until_weekday"),
        (step("wait", until_field="person.custm.x"), "/until_field", "no field “person.custm.x”", "person.custom.x"),
        (step("wait", until_field="person.country"), "/until_field", "text, not a date", "holds a date"),
        (step("wait", **DAY, exit={"add_to_flow": "winback"}), "/exit/add_to_flow", "no flow", "mean “win-back”?"),
        (step("wait_for_action"), "/actions", "waits for nothing", "Add at least one"),
        (step("wait_for_action", actions=[{"event": "link_clickd"}]), "/actions/0/event", "no event", "link_clicked"),
        (
            step("wait_for_action", actions=[{"event": "link_clicked", "link": "ofer"}]),
            "/actions/0/link",
            "no link “ofer”",
            "mean “offer”?",
        ),
        (
            step("wait_for_action", actions=[{"event": "form_submitted", "form": "contact"}]),
            "/actions/0/form",
            "no form “contact”",
            "mean “contact-me”?",
        ),
        (
            step("wait_for_action", actions=[{"event": "email_opened"}] * 2, branches=[branch(action=3)]),
            "/branches/0/action",
            "action 3, and the step has 2 actions",
            "counted from one",
        ),
        (
            step(
                "wait_for_action",
                actions=[{"event": "email_opened"}],
                branches=[branch(action=1), branch("C", action=1)],
            ),
            "/branches/1/action",
            "“C” is never taken",
            "one branch for each",
        ),
        (step("split"), "/branches", "no branches", "Add at least one"),
        (step("split", branches=[branch()]), "/branches/0", "nothing", "exactly one of when and share"),
        (
            step("split", branches=[branch(share="5 percent", when={"member_of": "staff"})]),
            "/branches/0",
            "when and share",
            "exactly one",
        ),
        (
            step("split", branches=[branch(share="100 percent"), branch("C", when={"member_of": "staff"})]),
            "/branches/1",
            "Nobody reaches branch “C”",
            "smaller",
        ),
        (
            step("split", branches=[branch(share="60 percent"), branch("C", share="50 percent")]),
            "/branches/1/share",
            "more than 100 percent",
            "smaller",
        ),
        (
            step("split", branches=[branch(share="1 percent"), branch(share="1 percent")]),
            "/branches/1/name",
            "Two branches",
            "name of its own",
        ),
        (
            step("split", branches=[branch(when={"field": "person.contry", "op": "is", "value": "NO"})]),
            "/branches/0/when/field",
            "no field “person.contry”",
            "person.country",
        ),
        (
            step("split", branches=[branch(when={"field": "person.country", "op": ">", "value": 5})]),
            "/branches/0/when/op",
            "does not fit",
            "is",
        ),
        (
            step("split", branches=[branch(when={"member_of": "stff"})]),
            "/branches/0/when/member_of",
            "no selection or project “stff”",
            "mean “staff”?",
        ),
        (
            step(
                "split",
                branches=[branch(share="1 percent")],
                everyone_else={"exit": {}, "steps": [{"id": "x", "kind": "exit"}]},
            ),
            "/everyone_else/steps",
            "never reached",
            "either steps or exit",
        ),
        (step("update_person"), "", "changes nothing", "Add one of set"),
        (step("update_person", set={"person.categry": "x"}), "/set/person.categry", "no field", "person.category"),
        (
            step("update_person", set={"person.name": "x"}),
            "/set/person.name",
            "cannot be changed",
            "person or the company",
        ),
        (
            step("update_person", set={"owner.name": "x"}),
            "/set/owner.name",
            "cannot be changed",
            "person or the company",
        ),
        (
            step("update_person", increase={"person.country": 1}),
            "/increase/person.country",
            "not possible",
            "set, clear, copy",
        ),
        (step("update_person", add={"company.employees": 1}), "/add/company.employees", "not possible", "increase"),
        (
            step("update_person", set={"person.country": "{{ person.nme }}"}),
            "/set/person.country",
            "nme",
            "person.name",
        ),
        (
            step("update_person", set={"company.employees": "many"}),
            "/set/company.employees",
            "cannot hold 'many'",
            "a number",
        ),
        (step("update_person", set={"person.country": ["NO"]}), "/set/person.country", "cannot hold", "such as NO"),
        (step("update_person", set={"person.country": "Norge"}), "/set/person.country", "cannot hold", "such as NO"),
        (step("update_person", set={"person.email": "kari"}), "/set/person.email", "cannot hold", "e-mail address"),
        (step("update_person", set={"person.mobile": "none"}), "/set/person.mobile", "cannot hold", "+47"),
        (step("update_person", set={"person.language": "norsk"}), "/set/person.language", "cannot hold", "nb"),
        (step("update_person", set={"person.time_zone": "Oslo time"}), "/set/person.time_zone", "hold", "Europe/Oslo"),
        (
            step("update_person", copy={"person.country": "company.employees"}),
            "/copy/person.country",
            "number",
            "same type",
        ),
        (
            step("update_person", copy={"person.country": "company.contry"}),
            "/copy/person.country",
            "copy from",
            "company.country",
        ),
        (
            step("update_person", set={"person.country": "NO"}, clear=["person.country"]),
            "/clear/0",
            "set and clear",
            "once",
        ),
        (step("add_to"), "", "neither a selection nor a project", "Add selection"),
        (step("add_to", selection="newcommers"), "/selection/0", "no selection", "mean “newcomers”?"),
        (step("remove_from", selection=["staff", "nobody"]), "/selection/1", "no selection “nobody”", "Create"),
        (step("remove_from", project="spring"), "/project/0", "no project “spring”", "mean “spring-fair”?"),
        (step("exit", add_to_selection="cold"), "/add_to_selection", "no selection “cold”", "Create"),
        (step("finish", success={"add_to_flow": "loyal"}), "/success/add_to_flow", "no flow", "mean “loyalty”?"),
        (step("send_sms", text="Hi"), "/from", "from whom", "Add from under sms"),
        (notify("notify_email", to=[], subject="Hi"), "/to", "notifies nobody", "our_contact"),
        (notify("notify_email", to="ida", subject="Hi"), "/to/0", "no associate “ida”", "Create"),
        (notify("notify_email", fallback="ida", subject="Hi"), "/fallback", "no associate “ida”", "Create"),
        (notify("notify_email", to=["a@b.example", "a@@b"], subject="Hi"), "/to/1", "not an e-mail", "hello@fjord"),
        (notify("notify_sms", fallback="+4712", **{"from": "Fjord", "to": "+4740000000"}), "/fallback", "+4712", "+47"),
        (notify("notify_email", subject=""), "/subject", "has no subject", "Add subject"),
        (notify("notify_email", subject="{{ person.nme }}"), "/subject", "“person.nme” is unknown", "person.name"),
        (notify("notify_sms", to="+4740000000"), "/from", "from whom", "Add from under sms"),
        (notify("notify_sms", to="a@b.example", **{"from": "Fjord"}), "/to/0", "no associate", "Create"),
        (sms("Hi", sender="Bø Kaffe"), "/from", "cannot be the sender", "up to 11"),
        (sms(""), "/text", "no text", "Add text"),
        (sms("Hi {{ person.fist_name }}"), "/text", "“person.fist_name” is unknown", "person.first_name"),
        (sms("Out: {{ unsubscribe_url }}"), "/text", "no address for unsubscribing", "STOP"),
        (sms("å" * 1531), "/text", "takes at least 11 segments", "shorter"),
        (sms("Hi", exit={"add_to_flow": "loyal"}), "/exit/add_to_flow", "no flow", "mean “loyalty”?"),
    ],
)
def test_LIFE_2_a_step_with_a_problem(wrong: dict[str, Any], where: str, what: str, remedy: str) -> None:
    problem = only(found(WAIT, wrong))

    assert problem.pointer == f"/steps/1{where}"
    assert problem.step == "s"
    assert problem.severity == "error"
    assert what in problem.what
    assert remedy in problem.remedy


@pytest.mark.parametrize(
    ("wrong", "where", "what"),
    [
        ({"email": {"reply_to": "same_as_from"}}, "/email/from", "from whom"),
        ({"email": {"from": "a@b.example"}}, "/email/reply_to", "where answers go"),
        ({"email": {**EMAIL, "from": {"name": "Ann"}}}, "/email/from/address", "address is missing"),
        ({"email": {**EMAIL, "from": "ann at example"}}, "/email/from/address", "not an e-mail address"),
        ({"email": {**EMAIL, "from": "a@b.example\nBcc: c@d.example"}}, "/email/from/address", "not an e-mail address"),
        (
            {"email": {**EMAIL, "reply_to": {"address": "a@b.example", "name": "A\nBcc: c@d.example"}}},
            "/email/reply_to/name",
            "line break",
        ),
        (
            {"email": {**EMAIL, "from": {"owner": "our_contact", "fallback": "x"}}},
            "/email/from/fallback/address",
            "not an e-mail address",
        ),
        ({"email": {**EMAIL, "subscription": "news"}}, "/email/subscription", "no subscription type “news”"),
        ({"enrolment": {"triggers": [{"event": "sale_made"}]}}, "/enrolment/triggers/0/event", "no event"),
        (
            {"enrolment": {"triggers": [{"event": "form_submitted", "form": "x"}]}},
            "/enrolment/triggers/0/form",
            "no form “x”",
        ),
        (
            {"enrolment": {"triggers": [{"event": "a.b"}] * 251}},
            "/enrolment/triggers",
            "251 triggers; 250 are possible",
        ),
        (
            {"enrolment": {"filter": {"field": "person.x", "op": "set"}}},
            "/enrolment/filter/field",
            "no field “person.x”",
        ),
        ({"enrolment": {"exclude": "stuff"}}, "/enrolment/exclude", "no selection “stuff”"),
        ({"success": {"any": []}}, "/success/any", "Nothing can be a success"),
        (
            {"success": {"any": [{"field": "company.employees", "op": ">", "value": "many"}]}},
            "/success/any/0/value",
            "“many” is no value",
        ),
    ],
)
def test_LIFE_2_a_setting_with_a_problem(wrong: dict[str, Any], where: str, what: str) -> None:
    problem = only(found(MAIL, **wrong))

    assert problem.pointer == where
    assert problem.severity == "error"
    assert what in problem.what


def test_LIFE_2_addresses_are_asked_for_only_where_an_e_mail_is_sent() -> None:
    assert found(WAIT, email={}) == []


def test_LIFE_2_a_flow_without_steps() -> None:
    assert only(problems(flow_with(), CATALOG)).pointer == "/steps"


def test_LIFE_2_an_id_used_twice_in_different_branches() -> None:
    split = step("split", branches=[branch(share="1 percent", steps=[WAIT])], everyone_else={"steps": [WAIT]})
    problem = only(found(split))

    assert problem.pointer == "/steps/0/everyone_else/steps/0/id"
    assert "/steps/0/branches/0/steps/0" in problem.what


@pytest.mark.parametrize(
    "leaving",
    [
        step("exit"),
        step("finish"),
        step(
            "split",
            branches=[branch(share="1 percent", steps=[{"id": "x", "kind": "exit"}])],
            everyone_else={"steps": [{"id": "y", "kind": "finish"}]},
        ),
        step(
            "split",
            branches=[branch(share="1 percent", steps=[{"id": "x", "kind": "exit"}])],
            everyone_else={"exit": {}},
        ),
        step(
            "wait_for_action",
            actions=[{"event": "email_opened"}],
            otherwise="exit",
            branches=[branch(action=1, steps=[{"id": "x", "kind": "exit"}])],
        ),
    ],
)
def test_LIFE_2_steps_that_nobody_reaches(leaving: dict[str, Any]) -> None:
    problem = only(found(leaving, WAIT, {**WAIT, "id": "later"}))

    assert problem.pointer == "/steps/1"
    assert problem.step == "pause"
    assert "everyone leaves at s" in problem.what


def test_LIFE_2_a_step_below_a_branch_that_comes_back_is_reached() -> None:
    split = step("split", branches=[branch(share="1 percent", steps=[{"id": "x", "kind": "exit"}])])

    assert found(split, WAIT) == []


def test_STEP_1_content_has_to_be_ready_and_its_merge_tags_known() -> None:
    draft = GivenContent({"subject": "Hi", "html": "a\n<p>{{ person.nme }}</p>", "text": ""}, ready=False)
    not_ready, unknown = found(MAIL, catalog=GivenCatalog(contents={"welcome-mail": draft}))

    assert "not marked ready" in not_ready.what
    assert "“welcome-mail”, html, line 2" in unknown.what
    assert "person.nme" in unknown.what
    assert "person.name" in unknown.remedy
    assert unknown.pointer == "/steps/0/content"


def test_STEP_1_a_mail_needs_a_subject_from_somewhere() -> None:
    catalog = GivenCatalog(contents={"welcome-mail": GivenContent({"subject": " ", "html": "Hi", "text": "Hi"})})

    assert only(found(MAIL, catalog=catalog)).pointer == "/steps/0/subject"
    assert found({**MAIL, "subject": "Hi"}, catalog=catalog) == []


def test_STEP_1_the_contents_own_attachments_count_and_a_file_counts_once() -> None:
    half = 13 * 1024 * 1024
    catalog = GivenCatalog(
        contents={"welcome-mail": GivenContent({"subject": "Hi"}, attachments=("big.pdf",))},
        files={"big.pdf": half, "other.pdf": half},
    )

    assert found({**MAIL, "attachments": ["big.pdf"]}, catalog=catalog) == []
    gone = only(found(MAIL, catalog=replace(catalog, files={})))
    assert (gone.pointer, "“big.pdf”, which is not there" in gone.what) == ("/steps/0/content", True)
    problem = only(found({**MAIL, "attachments": ["other.pdf"]}, catalog=catalog))
    assert "26.0 MB" in problem.what
    assert problem.pointer == "/steps/0/attachments"


@pytest.mark.parametrize("size", [25 * 1024 * 1024, 25 * 1024 * 1024 + 1])
def test_STEP_1_25_megabytes_are_the_limit(size: int) -> None:
    catalog = GivenCatalog(contents=CATALOG.contents, files={"a.pdf": size}, ids=CATALOG.ids)

    assert bool(found({**MAIL, "attachments": ["a.pdf"]}, catalog=catalog)) is (size > 25 * 1024 * 1024)


def test_STEP_4_a_selection_that_the_step_makes_need_not_exist() -> None:
    assert found(step("add_to", selection="brand-new", create=True)) == []
    assert only(found(step("add_to", project="brand-new", create=True))).pointer == "/steps/0/project/0"


def test_STEP_16_a_flow_that_hands_over_to_itself_is_a_warning() -> None:
    problem = only(found(step("exit", add_to_flow="f")))

    assert problem.severity == "warning"
    assert "this same flow" in problem.what


def test_STEP_2_a_text_of_several_segments_is_a_warning() -> None:
    problem = only(found(sms("Hei {{ person.first_name }}! " + "å" * 160)))
    assert problem.severity == "warning"
    assert problem.pointer == "/steps/0/text"
    assert "at least 2 segments, GSM" in problem.what
    assert found(sms("å" * 160)) == []


def test_STEP_2_the_flows_sender_is_checked() -> None:
    assert only(found(sms("Hi"), sms={"from": "Fjord Kaffebrenneri"})).pointer == "/sms/from"


def test_STEP_23_a_step_that_repeats_what_a_form_or_link_does_is_a_warning_that_names_both() -> None:
    tagged = REACTIONS.validate_python([{"kind": "add_to", "selection": "customers"}])
    acting: dict[Any, Any] = {("form", "contact-me"): tagged, ("link", "offer"): tagged}
    catalog = replace(CATALOG, acting=acting)
    add = step("add_to", selection=["staff", "customers"])
    triggers = {"triggers": [{"event": "form_submitted", "form": "contact-me"}]}
    by_form = only(found(add, catalog=catalog, enrolment=triggers))
    assert (by_form.severity, by_form.pointer) == ("warning", "/steps/0")
    assert "Step s" in by_form.what
    assert "form “contact-me”" in by_form.what
    by_link = only(found(MAIL, add, catalog=catalog))  # a link in the content
    assert "link “offer”" in by_link.what
    waits = {"id": "w", "kind": "wait_for_action", "actions": [{"event": "link_clicked", "link": "offer"}]}
    assert "link “offer”" in only(found(waits, add, catalog=catalog)).what
    assert found(MAIL, step("add_to", selection="staff"), catalog=catalog) == []
    assert found(step("remove_from", selection="customers"), catalog=catalog, enrolment=triggers) == []
    reply = {"kind": "send_email", "content": MAIL["content"], "from": "us@fjord.example"}
    answering: dict[Any, Any] = {("form", "contact-me"): REACTIONS.validate_python([reply])}
    by_mail = only(found(MAIL, catalog=replace(CATALOG, acting=answering), enrolment=triggers))
    assert "form “contact-me”" in by_mail.what


def test_STEP_1_a_contact_without_fallback_is_a_warning() -> None:
    problem = only(found(MAIL, email={**EMAIL, "from": {"owner": "our_contact"}}))

    assert problem.severity == "warning"
    assert problem.pointer == "/email/from"


def test_every_problem_has_line_and_column_also_where_something_is_missing() -> None:
    """SAFE_5"""
    loaded = read("""id: a
email:
  from: nobody
steps:
  - {id: one, kind: wait}
  - id: two
    kind: send_email
""")
    assert loaded.flow is not None
    told = [(each.pointer, each.line, each.column) for each in problems(loaded.flow, CATALOG, loaded.source)]

    assert told == [
        ("/email/reply_to", 2, 1),
        ("/email/from/address", 3, 3),
        ("/steps/0", 5, 5),
        ("/steps/1/content", 6, 5),
    ]


WORKDAYS = {"days": "workdays", "from": "22:00", "to": "02:00"}


@pytest.mark.parametrize(
    ("window", "days", "sent"),
    [
        (WORKDAYS, ["sun"], False),
        (WORKDAYS, ["sun", "mon"], True),
        (WORKDAYS, ["sat"], True),  # it opened on Friday
        ({**WORKDAYS, "to": "00:00"}, ["sat"], False),
        ({**WORKDAYS, "from": "01:00"}, ["sat", "sun"], False),
        ({**WORKDAYS, "days": "every_day"}, ["sun"], True),
        ({**WORKDAYS, "zone": "person"}, ["sun"], True),  # Monday has begun further east
    ],
)
def test_LIFE_2_STEP_19_a_message_for_days_on_which_the_window_never_opens(
    window: dict[str, str], days: list[str], sent: bool
) -> None:
    """Everybody would wait in the step for ever, and nobody be told."""
    wrong = found({**MAIL, "only_on": days}, email={**EMAIL, "window": window})
    assert [(each.pointer, each.severity) for each in wrong] == ([] if sent else [("/steps/0/only_on", "error")])
    assert found({**notify("notify_email", subject="Hi"), "only_on": days}, email={**EMAIL, "window": window}) == []
