"""A mail as its reader sees it: links by what is written on them, and the pictures that it loads."""

from email.message import EmailMessage
from html.parser import HTMLParser


class Letter(HTMLParser):
    """The links and pictures of a mail, in their order."""

    def __init__(self, mail: EmailMessage) -> None:
        super().__init__()
        self.links: list[tuple[str, str]] = []
        """(what is written on it, address)"""
        self.pictures: list[str] = []
        html = mail.get_body(("html",))
        assert html is not None, "a mail without HTML"
        self.feed(html.get_content())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Called by the parser."""
        given = dict(attrs)
        if tag == "a":
            self.links.append(("", given.get("href") or ""))
        if tag == "img":
            self.pictures.append(given.get("src") or "")

    def handle_data(self, data: str) -> None:
        """Called by the parser."""
        if self.links and self.links[-1][0] == "":
            self.links[-1] = (data.strip(), self.links[-1][1])
