"""what forms and links do outside our store: mails, and what another CRM carries out"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "7a70d2e0f5a7"
down_revision = "2c8854026581"
branch_labels = None
depends_on = None

_OF_PERSON = sa.text("person IS NOT NULL")


def upgrade() -> None:
    op.create_table(
        "pending_effect",
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("effect", sa.String(), nullable=False),
        sa.Column("person", sa.String(), nullable=False),
        sa.Column("source", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("channel", sa.String(), nullable=False),
        sa.Column("what", sa.String(), nullable=False),
        sa.Column("request", sa.JSON().with_variant(postgresql.JSONB(), "postgresql"), nullable=False),
        sa.Column("due", sa.DateTime(timezone=True), nullable=True),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("number"),
        sa.UniqueConstraint("effect"),
    )
    for name, columns, where in (
        ("pending_effect_due", ["channel", "due"], "due IS NOT NULL"),
        ("pending_effect_undecided", ["effect"], "due IS NULL"),
    ):
        op.create_index(
            name, "pending_effect", columns, sqlite_where=sa.text(where), postgresql_where=sa.text(where)
        )  # fmt: skip
    op.create_index("pending_effect_of_person", "pending_effect", ["person", "channel", "number"])
    op.execute(
        "INSERT INTO pending_effect (effect, person, source, kind, channel, what, request, due, made_at) "
        "SELECT reply.effect, reply.person, message.step, 'send_email', 'email', 'Send e-mail ' || message.content, "
        "reply.email, reply.due, reply.made_at FROM reply JOIN message ON message.effect = reply.effect "
        "ORDER BY reply.made_at, reply.effect"
    )
    op.drop_table("reply")
    op.add_column("effect", sa.Column("person", sa.String(), nullable=True))
    op.execute(
        "UPDATE effect SET person = (SELECT message.person FROM message WHERE message.effect = effect.key) "
        "WHERE participant = ''"
    )
    op.create_index("effect_of_person", "effect", ["person"], sqlite_where=_OF_PERSON, postgresql_where=_OF_PERSON)
