"""A mail, ready to be sent, from what a step asked for: tracked, with a way out, its Message-ID made from the key."""

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from email.message import EmailMessage
from email.utils import format_datetime
from html import escape

from css_inline import CSSInliner, InlineError
from inscriptis import get_text  # type: ignore[import-untyped]
from inscriptis.css_profiles import STRICT_CSS_PROFILE  # type: ignore[import-untyped]
from inscriptis.model.config import ParserConfig  # type: ignore[import-untyped]

from activities.mail.headers import MailPolicy, canonical_address, encode_file_name, encode_mailbox, encode_text
from activities.mail.links import Tracker, track_html, track_text
from activities.mail.tokens import Tokens
from flows.ports import Email

UNSUBSCRIBE = "ferd:unsubscribe"
"""Stands in html and text for the recipient's unsubscribe address."""

_MIME = re.compile(r"[A-Za-z0-9][A-Za-z0-9!#$&^_.+-]*/[A-Za-z0-9][A-Za-z0-9!#$&^_.+-]*")
_STYLE = re.compile(r"<style[\s>]", re.IGNORECASE)
_BODY_END = re.compile(r"</body", re.IGNORECASE)

# Rules that cannot be put on an element (:hover, @media) stay in the style block. Nothing is ever fetched.
_INLINER = CSSInliner(
    load_remote_stylesheets=False, keep_link_tags=True, keep_style_tags=True, remove_inlined_selectors=True
)


@dataclass(frozen=True, slots=True)
class File:
    """An attachment: its name for the reader, its MIME type, its content."""

    name: str
    mime: str
    data: bytes


def compose(
    email: Email, key: str, *, date: datetime, public_url: str, tokens: Tokens, attachments: Sequence[File] = ()
) -> EmailMessage:
    """Make the message (STEP_1). The same key makes the same Message-ID. Raises BadAddress.

    `public_url` is where /t, /o and /u answer, without a slash at its end; `date` is aware. The message is ASCII, but
    where a local part of an address is not, which needs SMTPUTF8 (RFC 6531).
    """
    sender = canonical_address(email.sender.address)
    fields = {
        "Date": format_datetime(date),
        "Message-ID": message_id(key, sender),
        "From": encode_mailbox(email.sender),
        "To": ", ".join(encode_mailbox(mailbox) for mailbox in (email.to, *email.also)),
        "Subject": encode_text(email.subject),
    }
    if email.reply_to is not None:
        fields["Reply-To"] = encode_mailbox(email.reply_to)
    tracker = Tracker(public_url, tokens, email.message, email.links, email.campaign, email.person, email.flow)
    if email.unsubscribe:
        fields["List-Unsubscribe"] = f"<{tracker.unsubscribe_url()}>"
        fields["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"

    addresses = [sender, fields["To"], fields.get("Reply-To", "")]
    policy = MailPolicy(linesep="\r\n", cte_type="7bit", utf8=not all(map(str.isascii, addresses)))
    message = EmailMessage(policy)
    for name, value in fields.items():
        message[name] = value

    text, html = bodies(email.text, email.html, tracker, tracked=email.tracked)
    message.set_content(text)
    if html:
        message.add_alternative(html, subtype="html")
    if attachments:
        message.make_mixed()
    for file in attachments:
        part = EmailMessage(policy)
        part.set_content(file.data, *_media_type(file.mime))
        part["Content-Disposition"] = encode_file_name(file.name)
        message.attach(part)
    return message


def bodies(text: str, html: str, tracker: Tracker, *, tracked: bool) -> tuple[str, str]:
    """Text and HTML as they leave, of what was written: links tracked, styles inlined, text made from HTML alone."""
    track = tracker if tracked else _untracked
    html = _encodable(html)
    text = _encodable(text) or plain_text(html)
    unsubscribe_url = tracker.unsubscribe_url()
    text = track_text(text, track).replace(UNSUBSCRIBE, unsubscribe_url)
    if html:
        html = track_html(_with_inline_css(html), track).replace(UNSUBSCRIBE, escape(unsubscribe_url))
        html = _with_pixel(html, tracker.open_url()) if tracked else html
    return text, html


def message_id(key: str, sender: str) -> str:
    """The Message-ID that the effect `key` always has, in the domain of the address `sender`."""
    return f"<{mail_id(key)}@{sender.rpartition('@')[2]}>"


def mail_id(key: str) -> str:
    """The left part of that Message-ID: what is kept, to know the mail again when it comes back."""
    return hashlib.sha256(key.encode("utf-8")).hexdigest()[:40]


def _untracked(url: str) -> str:
    return url


def _media_type(mime: str) -> tuple[str, str]:
    kind, _, subtype = mime.partition("/")
    if not _MIME.fullmatch(mime) or kind in ("multipart", "message"):  # containers may not be base64 (RFC 2045)
        return "application", "octet-stream"
    return kind, subtype


def _with_inline_css(html: str) -> str:
    if not _STYLE.search(html):
        return html
    try:
        return _INLINER.inline(html)
    except InlineError:
        # The style block is still there, and most mail programs read it.
        return html


def plain_text(html: str) -> str:
    """What a mail says to who reads no HTML, where its content gives no text (STEP_1)."""
    config = ParserConfig(css=STRICT_CSS_PROFILE, display_links=True)
    return str(get_text(html, config)) if html.strip() else ""


def _with_pixel(html: str, url: str) -> str:
    pixel = f'<img src="{escape(url)}" width="1" height="1" alt="" style="display:block;border:0">'
    ends = list(_BODY_END.finditer(html))
    at = ends[-1].start() if ends else len(html)
    return html[:at] + pixel + html[at:]


def _encodable(text: str) -> str:
    return text.encode("utf-8", "replace").decode("utf-8")
