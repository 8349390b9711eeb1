"""STEP_1: one prepared content, merged, from and to the right addresses."""

from dataclasses import replace
from typing import Any

import pytest

from flows.facts import Content, Facts
from flows.ports import Email, Mailbox
from flows.steps.base import Do, Fail, Move
from tests.flows.steps.arrival import PERSON, flow_with, standing

WELCOME = Content(
    id="welcome",
    name="Welcome",
    ready=True,
    subject="Hello {{ person.first_name }}",
    html='<p>{{ person.first_name }} of {{ flow.name }}</p><a href="{{ links.offer }}">x</a>{{ unsubscribe_url }}',
    text="{{ person.first_name }}: {{ links.offer }} {{ unsubscribe_url }}",
    attachments=("terms.pdf",),
)
LINKS = {"offer": "https://fjord.example/offer", "home": "https://fjord.example/"}
FIXED = {"from": {"name": "Fjord Coffee", "address": "hello@fjord.example"}, "reply_to": "same_as_from"}
HELLO = Mailbox("hello@fjord.example", "Fjord Coffee")


def at(person: Any = PERSON, content: Content = WELCOME, **more: Any) -> Facts:
    return standing(person=person, contents={content.id: content}, known=LINKS, **more)


def entered(facts: Facts, email: Any = None, campaign: Any = None, **step: Any) -> Move:
    settings = {**(email or FIXED), **({"campaign": campaign} if campaign else {})}
    flow = flow_with({"id": "m", "kind": "send_email", "content": "welcome", **step}, name="Onboarding", email=settings)
    return flow.steps[0].enter(flow, facts)


def sent(facts: Facts, **more: Any) -> Email:
    move = entered(facts, **more)
    assert isinstance(move, Do), move
    assert isinstance(move.request, Email)
    return move.request


def test_STEP_1_the_content_is_merged_with_the_person() -> None:
    email = sent(at())

    assert email.to == Mailbox("ase@post.example", "Åse Næss")
    assert email.subject == "Hello Åse"
    assert email.html == ('<p>Åse of Onboarding</p><a href="https://fjord.example/offer">x</a>ferd:unsubscribe')
    assert email.text == "Åse: https://fjord.example/offer ferd:unsubscribe"
    assert email.message == "message-1"
    assert email.links == {url: link for link, url in LINKS.items()}
    assert email.unsubscribe


def test_STEP_1_the_steps_subject_comes_before_the_contents() -> None:
    assert sent(at(), subject="For {{ person.country }}").subject == "For NO"


def test_STEP_1_values_are_escaped_in_html_alone_and_break_no_header() -> None:
    email = sent(at({**PERSON, "first_name": "<b>\r\nBcc: x@y.example"}))

    assert "&lt;b&gt;" in email.html
    assert "<b>" in email.text
    assert "\n" not in email.subject
    assert "\r" not in email.subject


def test_STEP_1_a_fixed_sender_and_the_same_reply_to() -> None:
    email = sent(at())

    assert email.sender == email.reply_to == HELLO


OWNER = {"our_contact": ("owner", "kari@fjord.example"), "our_service_contact": ("service_owner", "ola@fjord.example")}


@pytest.mark.parametrize("owner", list(OWNER))
def test_STEP_1_the_persons_contact_with_a_fallback(owner: str) -> None:
    key, address = OWNER[owner]
    email = {"from": {"owner": owner, "fallback": "hello@fjord.example"}, "reply_to": "answers@fjord.example"}
    with_address: dict[str, Any] = {key: {"email": address, "name": "Someone"}}
    without: dict[str, Any] = {key: {"name": "No address"}}
    known = sent(at(**with_address), email=email)

    assert known.sender == Mailbox(address, "Someone")
    assert known.reply_to == Mailbox("answers@fjord.example")
    assert sent(at(), email=email).sender == Mailbox("hello@fjord.example")
    assert sent(at(**without), email=email).sender == Mailbox("hello@fjord.example")


def test_STEP_1_without_contact_and_fallback_the_step_fails() -> None:
    email = {"from": {"owner": "our_contact"}, "reply_to": "a@b.example"}
    move = entered(at(), email=email)

    assert isinstance(move, Fail)
    assert "from" in move.text


GONE = "See {{ links.gone }}"


@pytest.mark.parametrize(
    "content", [replace(WELCOME, subject=GONE), replace(WELCOME, html=GONE), replace(WELCOME, text=GONE)]
)
def test_STEP_1_a_mail_whose_link_is_gone_is_not_sent_with_nothing_in_its_place(content: Content) -> None:
    move = entered(at(content=content))

    assert isinstance(move, Fail)
    assert "no link “gone”" in move.text


def test_STEP_1_attachments_of_step_and_content_each_once() -> None:
    assert sent(at(), attachments=["map.png", "terms.pdf"]).attachments == ("terms.pdf", "map.png")


def test_STEP_1_campaign_tags() -> None:
    assert sent(at()).campaign == {}
    assert sent(at(), campaign={"source": "ferd", "name": "spring"}).campaign == {
        "utm_source": "ferd",
        "utm_campaign": "spring",
    }


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (Content("other", "", True, "", "", ""), "does not exist"),
        (Content("welcome", "", False, "", "", ""), "not marked ready"),
        (Content("welcome", "", True, "{{ person.name | nope }}", "", ""), "cannot be filled in"),
    ],
)
def test_STEP_1_a_content_that_cannot_be_sent_fails_without_personal_data(content: Content, why: str) -> None:
    move = entered(at(content=content))

    assert isinstance(move, Fail)
    assert why in move.text
    assert "Åse" not in move.text


def test_a_transactional_mail_has_nothing_to_unsubscribe_from() -> None:
    assert not sent(at(), transactional=True).unsubscribe


def test_the_summary_holds_no_merge_values() -> None:
    """SAFE_4"""
    flow = flow_with({"id": "m", "kind": "send_email", "content": "welcome", "subject": "{{ person.name }}"})

    assert flow.steps[0].summary() == "Send e-mail welcome"
