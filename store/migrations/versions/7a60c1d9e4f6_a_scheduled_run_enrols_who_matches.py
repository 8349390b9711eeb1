"""a scheduled run enrols who matches its triggers then"""

import sqlalchemy as sa
from alembic import op

revision = "7a60c1d9e4f6"
down_revision = "7a50b8c2d3e5"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "scheduled_command", sa.Column("enrol_existing", sa.Boolean(), server_default=sa.false(), nullable=False)
    )
