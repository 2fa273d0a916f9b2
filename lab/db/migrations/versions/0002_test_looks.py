"""test looks

Revision ID: 0002
Revises: 0001
"""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "testlook",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("dataset", sa.String(), nullable=False),
        sa.Column("study", sa.String(), nullable=False),
        sa.Column("methods", sa.JSON(), nullable=False),
        sa.Column("by", sa.String(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    with op.batch_alter_table("testlook", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_testlook_dataset"), ["dataset"], unique=False)


def downgrade() -> None:
    with op.batch_alter_table("testlook", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_testlook_dataset"))

    op.drop_table("testlook")
