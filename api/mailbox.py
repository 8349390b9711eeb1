"""Where the local mailbox is, as `ferd up` starts it and the API shows it."""

from pathlib import Path

from settings import Settings

HOST = "127.0.0.1"


def folder(settings: Settings) -> Path:
    """The Maildir that keeps its mails."""
    return settings.home / "mailbox"


def is_local(settings: Settings) -> bool:
    """Whether mails go to the local mailbox and not to a relay."""
    return settings.smtp_url.get_secret_value() == f"smtp://{HOST}:{settings.mailbox_port}"
