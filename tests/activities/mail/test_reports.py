"""Mails that come back, as servers write them."""

import pytest

from activities.mail.codes import is_nobody_there, refuses_recipient
from activities.mail.reports import NoReport, Reply, Report, read_reply, read_reports

BOUNCE = b"""From: MAILER-DAEMON@mx.example
To: hello@fjord.example
Message-ID: <report1@mx.example>
Subject: Undelivered Mail Returned to Sender
Auto-Submitted: auto-replied
MIME-Version: 1.0
Content-Type: multipart/report; report-type=delivery-status; boundary="b"

--b
Content-Type: text/plain

I am sorry.

--b
Content-Type: message/delivery-status

Reporting-MTA: dns; mx.example
Arrival-Date: Tue, 01 Dec 2026 09:00:00 +0100

Final-Recipient: rfc822; Kari@Kunde.example
Action: failed
Status: 5.1.1
Diagnostic-Code: smtp; 550 5.1.1 no such user

Final-Recipient: rfc822; <ola@kunde.example>
Action: failed
Status: 5.2.2

Final-Recipient: rfc822; slow@kunde.example
Action: delayed
Status: 4.4.1

--b
Content-Type: message/rfc822

From: hello@fjord.example
To: kari@kunde.example
Message-ID: <abc123@fjord.example>
Subject: Hello

Hello
--b--
"""
COMPLAINT = b"""From: fbl@provider.example
To: abuse@fjord.example
Message-ID: <fbl1@provider.example>
MIME-Version: 1.0
Content-Type: multipart/report; report-type=feedback-report; boundary=b

--b
Content-Type: text/plain

This is an abuse report.
--b
Content-Type: message/feedback-report

Feedback-Type: abuse
User-Agent: Provider/1
Version: 1

--b
Content-Type: text/rfc822-headers

From: hello@fjord.example
To: Kari <kari@kunde.example>
Message-ID: <abc123@fjord.example>
--b--
"""


def test_a_delivery_report_names_who_is_not_reached_and_which_mail_it_was() -> None:
    assert read_reports(BOUNCE) == [
        Report("bounced", "Kari@Kunde.example", "abc123", "5.1.1", "report1"),
        Report("undelivered", "ola@kunde.example", "abc123", "5.2.2", "report1"),
    ]


def test_headers_alone_are_enough_to_know_the_mail_again() -> None:
    headers = BOUNCE.replace(b"Content-Type: message/rfc822", b"Content-Type: text/rfc822-headers")
    assert [report.mail for report in read_reports(headers)] == ["abc123", "abc123"]
    assert [report.mail for report in read_reports(BOUNCE.partition(b"--b\nContent-Type: message/rfc822")[0])] == [
        "", "",
    ]  # fmt: skip


def test_a_complaint_is_known_by_the_mail_it_is_about() -> None:
    assert read_reports(COMPLAINT) == [Report("complained", "kari@kunde.example", "abc123", "", "fbl1")]
    named = COMPLAINT.replace(b"Version: 1\n", b"Version: 1\nOriginal-Rcpt-To: <alias@kunde.example>\n")
    assert read_reports(named)[0].recipient == "alias@kunde.example"
    assert read_reports(COMPLAINT.replace(b"abuse\nUser", b"not-spam\nUser")) == []


@pytest.mark.parametrize("data", [b"", b"Subject: Hi\n\nHi", b"\xff\xfe\x00"])
def test_other_mails_are_no_reports(data: bytes) -> None:
    with pytest.raises(NoReport):
        read_reports(data)


def test_an_answer_tells_which_mail_it_answers() -> None:
    answer = (
        b"From: Kari <kari@kunde.example>\nMessage-ID: <a1@kunde.example>\nIn-Reply-To: <abc123@fjord.example>\n"
        b"References: <first@x.example> <abc123@fjord.example>\n\nYes!"
    )
    assert read_reply(answer) == Reply("kari@kunde.example", ("abc123", "first"), "a1", False)


@pytest.mark.parametrize("field", ["Auto-Submitted: auto-replied (vacation)", "X-Autoreply: yes", "Precedence: bulk"])
def test_an_out_of_office_notice_is_told_from_an_answer(field: str) -> None:
    assert read_reply(f"From: kari@kunde.example\n{field}\n\nAway".encode()).automatic
    assert not read_reply(b"From: kari@kunde.example\nAuto-Submitted: no\n\nHere").automatic


@pytest.mark.parametrize(
    ("status", "nobody"),
    [
        ("5.1.1", True), ("5.1.10 null mx", True), ("5.2.1", True), ("5.0.0", True), ("5.4.1", True),
        ("5.2.2", False), ("5.3.4", False), ("5.7.1", False), ("5.1.8", False), ("4.1.1", False), ("", False),
        ("15.1.1", False),
    ],
)  # fmt: skip
def test_PART_2_which_codes_say_that_nobody_is_there(status: str, nobody: bool) -> None:
    assert is_nobody_there(status) is nobody


@pytest.mark.parametrize(
    ("code", "text", "recipient"),
    [
        (550, "no such user", True), (551, "moved", True), (553, "bad name", True), (556, "null MX", True),
        (550, "5.1.1 unknown", True), (550, "5.7.1 blocked", False), (550, "5.7.26 no SPF", False),
        (552, "full", False), (554, "spam", False), (554, "5.1.1 unknown", True), (450, "4.2.1 later", False),
        (503, "bad sequence", False),
    ],
)  # fmt: skip
def test_PART_2_which_refusals_are_about_the_recipient(code: int, text: str, recipient: bool) -> None:
    assert refuses_recipient(code, text) is recipient
