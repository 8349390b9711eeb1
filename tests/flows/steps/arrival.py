"""Participants who stand at a step, for tests of the kinds of step."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from flows.definition import Flow
from flows.facts import Content, Facts, Happening, Values

MONDAY = datetime(2026, 6, 1, 12, 0, tzinfo=UTC)
"""Noon in UTC, two in the afternoon in Oslo."""

PERSON: Values = {"id": "p1", "name": "Åse Næss", "first_name": "Åse", "email": "ase@post.example", "country": "NO"}


def event(type: str, at: datetime, **data: Any) -> Happening:
    """Something that happened."""
    return Happening(f"{type}@{at:%d%H%M}", type, at, data)


@dataclass
class GivenRecords:
    """Records that hold what a test names."""

    contents: Mapping[str, Content] = field(default_factory=dict)
    known: Mapping[str, str] = field(default_factory=dict)
    happened: Sequence[Happening] = ()
    groups: Collection[str] = ()
    sent: Mapping[str | None, datetime] = field(default_factory=dict)
    acted: datetime = MONDAY

    def member_of(self, group: str) -> bool:
        return group in self.groups

    def content(self, content: str) -> Content | None:
        return self.contents.get(content)

    def associate(self, associate: str) -> Values:
        return {}

    def links(self) -> Mapping[str, str]:
        return self.known

    def registered(self, html: str, text: str) -> Mapping[str, str]:
        return {url: link for link, url in self.known.items() if url in html + text}

    def happenings(
        self, types: Collection[str], since: datetime | None = None, *, unused: bool = False
    ) -> Sequence[Happening]:
        found = [each for each in self.happened if each.type in types and (since is None or each.at >= since)]
        return sorted(found, key=lambda each: each.at)

    def settling(self, types: Collection[str], until: datetime) -> datetime | None:
        return None

    def last_sent(self, link: str | None, content: str | None = None) -> datetime | None:
        return self.sent.get(link)

    def last_acted(self) -> datetime:
        return self.acted


def standing(now: datetime = MONDAY, since: datetime = MONDAY, *, person: Values = PERSON, **more: Any) -> Facts:
    """The facts of someone who came to the step at `since`; records are named by their fields."""
    known = {key: more.pop(key) for key in ("company", "owner", "service_owner") if key in more}
    return Facts(
        now=now,
        since=since,
        participant="participant-1",
        enrolled_at=since,
        person=person,
        company=known.get("company", {}),
        owner=known.get("owner", {}),
        service_owner=known.get("service_owner", {}),
        records=GivenRecords(**more),
        message="message-1",
    )


def flow_with(*steps: Mapping[str, Any], **settings: Any) -> Flow:
    """A flow of these steps, in Oslo."""
    return Flow.model_validate({"id": "f", "time_zone": "Europe/Oslo", **settings, "steps": list(steps)})
