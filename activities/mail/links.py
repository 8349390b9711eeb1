"""Tracked links: every http(s) link of a mail leads through `{public_url}/t/{token}`; the rest stays byte for byte.

In HTML the `href` of `a` and `area` counts, and of the VML shapes that mail programs by Microsoft read inside
conditional comments; `link` and `base` are no links for a reader. In text every http(s) URL counts.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from html import escape, unescape
from html.entities import html5
from html.parser import HTMLParser
from urllib.parse import parse_qsl, urlencode, urlsplit

from activities.mail.tokens import Tokens

_WEB = re.compile(r"https?://[^/?#]", re.IGNORECASE)
_ATTRIBUTE = re.compile(r"([^\s/>=\"'][^\s/>=]*)(?:\s*=\s*(\"[^\"]*\"|'[^']*'|[^\s>\"'][^\s>]*))?")
_REFERENCE = re.compile(r"&(?:#[0-9]+;?|#[xX][0-9a-fA-F]+;?|([A-Za-z][A-Za-z0-9]*)(;|(?![A-Za-z0-9=])))")
_URL_IN_TEXT = re.compile(r"https?://[^\s<>\"\[\]]+", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Tracker:
    """Turns a link's target into its tracked address. A URL that cannot be understood is left as it is.

    `links` maps the URLs of registered links to ids, `campaign` holds the tags that are appended to targets. Whoever
    unsubscribes is `person`, from the mails of `flow`.
    """

    public_url: str
    tokens: Tokens
    message: str
    links: Mapping[str, str]
    campaign: Mapping[str, str]
    person: str
    flow: str

    def __call__(self, url: str) -> str:
        # The URL standard drops these characters, and so do browsers.
        url = re.sub(r"[\t\r\n]", "", url.strip())
        if not _WEB.match(url):
            return url
        try:
            target = with_campaign(url, self.campaign)
        except ValueError:
            return url
        return f"{self.public_url}/t/{self.tokens.click(self.message, self.links.get(url, ''), target)}"

    def open_url(self) -> str:
        """Of the picture that tells that the mail was opened."""
        return f"{self.public_url}/o/{self.tokens.open(self.message)}"

    def unsubscribe_url(self) -> str:
        """Where the recipient turns away."""
        return f"{self.public_url}/u/{self.tokens.unsubscribe(self.message, self.person, self.flow)}"


def with_campaign(url: str, campaign: Mapping[str, str]) -> str:
    """Append the campaign's tags, `utm_medium=email` unless it names another; what the author wrote stays (STEP_1)."""
    query = urlsplit(url).query
    if not campaign:
        return url
    present = {name for name, _ in parse_qsl(query, keep_blank_values=True)}
    tags = {"utm_medium": "email", **campaign}
    added = urlencode({name: tags[name] for name in sorted(tags) if name not in present and tags[name]})
    address, hash_sign, fragment = url.partition("#")
    joint = "" if address.endswith(("?", "&")) or not added else "&" if "?" in address else "?"
    return f"{address}{joint}{added}{hash_sign}{fragment}"


def track_html(html: str, track: Callable[[str], str]) -> str:
    """Put `track` on every link of `html`."""
    finder = _LinkFinder(html)
    out, at = [], 0
    for start, end in finder.values:
        value = html[start:end]
        target = _attribute_text(value[1:-1] if value[0] in "\"'" else value)
        if _WEB.match(target.strip()):
            out += [html[at:start], '"', escape(track(target)), '"']
            at = end
    return "".join([*out, html[at:]])


def web_links(html: str, text: str) -> set[str]:
    """The web addresses that a reader of the mail can follow: those of the HTML, or of the text if there is none."""
    found: set[str] = set()

    def collect(url: str) -> str:
        found.add(re.sub(r"[\t\r\n]", "", url.strip()))
        return url

    if html:
        track_html(html, collect)
    else:
        track_text(text, collect)
    return found


def track_text(text: str, track: Callable[[str], str]) -> str:
    """Put `track` on every http(s) URL of `text`, leaving the punctuation that follows it."""

    def tracked(match: re.Match[str]) -> str:
        url = match[0].rstrip(".,;:!?'*_")
        while url.endswith(")") and url.count(")") > url.count("("):
            url = url[:-1].rstrip(".,;:!?'*_")
        return track(url) + match[0][len(url) :]

    return _URL_IN_TEXT.sub(tracked, text)


class _LinkFinder(HTMLParser):
    """Finds where the values of link addresses stand: `values` holds (start, end) with any quotes, in order."""

    def __init__(self, html: str, offset: int = 0) -> None:
        super().__init__()
        self.values: list[tuple[int, int]] = []
        self._offset = offset
        self._lines = [0, *(match.end() for match in re.finditer("\n", html))]
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in ("a", "area") and not tag.startswith("v:"):
            return
        text = self.get_starttag_text() or ""
        for attribute in _ATTRIBUTE.finditer(text, 1 + len(tag)):
            if attribute[1].lower() == "href":
                if attribute[2]:
                    at = self._position()
                    self.values.append((at + attribute.start(2), at + attribute.end(2)))
                return

    def handle_comment(self, data: str) -> None:
        if data.startswith("[if"):
            self.values += _LinkFinder(data, self._position() + len("<!--")).values

    def parse_html_declaration(self, i: int) -> int:
        # The parser fails on an unknown marked section; HTML reads it as a comment.
        if self.rawdata.startswith("<![", i):
            return self.parse_bogus_comment(i)
        return super().parse_html_declaration(i)

    def _position(self) -> int:
        line, column = self.getpos()
        return self._offset + self._lines[line - 1] + column


def _attribute_text(value: str) -> str:
    """Decode character references as HTML does in attributes: `&copy=1` in a query stays what it is."""

    def decoded(match: re.Match[str]) -> str:
        name, end = match[1], match[2]
        if name is None:
            return unescape(match[0])
        return html5.get(name + end, match[0])

    return _REFERENCE.sub(decoded, value)
