"""The page that people see who come from a mail or a form: text, and at most one button."""

import base64
from collections.abc import Sequence
from hashlib import sha256

from fastapi import Response
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

_STYLE = (
    "body{margin:0;background:#f4f1ea;color:#2c2a26;font:18px/1.6 system-ui,sans-serif}"
    "main{max-width:34rem;margin:12vh auto;padding:2rem 2.5rem;background:#fff;border-radius:12px}"
    "h1{margin:0 0 1rem;font-size:1.5rem;line-height:1.3}p{margin:0 0 1rem}"
    "button{padding:.7rem 1.6rem;border:0;border-radius:8px;background:#17383b;color:#fff;font:inherit;cursor:pointer}"
    "button:focus-visible{outline:3px solid #b8692e;outline-offset:2px}"
)
_STYLE_HASH = base64.b64encode(sha256(_STYLE.encode()).digest()).decode()

HEADERS = {
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Robots-Tag": "noindex",
}
"""For every answer of the public side."""

_PAGE_HEADERS = {
    **HEADERS,
    "Content-Security-Policy": (
        f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; form-action 'self'; base-uri 'none'; "
        "frame-ancestors 'none'"
    ),
}

_TEMPLATE = Environment(
    loader=PackageLoader("api"), autoescape=True, undefined=StrictUndefined, trim_blocks=True
).get_template("public.html")


def page(title: str, *lines: str, found: Sequence[str] = (), button: str | None = None, status: int = 200) -> Response:
    """A page; everything given is text and is escaped. The button posts to the page's own address."""
    html = _TEMPLATE.render(title=title, lines=lines, found=found, button=button, style=Markup(_STYLE))
    return Response(html, status, _PAGE_HEADERS, "text/html")
