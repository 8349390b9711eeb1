"""counters by day, and when a flow's were last recounted"""

import sqlalchemy as sa
from alembic import op

revision = "40c2a7d19be4"
down_revision = "c9c291b6d50a"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "tally_by_day",
        sa.Column("flow", sa.String(), nullable=False),
        sa.Column("generation", sa.Integer(), nullable=False),
        sa.Column("measure", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("shard", sa.Integer(), nullable=False),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("flow", "generation", "measure", "name", "day", "shard"),
    )
    # What was counted before days were kept is of the day on which the flow was made.
    op.execute(
        "INSERT INTO tally_by_day (flow, generation, measure, name, day, shard, count) "
        "SELECT tally.flow, tally.generation, measure, tally.name, date(created_at), shard, count "
        "FROM tally JOIN flow ON flow.id = tally.flow"
    )
    op.drop_table("tally")
    op.rename_table("tally_by_day", "tally")
    op.create_table(
        "recount",
        sa.Column("flow", sa.String(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("mended", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("flow"),
    )
