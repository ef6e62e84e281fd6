"""Which epoch of a run stands for it: the one with the best score, which does not depend on the loss weights."""

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from trainer_pkg.errors import ConfigError, did_you_mean
from trainer_pkg.spec import Continuous, Target

SCORE, SCORE_BEST, SELECTED_EPOCH = "val/score", "val/score_best", "val/selected_epoch"


class Selection(nn.Module):
    """The score of each epoch, and the best one so far with its number.

    The skill of a head of classes is its accuracy. The skill of a number is 1 - mae / mae of the constant predictor
    that answers with the median of the training labels: 0 is as good as the constant, 1 is perfect. The score is a mean
    of skills. Of two epochs with one score the earlier counts.

    Args:
        rule: `auto`: the mean over the trained heads. `mean`: the mean over all heads, each of which must be trained,
            so that trials with other heads are not compared. A head's name: the skill of that head.
        targets: Head name to target, of all heads.
        trained: Names of the heads that are trained, in the order of the metrics.

    Raises:
        ConfigError: The rule is none of these, or names a head that is not trained.

    Example:
        >>> from trainer_pkg.spec import Categorical
        >>> heads = {"digit": Categorical(num_classes=10), "age": Continuous(low=0.0, high=90.0)}
        >>> selection = Selection("auto", heads, ["digit", "age"])
        >>> selection.compare_with({"age": 20.0})
        >>> means = {"acc": torch.tensor([0.9, 0.0]), "mae": torch.tensor([0.0, 10.0])}
        >>> {name: round(value.item(), 4) for name, value in selection.update(means, epoch=1).items()}
        {'val/score': 0.7, 'val/score_best': 0.7, 'val/selected_epoch': 1.0}
    """

    best: Tensor
    epoch: Tensor
    constant_mae_H: Tensor
    is_number_H: Tensor
    counts_H: Tensor

    def __init__(self, rule: str, targets: Mapping[str, Target], trained: list[str]) -> None:
        super().__init__()
        self._trained = trained
        heads = _heads_of(rule, list(targets), trained)
        self.register_buffer("best", torch.tensor(-torch.inf))
        self.register_buffer("epoch", torch.tensor(0.0))
        for name, values in {
            "is_number_H": torch.tensor([isinstance(targets[head], Continuous) for head in trained]),
            "counts_H": torch.tensor([head in heads for head in trained]),
            "constant_mae_H": torch.tensor([_width(targets[head]) for head in trained]),
        }.items():
            self.register_buffer(name, values, persistent=False)

    def compare_with(self, constant_mae: Mapping[str, float]) -> None:
        """Set the error of the constant predictor of each number; where it makes none, the range of the target counts.

        Args:
            constant_mae: Head name to mean absolute error, in the unit of the target.
        """
        for position, head in enumerate(self._trained):
            if constant_mae.get(head):
                self.constant_mae_H[position] = constant_mae[head]

    def update(self, means: Mapping[str, Tensor], epoch: int) -> dict[str, Tensor]:
        """What is reported of an epoch: its score, the best score so far, and the epoch of that one.

        Args:
            means: `acc` and `mae` of the trained heads in validation, each (H,).
            epoch: The number of the epoch, from 1 on.
        """
        skills_H = torch.where(self.is_number_H, 1 - means["mae"] / self.constant_mae_H, means["acc"])
        score = skills_H[self.counts_H].mean()
        is_better = score > self.best
        self.best.copy_(torch.where(is_better, score, self.best))
        self.epoch.masked_fill_(is_better, float(epoch))
        return {SCORE: score, SCORE_BEST: self.best.clone(), SELECTED_EPOCH: self.epoch.clone()}


def _heads_of(rule: str, heads: list[str], trained: list[str]) -> list[str]:
    """The heads whose skills count."""
    if rule == "auto":
        return trained
    untrained = [head for head in heads if head not in trained and rule in ("mean", head)]
    if untrained:
        raise ConfigError(
            f"model.select={rule}: {untrained[0]} has weight 0, so it is not trained. model.select=auto takes the mean"
            f" of the trained heads: {', '.join(trained)}."
        )
    if rule != "mean" and rule not in heads:
        known = did_you_mean(rule, ["auto", "mean", *heads])
        raise ConfigError(f"model.select={rule} is neither a rule nor a head. Known: {known}")
    return heads if rule == "mean" else [rule]


def _width(target: Target) -> float:
    """The range of a number; 1 where it has none."""
    return (target.high - target.low) or 1.0 if isinstance(target, Continuous) else 1.0
