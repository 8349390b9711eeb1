"""docs/steps.md says of every kind what the models say."""

from pathlib import Path

from flows.reference import reference
from flows.steps import KINDS
from flows.steps.call_webhook import CallWebhook

PAGE = Path(__file__).parent.parent / "docs" / "steps.md"


def test_the_committed_page_is_the_reference() -> None:
    assert PAGE.read_text("utf-8") == reference(), (
        "the models have changed: write docs/steps.md anew with python -m flows.reference"
    )


def test_every_kind_and_setting_is_told() -> None:
    page = reference()
    assert not [kind for kind in KINDS if f"\n## {kind}\n" not in page]
    section = page.partition("\n## call_webhook\n")[2].partition("\n## ")[0]
    settings = CallWebhook.model_fields.keys() - {"id", "kind", "name"}
    assert not [name for name in settings if f"| `{name}` |" not in section]
    assert "| `on_error` | `hold` or `continue` or `drop_out` | `hold` |" in section
