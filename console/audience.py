"""People of the demo who read their mail: they open, click, fill in forms, come to the webinar, and sometimes buy.

They act through what the mails give them, the public addresses, as a browser does. What a shop or a webinar tool would
tell ferd goes through its API.
"""

import html
import random
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from heapq import heappop, heappush
from urllib.parse import urlsplit
from uuid import uuid4

import httpx2

from console.client import Api
from console.rehearsal import MARK, PREFIX

_BROWSER = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
_OPENS, _CLICKS, _FILLS_IN, _COMES, _BUYS = 0.85, 0.6, 0.85, 0.8, 0.5
_SLOWEST = 2.5
"""Seconds until somebody looks at a mail, at the latest."""

_LINK = re.compile(r'href="([^"]*/t/[^"]+)"')
_PICTURE = re.compile(r'src="([^"]*/o/[^"]+)"')
_FORMS = {"/webinar": "webinar-registration", "/feedback": "win-back-feedback"}


@dataclass(order=True, frozen=True, slots=True)
class _Glance:
    """Somebody is going to look at a mail."""

    at: float
    mail: str = field(compare=False)


@dataclass(slots=True)
class Deeds:
    """What the audience has done."""

    mails: int = 0
    opened: int = 0
    clicked: int = 0
    forms: int = 0
    bought: int = 0


class Audience:
    """Call `look` often: whoever's time has come reads a mail and acts as the dice say."""

    def __init__(self, api: Api, seed: int = 7) -> None:
        self._api = api
        self._dice = random.Random(seed)
        self._browser = httpx2.Client(timeout=20.0, headers={"User-Agent": _BROWSER}, follow_redirects=False)
        self._newest = next((mail["id"] for mail in self._newest_first()), "")
        self._glances: list[_Glance] = []
        self.deeds = Deeds()

    def close(self) -> None:
        """End the connections."""
        self._browser.close()

    @property
    def busy(self) -> bool:
        """Whether somebody has not looked at a mail yet."""
        return bool(self._glances)

    def look(self) -> None:
        """Take note of new mails, and do what is due. What cannot be done is let go: it is a demo."""
        now = time.monotonic()
        new = []
        for mail in self._newest_first():
            if mail["id"] <= self._newest:
                break
            new.append(mail)
        if new:
            self._newest = new[0]["id"]
        for mail in reversed(new):
            if MARK in mail["from"]:
                self.deeds.mails += 1
                if self._dice.random() < _OPENS:
                    heappush(self._glances, _Glance(now + self._dice.uniform(0.3, _SLOWEST), mail["id"]))
        while self._glances and self._glances[0].at <= now:
            try:
                self._read(heappop(self._glances).mail)
            except httpx2.HTTPError:
                continue

    def _newest_first(self) -> Iterator[dict[str, str]]:
        cursor: str | None = None
        while True:
            page = self._api.get("/mailbox/messages", limit=500, cursor=cursor)
            yield from page["items"]
            cursor = page["next_cursor"]
            if cursor is None:
                return

    def _read(self, mail_id: str) -> None:
        mail = self._api.get(f"/mailbox/messages/{mail_id}")
        body, address = mail["html"], mail["to"]
        for picture in _PICTURE.findall(body)[:1]:
            self._browser.get(html.unescape(picture))
            self.deeds.opened += 1
        links = _LINK.findall(body)
        if links and self._dice.random() < _CLICKS:
            answer = self._browser.get(html.unescape(links[0]))
            self.deeds.clicked += 1
            self._arrive(answer.headers.get("location", ""), address)

    def _arrive(self, location: str, address: str) -> None:
        """Do what people do on the page that a link has led to."""
        place = urlsplit(location)
        if form := _FORMS.get(place.path):
            if self._dice.random() < _FILLS_IN:
                fields = {"email": address, "comment": "I moved to tea for a while.", "question": "Will there be cake?"}
                self._browser.post(f"{self._api.url}/f/{form}", data=fields)
                self.deeds.forms += 1
        elif place.hostname == "meet.fjord.example":
            if self._dice.random() < _COMES:
                people = [person["id"] for person in self._api.get("/v1/people", email=address)["items"]]
                attended = f"/v1/selections/{PREFIX}webinar-attended/members"
                self._api.post(attended, {"people": people}, fire_triggers=False)
        elif place.path == "/offer" and self._dice.random() < _BUYS:
            event = {
                "specversion": "1.0",
                "id": str(uuid4()),
                "source": "https://shop.fjord.example",
                "type": "sale_created",
                "subject": f"email:{address}",
            }
            self._api.post("/v1/events", event)
            self.deeds.bought += 1
