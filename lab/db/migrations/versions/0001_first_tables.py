"""first tables

Revision ID: 0001
Revises:
"""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "dataset",
        sa.Column("digest", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("source", sa.String(), nullable=False),
        sa.Column("folder", sa.String(), nullable=False),
        sa.Column("n_personas", sa.Integer(), nullable=False),
        sa.Column("n_dialogues", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("digest"),
    )
    with op.batch_alter_table("dataset", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_dataset_name"), ["name"], unique=False)

    op.create_table(
        "job",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("method", sa.String(), nullable=False),
        sa.Column("queue", sa.String(), nullable=False),
        sa.Column("spec", sa.JSON(), nullable=False),
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("priority", sa.Integer(), nullable=False),
        sa.Column(
            "state",
            sa.Enum(
                "BLOCKED",
                "READY",
                "RUNNING",
                "RETRY_WAIT",
                "SUCCEEDED",
                "FAILED",
                "DEAD",
                "CANCELLED",
                "SKIPPED",
                name="state",
                native_enum=False,
                length=16,
            ),
            nullable=False,
        ),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("owner", sa.String(), nullable=True),
        sa.Column("device", sa.String(), nullable=True),
        sa.Column("beat", sa.Integer(), nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("max_tries", sa.Integer(), nullable=False),
        sa.Column("crashes", sa.Integer(), nullable=False),
        sa.Column("cancel_requested", sa.Boolean(), nullable=False),
        sa.Column("progress", sa.Float(), nullable=False),
        sa.Column("step", sa.Integer(), nullable=True),
        sa.Column("total_steps", sa.Integer(), nullable=True),
        sa.Column("eta_seconds", sa.Float(), nullable=True),
        sa.Column("loss", sa.Float(), nullable=True),
        sa.Column("val_loss", sa.Float(), nullable=True),
        sa.Column("note", sa.String(), nullable=False),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("checkpoint", sa.String(), nullable=True),
        sa.Column("checkpoint_step", sa.Integer(), nullable=False),
        sa.Column("artifact", sa.String(), nullable=True),
        sa.Column("manifest", sa.String(), nullable=True),
        sa.Column("result", sa.JSON(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
    with op.batch_alter_table("job", schema=None) as batch_op:
        batch_op.create_index(
            "job_key",
            ["key"],
            unique=True,
            sqlite_where=sa.text("key <> ''"),
            postgresql_where=sa.text("key <> ''"),
        )
        batch_op.create_index("job_claim", ["queue", "state", "priority", "id"], unique=False)

    op.create_table(
        "worker",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("host", sa.String(), nullable=False),
        sa.Column("machine", sa.String(), nullable=False),
        sa.Column("pid", sa.Integer(), nullable=False),
        sa.Column("pid_started", sa.Float(), nullable=False),
        sa.Column("devices", sa.JSON(), nullable=False),
        sa.Column("version", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("beat", sa.Integer(), nullable=False),
        sa.Column("usage", sa.JSON(), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "chatreply",
        sa.Column("job", sa.Integer(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("info", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(
            ["job"],
            ["job.id"],
        ),
        sa.PrimaryKeyConstraint("job"),
    )
    op.create_table(
        "joblog",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("job", sa.Integer(), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("text", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(
            ["job"],
            ["job.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
    )
    with op.batch_alter_table("joblog", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_joblog_job"), ["job"], unique=False)

    op.create_table(
        "jobparent",
        sa.Column("child", sa.Integer(), nullable=False),
        sa.Column("parent", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["child"],
            ["job.id"],
        ),
        sa.ForeignKeyConstraint(
            ["parent"],
            ["job.id"],
        ),
        sa.PrimaryKeyConstraint("child", "parent"),
    )
    with op.batch_alter_table("jobparent", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_jobparent_parent"), ["parent"], unique=False)

    op.create_table(
        "runmetric",
        sa.Column("job", sa.Integer(), nullable=False),
        sa.Column("series", sa.String(), nullable=False),
        sa.Column("group", sa.String(), nullable=False),
        sa.Column("step", sa.Integer(), nullable=False),
        sa.Column("value", sa.Float(), nullable=False),
        sa.ForeignKeyConstraint(
            ["job"],
            ["job.id"],
        ),
        sa.PrimaryKeyConstraint("job", "series", "group", "step"),
    )
    op.create_table(
        "score",
        sa.Column("job", sa.Integer(), nullable=False),
        sa.Column("persona_id", sa.String(), nullable=False),
        sa.Column("task_type", sa.String(), nullable=False),
        sa.Column("metric", sa.String(), nullable=False),
        sa.Column("value", sa.Float(), nullable=False),
        sa.Column("n", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["job"],
            ["job.id"],
        ),
        sa.PrimaryKeyConstraint("job", "persona_id", "task_type", "metric"),
    )
    op.create_table(
        "study",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("spec", sa.JSON(), nullable=False),
        sa.Column("dataset", sa.String(), nullable=False),
        sa.Column("base", sa.String(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["dataset"],
            ["dataset.digest"],
        ),
        sa.PrimaryKeyConstraint("id"),
    )
    with op.batch_alter_table("study", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_study_name"), ["name"], unique=True)

    op.create_table(
        "studyjob",
        sa.Column("study", sa.Integer(), nullable=False),
        sa.Column("job", sa.Integer(), nullable=False),
        sa.Column("method", sa.String(), nullable=False),
        sa.Column("makes_book", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(
            ["job"],
            ["job.id"],
        ),
        sa.ForeignKeyConstraint(
            ["study"],
            ["study.id"],
        ),
        sa.PrimaryKeyConstraint("study", "job", "method"),
    )
    with op.batch_alter_table("studyjob", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_studyjob_job"), ["job"], unique=False)


def downgrade() -> None:
    with op.batch_alter_table("studyjob", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_studyjob_job"))

    op.drop_table("studyjob")
    with op.batch_alter_table("study", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_study_name"))

    op.drop_table("study")
    op.drop_table("score")
    op.drop_table("runmetric")
    with op.batch_alter_table("jobparent", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_jobparent_parent"))

    op.drop_table("jobparent")
    with op.batch_alter_table("joblog", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_joblog_job"))

    op.drop_table("joblog")
    op.drop_table("chatreply")
    op.drop_table("worker")
    with op.batch_alter_table("job", schema=None) as batch_op:
        batch_op.drop_index("job_claim")
        batch_op.drop_index("job_key")

    op.drop_table("job")
    with op.batch_alter_table("dataset", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_dataset_name"))

    op.drop_table("dataset")
