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

    With `mean` a head that is not trained counts as the constant predictor: 0 for a number, for classes the accuracy of
    the most frequent training label. That part is the same in all epochs, so it selects no other epoch, and trials that
    train other heads can be compared.

    Attributes:
        is_of_all_heads: Whether the score is a mean over the same heads, whichever are trained.

    Args:
        rule: `auto`: the mean over the trained heads. `mean`: the mean over all heads. A head's name: the skill of that
            head.
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
    untrained_U: Tensor

    def __init__(self, rule: str, targets: Mapping[str, Target], trained: list[str]) -> None:
        super().__init__()
        self._targets, self._trained = targets, trained
        self.is_of_all_heads = rule == "mean"
        heads = _heads_of(rule, list(targets), trained)
        self._untrained = [head for head in heads if head not in trained]
        self.register_buffer("best", torch.tensor(-torch.inf))
        self.register_buffer("epoch", torch.tensor(0.0))
        for name, values in {
            "is_number_H": torch.tensor([isinstance(targets[head], Continuous) for head in trained]),
            "counts_H": torch.tensor([head in heads for head in trained]),
            "constant_mae_H": torch.tensor([_width(targets[head]) for head in trained]),
            "untrained_U": torch.zeros(len(self._untrained)),
        }.items():
            self.register_buffer(name, values, persistent=False)

    @property
    def positions(self) -> list[int]:
        """The trained heads whose skills count, by their places among the trained ones."""
        return [int(position) for position in torch.nonzero(self.counts_H)]

    def compare_with(self, constants: Mapping[str, float]) -> None:
        """Set what the constant predictors achieve; where one makes no error, the range of the target counts.

        Args:
            constants: Head name to mean absolute error, in the unit of the target; of classes, to accuracy.
        """
        for position, head in enumerate(self._trained):
            if constants.get(head):
                self.constant_mae_H[position] = constants[head]
        for position, head in enumerate(self._untrained):
            self.untrained_U[position] = (
                0.0 if isinstance(self._targets[head], Continuous) else constants.get(head, 0.0)
            )

    def update(self, means: Mapping[str, Tensor], epoch: int) -> dict[str, Tensor]:
        """What is reported of an epoch: its score, the best score so far, and the epoch of that one.

        Args:
            means: `acc` and `mae` of the trained heads in validation, each (H,).
            epoch: The number of the epoch, from 1 on.
        """
        skills_H = torch.where(self.is_number_H, 1 - means["mae"] / self.constant_mae_H, means["acc"])
        score = torch.cat([skills_H[self.counts_H], self.untrained_U]).mean()
        is_better = score > self.best
        self.best.copy_(torch.where(is_better, score, self.best))
        self.epoch.masked_fill_(is_better, float(epoch))
        return {SCORE: score, SCORE_BEST: self.best.clone(), SELECTED_EPOCH: self.epoch.clone()}


def _heads_of(rule: str, heads: list[str], trained: list[str]) -> list[str]:
    """The heads whose skills count."""
    if rule == "auto":
        return trained
    if rule in heads and rule not in trained:
        raise ConfigError(
            f"model.select={rule}: {rule} has weight 0, so it is not trained. model.select=auto takes the mean"
            f" of the trained heads: {', '.join(trained)}."
        )
    if rule != "mean" and rule not in heads:
        known = did_you_mean(rule, ["auto", "mean", *heads])
        raise ConfigError(f"model.select={rule} is neither a rule nor a head. Known: {known}")
    return heads if rule == "mean" else [rule]


def _width(target: Target) -> float:
    """The range of a number; 1 where it has none."""
    return (target.high - target.low) or 1.0 if isinstance(target, Continuous) else 1.0
