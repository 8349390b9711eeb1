"""Facts about one participant, for tests: only what a test names is there."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from flows.facts import Content, Facts, Happening, Values

NOW = datetime(2026, 6, 1, 12, 0, tzinfo=UTC)


@dataclass
class GivenRecords:
    """What is looked up: the groups the person is in; nothing else exists."""

    groups: Collection[str] = field(default_factory=set)

    def member_of(self, group: str) -> bool:
        return group in self.groups

    def content(self, content: str) -> Content | None:
        return None

    def associate(self, associate: str) -> Values:
        return {}

    def links(self) -> Mapping[str, str]:
        return {}

    def registered(self, html: str, text: str) -> Mapping[str, str]:
        return {}

    def happenings(
        self, types: Collection[str], since: datetime | None = None, *, unused: bool = False
    ) -> Sequence[Happening]:
        return ()

    def settling(self, types: Collection[str], until: datetime) -> datetime | None:
        return None

    def last_sent(self, link: str | None, content: str | None = None) -> datetime | None:
        return None

    def last_acted(self) -> datetime:
        return NOW


def facts(
    *,
    person: Values | None = None,
    company: Values | None = None,
    owner: Values | None = None,
    event: Values | None = None,
    values: Values | None = None,
    groups: Collection[str] = (),
) -> Facts:
    return Facts(
        now=NOW,
        since=NOW,
        participant="p1",
        enrolled_at=NOW,
        person=person or {},
        company=company or {},
        owner=owner or {},
        service_owner={},
        records=GivenRecords(groups),
        event=event or {},
        values=values or {},
    )
