"""messages by SMS: segments, delivery, notices, people by number"""

import sqlalchemy as sa
from alembic import op

revision = "7a10c5e2b0d1"
down_revision = "1d1798c56b9f"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("message", sa.Column("segments", sa.Integer(), nullable=False, server_default="0"))
    op.add_column("message", sa.Column("delivery", sa.String(), nullable=True))
    op.add_column("message", sa.Column("notice", sa.Boolean(), nullable=False, server_default=sa.false()))
    op.create_index("person_mobile", "person", ["mobile", "id"])
