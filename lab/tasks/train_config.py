"""The training settings of a job's spec, as the models take them."""

from __future__ import annotations

from lab.methods.declare import Training
from lab.models.training import TrainConfig
from lab.tasks.context import JobContext


def train_config(context: JobContext) -> TrainConfig:
    """The settings of the job's spec."""
    training = Training(**context.spec["training"])
    return TrainConfig(
        epochs=training.epochs,
        batch_size=training.batch_size,
        learning_rate=training.learning_rate,
        warmup_ratio=training.warmup_ratio,
        weight_decay=training.weight_decay,
        max_grad_norm=training.max_grad_norm,
        seed=context.spec["seed"],
        patience=training.patience,
        checkpoint_seconds=context.assignment.checkpoint_seconds,
    )
