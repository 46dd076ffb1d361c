"""what webhooks send again"""

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision = "0018"


def upgrade() -> None:
    op.add_column("webhook", sa.Column("replay_after", sa.BigInteger(), nullable=True))
    op.add_column("webhook", sa.Column("replay_until", sa.BigInteger(), nullable=True))
    # which of their fields are not for everybody was not asked when these were kept
    op.execute("UPDATE outside_event SET data = data #- '{case,facts,custom_fields}' #- '{purchaseOrder,customFields}'")


def downgrade() -> None:
    op.drop_column("webhook", "replay_until")
    op.drop_column("webhook", "replay_after")
