"""What a Lightning trainer tells of its fit."""

import math
from typing import Any

from lightning.pytorch import Trainer


def best_of(trainer: Trainer) -> tuple[str, float | None]:
    """Path and score of the best checkpoint so far; an empty path and None where the trainer keeps none."""
    callback = trainer.checkpoint_callback
    score = getattr(callback, "best_model_score", None)
    return str(getattr(callback, "best_model_path", "")), None if score is None else float(score)


def part_done(trainer: Trainer, batch_idx: int) -> float | None:
    """Part of a fit that is done after this batch; None of one without end."""
    if (epochs := trainer.max_epochs) and epochs > 0:
        return (trainer.current_epoch + min(1.0, (batch_idx + 1) / trainer.num_training_batches)) / epochs
    return trainer.global_step / trainer.max_steps if trainer.max_steps > 0 else None


def is_finite(loss: Any) -> bool:
    """Whether a loss is a finite number; what is no number, such as None of a step that was skipped, counts as one."""
    try:
        return math.isfinite(loss)
    except (TypeError, ValueError, RuntimeError):  # RuntimeError: a tensor of many numbers
        return True


def measured_now(trainer: Trainer) -> dict[str, float]:
    """Metrics of the loop that runs: Lightning keeps the last value of all, and makes these anew for each look."""
    before = dict(trainer.callback_metrics)
    return {name: float(value) for name, value in trainer.callback_metrics.items() if value is not before[name]}
