import email
import re
from collections.abc import Sequence
from datetime import UTC, datetime
from email.header import decode_header, make_header
from email.message import EmailMessage
from email.policy import default
from email.utils import getaddresses

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from activities.mail.compose import File, compose
from activities.mail.headers import BadAddress, canonical_address, clean
from activities.mail.tokens import Tokens
from flows.ports import Email, Mailbox

tokens = Tokens(["key"])
DATE = datetime(2026, 12, 1, 8, 0, tzinfo=UTC)
ANN = Mailbox("ann@kunde.example", "Ann")
FJORD = Mailbox("hello@fjord.example", "Fjord Coffee")
PLAIN = Email(message="m1", to=ANN, sender=FJORD, reply_to=None, subject="Hi", html="<p>Hi</p>", text="Hi")


def wire(mail: Email, key: str = "p1/hello/1", attachments: Sequence[File] = ()) -> bytes:
    return bytes(compose(mail, key, date=DATE, public_url="http://t.example", tokens=tokens, attachments=attachments))


def parsed(mail: Email, key: str = "p1/hello/1", attachments: Sequence[File] = ()) -> EmailMessage:
    return email.message_from_bytes(wire(mail, key, attachments), policy=default)


def mail(**changes: object) -> Email:
    values = {name: getattr(PLAIN, name) for name in PLAIN.__slots__}
    return Email(**(values | changes))


def body(message: EmailMessage, kind: str) -> str:
    part = message.get_body((kind,))
    assert part is not None
    return str(part.get_content()).replace("\r\n", "\n")


def test_STEP_1_a_mail_has_text_and_html_and_the_flows_sender() -> None:
    message = parsed(mail(reply_to=Mailbox("svar@fjord.example", "Svar")))
    assert message["From"] == "Fjord Coffee <hello@fjord.example>"
    assert message["Reply-To"] == "Svar <svar@fjord.example>"
    assert message["To"] == "Ann <ann@kunde.example>"
    assert message["Subject"] == "Hi"
    assert message["Date"].datetime == DATE
    assert message.get_content_type() == "multipart/alternative"
    assert body(message, "plain") == "Hi\n"
    assert body(message, "html").startswith("<p>Hi</p>")


def test_SAFE_1_the_message_id_is_made_from_the_effects_key_alone() -> None:
    first, again, other = (
        parsed(mail(subject=s), key)["Message-ID"] for s, key in [("a", "k"), ("b", "k"), ("a", "l")]
    )
    assert first == again != other
    assert first.endswith("@fjord.example>")
    assert "k" not in first.partition("@")[0]


