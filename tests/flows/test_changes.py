"""Two versions of a flow compared, in words."""

from typing import Any

import pytest
from hypothesis import given, settings

from flows.changes import changes
from flows.definition import Flow
from flows.edits import Edit
from flows.planning import Outline
from tests.flows.steps.arrival import flow_with
from tests.flows.strategies import flows
from tests.flows.test_edits import edit, mail, split, wait

A, B, W = mail("a"), mail("b"), wait("w")
FORM = {"event": "form_submitted", "form": "contact-me"}


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        ([W, A], [wait("w", "5 days"), A], ["wait w: for 3 days → 5 days"]),
        ([A], [mail("a", subject="Hei")], ["send_email a: subject: Hei"]),
        ([mail("a", subject="Hei")], [A], ["send_email a: subject: without Hei"]),
        ([mail("a", only_on=["mon"])], [mail("a", only_on=["tue"])], [
            "send_email a: only_on: without mon", "send_email a: only_on: with tue"
        ]),
        ([A, B], [B], ["send_email a removed"]),
        ([A], [A, B], ["send_email b added after a"]),
        ([A], [B, A], ["send_email b added at the start"]),
        ([split("s", [])], [split("s", [A])], ["send_email a added first on branch s-0 of s"]),
        ([W, A], [A, W], ["wait w moved: now after a"]),
        ([W], [mail("w")], ["w: wait → send_email"]),
        ([split("s", [A])], [split("s", [A], [])], [
            "split s: branches s-0.share 50 percent → 33 percent",
            "split s: branches s-1: {name: s-1, share: 33 percent}",
        ]),
        ([W], [W], []),
    ],
)  # fmt: skip
def test_EDIT_1_steps_compared_in_words(
    before: list[dict[str, Any]], after: list[dict[str, Any]], told: list[str]
) -> None:
    assert [change.text for change in changes(edit(before, after))] == told


def test_EDIT_1_the_flows_settings_compared_in_words() -> None:
    before = flow_with(A, enrolment={"triggers": [{"event": "person_created"}]}, settings={"calendar": "NO"})
    window = {"days": "workdays", "from": "08:00", "to": "20:00"}
    after = flow_with(A, enrolment={"triggers": [FORM], "once": False}, settings={}, email={"window": window})
    assert [change.text for change in changes(Edit(Outline(before), Outline(after)))] == [
        "settings.calendar: without NO",
        "email.window: {days: workdays, from: 08:00, to: 20:00, outside: wait, zone: flow}",
        "enrolment.triggers: without {event: person_created, again: false}",
        "enrolment.triggers: with {event: form_submitted, form: contact-me, again: false}",
        "enrolment.once true → false",
    ]


@settings(max_examples=40)
@given(before=flows(), after=flows())
def test_EDIT_1_two_versions_have_differences_if_and_only_if_they_differ(before: Flow, after: Flow) -> None:
    assert not changes(Edit(Outline(before), Outline(before)))
    assert bool(changes(Edit(Outline(before), Outline(after)))) == (before != after)
