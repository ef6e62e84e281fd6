"""What a predictor that has learned nothing achieves."""

from collections.abc import Mapping

from torch import Tensor

from trainer_pkg.spec import Continuous, DataSpec


def constant_mae(columns: Mapping[str, Tensor], train: Tensor, val: Tensor, spec: DataSpec) -> dict[str, float]:
    """Name of each number to the mean absolute error of always answering with the median, in the target's unit.

    Args:
        columns: Labels (N,) of the training split, by head.
        train: Rows of the training, whose median it is.
        val: Rows of the validation, whose error it is.
        spec: Says which heads are numbers.

    Example:
        >>> import torch
        >>> spec = DataSpec(input_shape=(1, 1, 1), targets={"age": Continuous(low=0.0, high=90.0)})
        >>> labels = torch.tensor([10.0, 20.0, 90.0, 30.0, 10.0])
        >>> constant_mae({"age": labels}, torch.tensor([0, 1, 2]), torch.tensor([3, 4]), spec)
        {'age': 10.0}
    """
    numbers = {name: columns[name] for name, target in spec.targets.items() if isinstance(target, Continuous)}
    return {name: (labels[val] - labels[train].median()).abs().mean().item() for name, labels in numbers.items()}