def test_STEP_1_one_click_unsubscribe() -> None:
    """STEP_1 and RFC 8058: a https address in List-Unsubscribe, and the field that says that a POST does it."""
    message = parsed(PLAIN)
    url = re.fullmatch("<(.*)>", message["List-Unsubscribe"])
    assert url is not None
    assert tokens.read_unsubscribe(url[1].removeprefix("http://t.example/u/")).message == "m1"
    assert message["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    without = parsed(mail(unsubscribe=False))
    assert "List-Unsubscribe" not in without
    assert "List-Unsubscribe-Post" not in without


def test_the_unsubscribe_placeholder_becomes_the_address_and_is_not_tracked() -> None:
    message = parsed(mail(html='<a href="ferd:unsubscribe">Stop</a>', text="Stop: ferd:unsubscribe"))
    url = message["List-Unsubscribe"].strip("<>")
    assert f'<a href="{url}">Stop</a>' in body(message, "html")
    assert body(message, "plain") == f"Stop: {url}\n"


def test_STEP_1_opens_are_tracked_by_a_picture_at_the_end() -> None:
    html = body(parsed(mail(html="<html><body><p>Hi</p></BODY></html>")), "html")
    token = re.search(r'</p><img src="http://t\.example/o/([^"]+)" [^>]+></BODY></html>', html)
    assert token is not None
    assert tokens.read_open(token[1]) == "m1"
    assert body(parsed(mail(html="<p>Hi")), "html").startswith('<p>Hi<img src="http://t.example/o/')


def test_STEP_1_links_are_tracked_in_html_and_text() -> None:
    links = {"https://fjord.example/": "home"}
    message = parsed(
        mail(html='<a href="https://fjord.example/">x</a>', text="https://fjord.example/", links=links,
             campaign={"utm_source": "ferd", "utm_campaign": "welcome"})
    )  # fmt: skip
    for kind in ("html", "plain"):
        token = re.search(r"http://t\.example/t/([\w.-]+)", body(message, kind))
        assert token is not None
        click = tokens.read_click(token[1])
        assert (click.message, click.link) == ("m1", "home")
        assert click.url == "https://fjord.example/?utm_campaign=welcome&utm_medium=email&utm_source=ferd"


def test_a_missing_text_is_made_from_the_html() -> None:
    text = body(parsed(mail(html='<h1>Hei</h1><p>Les <a href="https://fjord.example">mer</a></p>', text="")), "plain")
    assert re.search(r"Hei\s+Les \[mer\]\(http://t\.example/t/[\w.-]+\)", text)


def test_text_alone_is_sent_as_text() -> None:
    message = parsed(mail(html=""))
    assert message.get_content_type() == "text/plain"


def test_css_is_inlined_and_what_cannot_be_stays() -> None:
    css = "p { color: red } p:hover { color: blue } @media (max-width: 9em) { p { color: green } }"
    html = body(parsed(mail(html=f"<html><head><style>{css}</style></head><body><p>Hi</p></body></html>")), "html")
    assert '<p style="color: red;">' in html
    assert "p:hover" in html
    assert "@media" in html


def test_css_is_never_fetched(tmp_path: object) -> None:
    secret = f"{tmp_path}/secret.css"
    with open(secret, "w") as file:
        file.write("p { color: red }")
    html = (
        f'<html><head><link rel="stylesheet" href="file://{secret}"><link rel="stylesheet" href="{secret}">'
        f'<style>@import "file://{secret}"; b {{ top: 0 }}</style></head><body><p>Hi</p></body></html>'
    )
    assert "<p>Hi</p>" in body(parsed(mail(html=html)), "html")


def test_html_without_a_style_block_stays_byte_for_byte() -> None:
    html = "<!doctype html>\n<P CLASS=x>\u00a0&nbsp;<br/>å &copy 2026\n<td bgcolor='#fff'>"
    sent = body(parsed(mail(html=html)), "html")
    assert sent.startswith(html + "<img ")


names = st.text(st.characters() | st.sampled_from('\r\n\t"\\,;:<>()@=?åäØ漢😀\u2028\x85'), max_size=120)
FIELDS = ["Date", "Message-ID", "From", "To", "Subject", "Reply-To", "List-Unsubscribe", "List-Unsubscribe-Post"]
HOSTILE = "=?utf-8?q?x=0D=0ABcc=3A?= \r\nBcc: eve@evil.example\r\n\r\n<b>"


@given(subject=names, to=names, sender=names, reply_to=names, file=names)
@example(subject=HOSTILE, to=HOSTILE, sender=HOSTILE, reply_to=HOSTILE, file=HOSTILE)
@example(subject="x" * 1200, to="Å, B" * 20, sender='"A" <a@b>', reply_to="\ud800", file="å" * 200)
def test_header_injection_is_impossible(subject: str, to: str, sender: str, reply_to: str, file: str) -> None:
    """Whatever a field holds, the fields are exactly ours, and each reads as what was meant, on one line."""
    sent = wire(
        mail(
            subject=subject,
            to=Mailbox(ANN.address, to),
            sender=Mailbox(FJORD.address, sender),
            reply_to=Mailbox("svar@fjord.example", reply_to),
        ),
        attachments=[File(file, "application/pdf", b"x")],
    )
    assert not re.search(rb"[^\r]\n|\r[^\n]", sent)
    assert max(map(len, sent.split(b"\r\n"))) <= 998
    message = email.message_from_bytes(sent, policy=default)
    assert sorted(message.keys()) == sorted([*FIELDS, "MIME-Version", "Content-Type"])
    assert message["Subject"] == clean(subject)
    for field, address, name in [("To", ANN.address, to), ("From", FJORD.address, sender)]:
        assert len(message[field].addresses) == 1
        # The parser of addresses leaves blanks between encoded words; this one knows RFC 2047.
        ((encoded, parsed_address),) = getaddresses([email.message_from_bytes(sent)[field]])
        assert (parsed_address, str(make_header(decode_header(encoded)))) == (address, clean(name))
    (attachment,) = message.iter_attachments()
    assert attachment.keys() == ["Content-Type", "Content-Transfer-Encoding", "MIME-Version", "Content-Disposition"]
    assert attachment.get_filename() == (clean(file) or "attachment")
    assert attachment.get_content() == b"x"


@pytest.mark.parametrize(
    "address",
    ["", "ann", "@kunde.example", "ann@", "ann@kunde.example\r\nBcc: eve@evil.example", "ann@kunde.example>",
     "a b@kunde.example", "ann@kunde..example", "ann,eve@kunde.example", "ann@-x.example", "a" * 65 + "@b.example",
     "\ud800@b.example", "ann@\u2028.example"],
)  # fmt: skip
def test_what_is_no_address_is_refused(address: str) -> None:
    for field in ("to", "sender", "reply_to"):
        with pytest.raises(BadAddress):
            wire(mail(**{field: Mailbox(address)}))


def test_addresses_of_any_script() -> None:
    assert canonical_address("ann@blåbær.example") == "ann@xn--blbr-roah.example"
    sent = wire(mail(to=Mailbox("ann@blåbær.example", "Åse"), text="på", html="<p>på"))
    assert sent.isascii(), "a server need not know 8BITMIME"
    sent = wire(mail(to=Mailbox("åse@kunde.example", "Åse")))
    assert "<åse@kunde.example>".encode() in sent


@pytest.mark.parametrize("mime", ["image/png", "text/csv", "nonsense", "message/rfc822", "a/b\r\nX-Evil: 1"])
def test_attachments_arrive_as_they_were(mime: str) -> None:
    data = bytes(range(256)) * 10
    message = parsed(PLAIN, attachments=[File("Ærlig talt.bin", mime, data), File("b", mime, b"")])
    first, second = message.iter_attachments()
    assert first.get_filename() == "Ærlig talt.bin"
    assert first.get_payload(decode=True) == data
    assert second.get_payload(decode=True) == b""
    expected = mime if mime in ("image/png", "text/csv") else "application/octet-stream"
    assert first.get_content_type() == expected
    assert body(message, "plain") == "Hi\n"
