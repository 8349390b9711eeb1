"""mails that come back: known by their Message-ID"""

import sqlalchemy as sa
from alembic import op

revision = "7a20d8f1c3e2"
down_revision = "f3877540d6c1"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("message", sa.Column("mail_id", sa.String(), nullable=True))
    op.create_index(
        "message_of_mail",
        "message",
        ["mail_id"],
        sqlite_where=sa.text("mail_id IS NOT NULL"),
        postgresql_where=sa.text("mail_id IS NOT NULL"),
    )
