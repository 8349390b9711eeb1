"""Column types and ids that every table shares."""

import secrets
import time
from datetime import UTC, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any

from sqlalchemy import JSON, DateTime, Dialect, String
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.types import TypeDecorator


class Moment(TypeDecorator[datetime]):
    """A point in time: aware, in UTC, to the microsecond; on SQLite stored without an offset and read back as UTC."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Refuse a naive time: its meaning would depend on the machine."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"{value!r} has no time zone; give an aware datetime")
        value = value.astimezone(UTC)
        return value.replace(tzinfo=None) if dialect.name == "sqlite" else value

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Always aware."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class Choice(TypeDecorator[StrEnum]):
    """One of a closed list, stored by its value as text, so that a list can grow without changing a table."""

    impl = String
    cache_ok = True

    def __init__(self, choices: type[StrEnum]) -> None:
        super().__init__()
        self.choices = choices

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        """The value's text."""
        return None if value is None else self.choices(value).value

    def process_result_value(self, value: str | None, dialect: Dialect) -> StrEnum | None:
        """The member."""
        return None if value is None else self.choices(value)


class Amount(TypeDecorator[Decimal]):
    """An amount of money, to the last digit; as text, because SQLite knows only binary fractions."""

    impl = String
    cache_ok = True

    def process_bind_param(self, value: Decimal | None, dialect: Dialect) -> str | None:
        """In plain digits."""
        return None if value is None else f"{value:f}"

    def process_result_value(self, value: str | None, dialect: Dialect) -> Decimal | None:
        """As it was given."""
        return None if value is None else Decimal(value)


Json: Any = JSON().with_variant(JSONB(), "postgresql")
"""JSON text on SQLite, jsonb on PostgreSQL."""


def new_id(prefix: str) -> str:
    """An opaque id, `per_…`: begins with the millisecond it was made in, so that indexes grow at their end."""
    return f"{prefix}_{time.time_ns() // 1_000_000:011x}{secrets.token_hex(5)}"


def no_items() -> list[Any]:
    """A column's empty list.

    As a function of ours, not `list`: a model asks its factory for its signature at each row, and Python reads that of
    a built-in class by parsing text, which takes most of a row's time and can fail in several threads at once.
    """
    return []


def no_keys() -> dict[str, Any]:
    """A column's empty object; a function of ours for the same reason as `no_items`."""
    return {}
