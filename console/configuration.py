"""`ferd settings`: every setting, its value, and where that came from."""

from rich.text import Text

from console.shell import as_json
from console.tables import table
from settings import Origin, Settings


def show_settings(settings: Settings, *, json: bool) -> None:
    """Keys and passwords are masked."""
    shown = list(settings.shown())
    if json:
        as_json([setting._asdict() for setting in shown])
        return
    table(
        ("setting", "value", "from", "what for"),
        (
            (
                setting.name,
                setting.value,
                Text(setting.origin, "dim" if setting.origin is Origin.DEFAULT else "green"),
                Text(setting.description, "dim"),
            )
            for setting in shown
        ),
    )
