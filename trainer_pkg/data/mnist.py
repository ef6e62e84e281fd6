"""MNIST and the sets with its format, read and downloaded by torchvision."""

import contextlib
from pathlib import Path

from torchvision import datasets

from trainer_pkg.data.source import Split
from trainer_pkg.errors import ConfigError, did_you_mean
from trainer_pkg.spec import Categorical, DataSpec

_KINDS: dict[str, type[datasets.MNIST]] = {"mnist": datasets.MNIST, "fashion_mnist": datasets.FashionMNIST}


class MNIST:
    """60,000 training and 10,000 test images of 28 x 28, official split.

    Args:
        root: Directory that holds `MNIST/raw` or `FashionMNIST/raw`; files are downloaded into it when absent.
        kind: `mnist` or `fashion_mnist`.
        download: Whether absent files may be fetched.
    """

    spec = DataSpec(input_shape=(1, 28, 28), targets={"digit": Categorical(num_classes=10)})

    def __init__(self, root: str | Path, kind: str = "mnist", download: bool = True) -> None:
        if kind not in _KINDS:
            raise ConfigError(f"data.source.kind={kind} is unknown. Known: {did_you_mean(kind, _KINDS)}")
        self.name = kind
        self._root = Path(root)
        self._download = download
        if kind != "mnist":
            self.spec = DataSpec(input_shape=(1, 28, 28), targets={"garment": Categorical(num_classes=10)})

    def load(self) -> dict[str, Split]:
        return {"train": self._read(train=True), "test": self._read(train=False)}

    def _read(self, train: bool) -> Split:
        dataset = _KINDS[self.name]
        folders = [self._root, self._root / dataset.__name__, self._root / dataset.__name__ / "raw"]
        absent = [folder for folder in folders if not folder.exists()]
        try:
            found = dataset(self._root, train=train, download=self._download)
        except (RuntimeError, OSError) as error:
            for folder in reversed(absent):  # torchvision makes them before it tries
                with contextlib.suppress(OSError):
                    folder.rmdir()
            raise ConfigError(
                f"paths.data_dir={self._root} holds no {dataset.__name__}/raw and the download failed. Put the files there, or use data=digits, which needs none."
            ) from error
        return Split(found.data.unsqueeze(1), found.targets)
