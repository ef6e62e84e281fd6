"""The 1,797 handwritten digits that ship with scikit-learn: no download, no files."""

import torch
from torch.nn.functional import interpolate

from trainer_pkg.data.source import Columns
from trainer_pkg.spec import Categorical, DataSpec


class Digits:
    """Scikit-learn's 8 x 8 digits, enlarged bilinearly to 28 x 28.

    The set has no official test split. Its rows come grouped by writer, 13 of whom never appear in the first part,
    so the last `num_test` rows are the test split, as in scikit-learn's own examples.

    Example:
        >>> splits = Digits().load()
        >>> splits["train"]["image"].shape, splits["test"]["digit"].shape
        (torch.Size([1437, 1, 28, 28]), torch.Size([360]))
    """

    name = "digits-28x28"
    spec = DataSpec(input_shape=(1, 28, 28), targets={"digit": Categorical(num_classes=10)})
    num_test = 360

    def load(self) -> dict[str, Columns]:
        from sklearn.datasets import load_digits

        bunch = load_digits()
        small = torch.as_tensor(bunch.images, dtype=torch.float32).unsqueeze(1) * (255 / 16)
        images = interpolate(small, size=(28, 28), mode="bilinear").round().to(torch.uint8)
        labels = torch.as_tensor(bunch.target, dtype=torch.int64)
        cut = len(labels) - self.num_test
        return {
            "train": {"image": images[:cut], "digit": labels[:cut]},
            "test": {"image": images[cut:], "digit": labels[cut:]},
        }
