"""The reference journey: what both sides send, and the flow that ferd runs."""

from flows.definition import Flow

SENDER = "hello@fjord.example"
CONTENT = "welcome-mail"
FIRST_SUBJECT = "Welcome, {{ person.first_name }}"
SECOND_SUBJECT = "How is it going, {{ person.first_name }}?"
TEXT = """Hello {{ person.first_name }},

thank you for choosing Fjord Coffee. Your first bag is on its way.

See what we roast this week: https://fjord.example/roasts
"""
HTML = """<!doctype html><html><body style="font-family:sans-serif">
<h1>Hello {{ person.first_name }}</h1>
<p>Thank you for choosing Fjord Coffee. Your first bag is on its way.</p>
<p><a href="https://fjord.example/roasts">See what we roast this week</a></p>
</body></html>
"""


def flow(id: str, wait: str = "1 seconds") -> Flow:
    """Send an e-mail, wait, send a second one, update the person."""
    return Flow.model_validate(
        {
            "id": id,
            "name": "Reference journey",
            "email": {"from": SENDER, "reply_to": "same_as_from"},
            "steps": [
                {"id": "hello", "kind": "send_email", "content": CONTENT, "subject": FIRST_SUBJECT},
                {"id": "breathe", "kind": "wait", "for": wait},
                {"id": "again", "kind": "send_email", "content": CONTENT, "subject": SECOND_SUBJECT},
                {"id": "tag", "kind": "update_person", "set": {"person.category": "customer"}},
            ],
        }
    )
