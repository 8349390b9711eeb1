"""brakes for later"""

import sqlalchemy as sa
from alembic import op

revision = "a5d03e7c91b8"
down_revision = "c1e4a7d05b92"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "scheduled_brake",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("brake", sa.String(), nullable=False),
        sa.Column("command", sa.String(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("given_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
