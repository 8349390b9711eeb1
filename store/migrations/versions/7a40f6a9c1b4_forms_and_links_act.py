"""forms and links act by themselves"""

import sqlalchemy as sa
from alembic import op

from store.columns import Json

revision = "7a40f6a9c1b4"
down_revision = "ccad5ca5b535"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("link", sa.Column("actions", Json, nullable=False, server_default="[]"))
    op.add_column("form", sa.Column("actions", Json, nullable=False, server_default="[]"))
    op.add_column("form", sa.Column("new_people", Json, nullable=False, server_default="{}"))
