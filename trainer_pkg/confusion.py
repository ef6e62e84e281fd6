"""Which class was taken for which: counted at the test, for each head of classes."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.callbacks import Callback
from torch import Tensor
from torchmetrics.classification import MulticlassConfusionMatrix

from trainer_pkg.atomic import write_atomically
from trainer_pkg.record import tell
from trainer_pkg.spec import Categorical, Target

_MAX_CLASSES = 200
"""A thousand classes are a million numbers."""


class Confusion(Callback):
    """Writes `confusion.json` at the end of a test, and tells the loggers that keep files.

    It holds `tables`, one per trained head of at most 200 classes: its name, the metric that is the share of its
    diagonal, its classes, and counts with a row per true class and a column per predicted one.

    Args:
        targets: Head name to target, of all heads.
        directory: Where the file is written.
    """

    def __init__(self, targets: Mapping[str, Target], directory: str | Path) -> None:
        self._prefixes = {head: f"{head}_" if len(targets) > 1 else "" for head in targets}
        self._classes = {
            head: target.num_classes
            for head, target in targets.items()
            if isinstance(target, Categorical) and target.num_classes <= _MAX_CLASSES
        }
        self._path = Path(directory) / "confusion.json"
        self._matrices: dict[str, MulticlassConfusionMatrix] = {}

    def on_test_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._matrices = {}

    def on_test_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, *args: Any, **kwargs: Any
    ) -> None:
        for head, found_B in (outputs if isinstance(outputs, Mapping) else {}).items():
            if head in self._classes:
                self._matrix_of(head, found_B).update(self._as_classes(head, found_B), batch[head].long())

    def on_test_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        tables = [self._table(head, matrix.compute()) for head, matrix in self._matrices.items()]
        if tables and trainer.is_global_zero and not trainer.fast_dev_run:  # type: ignore[attr-defined]
            content = json.dumps({"tables": tables}).encode()
            write_atomically(self._path, lambda file: file.write(content))
            tell(trainer, "log_artifact", path=str(self._path))

    def _matrix_of(self, head: str, like: Tensor) -> MulticlassConfusionMatrix:
        if head not in self._matrices:
            self._matrices[head] = MulticlassConfusionMatrix(self._classes[head], validate_args=False).to(like.device)
        return self._matrices[head]

    def _as_classes(self, head: str, found_B: Tensor) -> Tensor:
        """The class nearest to a prediction: a loss of ordered classes may predict a number between two."""
        nearest_B = found_B.round() if found_B.is_floating_point() else found_B
        return nearest_B.long().clamp(0, self._classes[head] - 1)

    def _table(self, head: str, counts_KK: Tensor) -> dict[str, Any]:
        classes = [str(label) for label in range(self._classes[head])]
        metric = f"test/{self._prefixes[head]}acc"
        return {"name": head, "metric": metric, "classes": classes, "counts": counts_KK.int().tolist()}
