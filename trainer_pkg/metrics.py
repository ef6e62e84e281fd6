"""Loss, accuracy and mean absolute error of every head over an epoch, and what is reported of them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torchmetrics import Metric

from trainer_pkg.spec import Categorical, Continuous, Ordinal, Target

DIRECTIONS: Mapping[str, str] = {"loss": "min", "acc": "max", "mae": "min"}
"""Kind of metric to the direction in which it is better. Every metric reported is of one of these kinds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reported:
    """One metric of a stage.

    Attributes:
        kind: A key of `DIRECTIONS`.
        heads: Positions of the heads whose mean it is; None: it is the weighted total of all heads.
    """

    kind: str
    heads: tuple[int, ...] | None


def reported_of(targets: Mapping[str, Target], trained: Sequence[str] | None = None) -> dict[str, Reported]:
    """What each stage reports: metric name without its stage to metric, in the order of the reports.

    First comes one metric of each head, then the total loss, the losses, the mean accuracy, and the other metrics. With
    one head no name contains the head, and the total loss is its loss.

    A head that is not trained has no metrics, and where there is one there is no mean: it would be a mean of other
    heads than in the next run.

    Args:
        targets: Head name to target, in the order of the data set.
        trained: Names of the heads that are trained, in that order; positions count them alone. None: all.
    """
    heads = list(targets) if trained is None else list(trained)
    kinds = [_kinds_of(targets[head]) for head in heads]
    prefixes = [f"{head}_" for head in heads] if len(targets) > 1 else [""]

    def of(names: list[tuple[int, str]]) -> dict[str, Reported]:
        return {f"{prefixes[i]}{kind}": Reported(kind=kind, heads=(i,)) for i, kind in names}

    first = of([(i, of_head[0]) for i, of_head in enumerate(kinds)])
    further = of([(i, kind) for i, of_head in enumerate(kinds) for kind in of_head[1:]])
    total = {"loss": Reported(kind="loss", heads=None)}
    if len(targets) == 1:
        return {**first, **total, **further}
    losses = of([(i, "loss") for i in range(len(kinds))])
    classes = tuple(i for i, of_head in enumerate(kinds) if "acc" in of_head)
    is_whole = all(head in heads or isinstance(target, Continuous) for head, target in targets.items())
    mean = {"mean_acc": Reported(kind="acc", heads=classes)} if classes and is_whole else {}
    return {**first, **total, **losses, **mean, **further}


def _kinds_of(target: Target) -> tuple[str, ...]:
    """What is measured of a head beside its loss, the main metric first."""
    if isinstance(target, Continuous):
        return ("mae",)
    return ("acc", "mae") if isinstance(target, Ordinal) else ("acc",)


class HeadMetrics(Metric):
    """Mean loss, accuracy and mean absolute error of each head, over the rows since the last reset.

    It is one metric for all heads, with vectors for its state: a step costs three additions, however many heads.

    Args:
        targets: Head name to target, in the order of the data set.
    """

    full_state_update = False
    loss_sum_H: Tensor
    correct_H: Tensor
    error_sum_H: Tensor
    num_rows: Tensor

    def __init__(self, targets: Mapping[str, Target]) -> None:
        super().__init__()
        self._heads = list(targets)
        self._classes = [isinstance(target, Categorical) for target in targets.values()]
        self._steps = [
            target.step if isinstance(target, Ordinal) else float(isinstance(target, Continuous))
            for target in targets.values()
        ]
        zeros = torch.zeros(len(targets), dtype=torch.float32)
        for name in ("loss_sum_H", "correct_H", "error_sum_H"):
            self.add_state(name, zeros.clone(), dist_reduce_fx="sum", persistent=True)
        self.add_state("num_rows", torch.tensor(0), dist_reduce_fx="sum", persistent=True)

    @property
    def measures_errors(self) -> bool:
        """Whether any head has a mean absolute error."""
        return any(self._steps)

    def update(self, losses_H: Tensor, predictions: Mapping[str, Tensor], batch: Mapping[str, Tensor]) -> None:
        """Add a batch.

        Args:
            losses_H: The mean loss of each head, (H,).
            predictions: Head name to predicted labels (B,).
            batch: Head name to labels (B,), among other entries.
        """
        num_rows = len(batch[self._heads[0]])
        pairs = [(predictions[head], batch[head]) for head in self._heads]
        # New sums each time: torchmetrics takes those of a checkpoint as they are, and others may read it after a test.
        self.loss_sum_H = self.loss_sum_H + losses_H.detach() * num_rows
        if any(self._classes):
            hits = [(found.round() if found.is_floating_point() else found) == label for found, label in pairs]
            self.correct_H = self.correct_H + torch.stack([hit.sum() for hit in hits])
        if self.measures_errors:
            errors = [(found - label).abs().float().sum() for found, label in pairs]
            self.error_sum_H = self.error_sum_H + torch.stack(errors)
        self.num_rows = self.num_rows + num_rows

    def add(self, sums: Mapping[str, Tensor], num_rows: int) -> None:
        """Add rows that were measured elsewhere.

        Args:
            sums: Name of a sum to what is added to it, (H,).
            num_rows: How many rows they are.
        """
        for name, sums_H in sums.items():
            setattr(self, name, getattr(self, name) + sums_H)
        self.num_rows = self.num_rows + num_rows
        self._update_count, self._computed = self._update_count + 1, None  # as behind `update`

    def compute(self) -> dict[str, Tensor]:
        """`loss`, `acc` and `mae`, each (H,); `mae` in the unit of the head's target."""
        steps_H = torch.tensor(self._steps, device=self.error_sum_H.device)
        sums = {"loss": self.loss_sum_H, "acc": self.correct_H, "mae": self.error_sum_H * steps_H}
        return {name: values_H / self.num_rows for name, values_H in sums.items()}
