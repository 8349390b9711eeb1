"""clicks settle: whether a machine made them is known a moment later"""

import sqlalchemy as sa
from alembic import op

revision = "7a30e4b7d9f3"
down_revision = "9530633feeaf"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("event", sa.Column("settles_at", sa.DateTime(timezone=True), nullable=True))
    op.create_index(
        "event_settling",
        "event",
        ["settles_at"],
        sqlite_where=sa.text("settles_at IS NOT NULL"),
        postgresql_where=sa.text("settles_at IS NOT NULL"),
    )
