"""partial indexes that sqlite can use, and one of everyone who is held"""

from alembic import op
from sqlalchemy import text

revision = "c1e4a7d05b92"
down_revision = "6bd1157b8abd"
branch_labels = None
depends_on = None

# SQLite proves nothing: it uses a partial index only where a query says the very same, and ours say `holding = 1`.
_ON_SQLITE = {
    "participant_holding": (["flow", "number"], "holding = 1"),
    "participant_unstarted": (["enrolled_at"], "started = 0 AND status = 'active'"),
}


def upgrade() -> None:
    if op.get_bind().dialect.name == "sqlite":
        for name, (columns, where) in _ON_SQLITE.items():
            op.drop_index(name, table_name="participant")
            op.create_index(name, "participant", columns, sqlite_where=text(where))
    op.create_index(
        "participant_held", "participant", ["number"],
        sqlite_where=text("holding = 1"), postgresql_where=text("holding"),
    )  # fmt: skip
    op.create_index("link_by_url", "link", ["url"])
