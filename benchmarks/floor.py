"""The floor: a bare loop over tensors in memory, with nothing around it. `python -m benchmarks.floor dense 12`.

No tracking, no checkpoints, no configuration, no study; the plainest PyTorch that does the same training, validation
and test. It shares no code with what it is compared to.
"""

import json
import sys
import time
from pathlib import Path

import torch
import yaml
from torch import Tensor, nn
from torch.nn import functional as F
from torchvision import datasets

REPOSITORY = Path(__file__).resolve().parents[1]
BATCH_SIZE = 128
_EVAL_BATCH_SIZE = 250
_NUM_VAL = 5000
_HEADS = {"digit": 10, "thickness": 5, "smoothness": 3}


class Network(nn.Module):
    """The same layers as the product's `dense` or `cnn`, written out."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self.body = {"dense": dense, "cnn": cnn}[name]()
        width = {"dense": 64, "cnn": 128}[name]
        self.heads = nn.ModuleDict({head: nn.Linear(width, k) for head, k in _HEADS.items()})

    def forward(self, images_BCHW: Tensor) -> dict[str, Tensor]:
        features_BF = self.body(images_BCHW)
        return {name: head(features_BF) for name, head in self.heads.items()}


class Data:
    """MNIST as normalised float32 images and three labels a row, split as the product splits it."""

    def __init__(self, root: Path) -> None:
        maps = yaml.safe_load((REPOSITORY / "configs/data/labels/documented.yaml").read_text())["heads"]
        order = torch.randperm(60000, generator=torch.Generator().manual_seed(42))
        train = datasets.MNIST(root, train=True, download=False)
        images = train.data.unsqueeze(1).float()
        mean, std = images.mean(), images.std()
        labels = _labels(train.targets, maps)
        self.train_rows, self.val_rows = order[_NUM_VAL:], order[:_NUM_VAL]
        self.images, self.labels = images.sub_(mean).div_(std), labels
        test = datasets.MNIST(root, train=False, download=False)
        self.test_images = test.data.unsqueeze(1).float().sub_(mean).div_(std)
        self.test_labels = _labels(test.targets, maps)


def step(network: nn.Module, optimizer: torch.optim.Optimizer, data: Data, rows: Tensor, weight: float) -> None:
    """One batch: forward, three losses, backward, update."""
    outputs = network(data.images[rows])
    losses = {head: F.cross_entropy(outputs[head], data.labels[head][rows]) for head in _HEADS}
    loss = losses["digit"] + weight * losses["thickness"] + losses["smoothness"]
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()


def trial(name: str, data: Data, weight: float, seed: int = 0) -> float:
    """Train one epoch, validate, test; returns the test accuracy of the first head."""
    torch.manual_seed(seed)
    network = Network(name)
    optimizer = torch.optim.Adam(network.parameters(), lr=1e-3)
    rows = data.train_rows[torch.randperm(len(data.train_rows))]
    for batch in rows.split(BATCH_SIZE):
        step(network, optimizer, data, batch, weight)
    accuracy(network, data.images, data.labels, data.val_rows)
    return accuracy(network, data.test_images, data.test_labels, torch.arange(len(data.test_images)))


@torch.no_grad()
def accuracy(network: nn.Module, images: Tensor, labels: dict[str, Tensor], rows: Tensor) -> float:
    """Share of rows whose digit is right."""
    network.eval()
    hits = 0
    for batch in rows.split(_EVAL_BATCH_SIZE):
        outputs = network(images[batch])
        hits += int((outputs["digit"].argmax(1) == labels["digit"][batch]).sum())
    network.train()
    return hits / len(rows)


def weights(num: int) -> list[float]:
    """The thickness weights that both sides train."""
    return [round(0.1 * (i + 1), 1) for i in range(num)]


def dense() -> nn.Module:
    """The layers of `dense` before its heads."""
    layers: list[nn.Module] = [nn.Flatten()]
    for narrow, wide in ((784, 64), (64, 128), (128, 64)):
        layers += [nn.Linear(narrow, wide), nn.BatchNorm1d(wide), nn.ReLU()]
    return nn.Sequential(*layers)


def cnn() -> nn.Module:
    """The layers of `cnn` before its heads."""
    layers: list[nn.Module] = []
    for narrow, wide in ((1, 32), (32, 64)):
        layers += [nn.Conv2d(narrow, wide, 3, padding=1), nn.BatchNorm2d(wide), nn.ReLU(), nn.MaxPool2d(2)]
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(64 * 7 * 7, 128), nn.ReLU(), nn.Dropout(0.25))


def _labels(digits: Tensor, maps: dict[str, list[int]]) -> dict[str, Tensor]:
    return {"digit": digits, **{head: torch.tensor(table)[digits] for head, table in maps.items()}}


def main() -> None:
    """Train the trials one after another on all cores; a JSON line each, warm-up first."""
    name, num = sys.argv[1], int(sys.argv[2])
    data = Data(Path(sys.argv[3]))
    network = Network(name)
    optimizer = torch.optim.Adam(network.parameters())
    for batch in data.train_rows[: 10 * BATCH_SIZE].split(BATCH_SIZE):
        step(network, optimizer, data, batch, 1.0)
    for weight in weights(num):
        start = time.perf_counter()
        digit = trial(name, data, weight)
        print(json.dumps({"weight": weight, "seconds": time.perf_counter() - start, "digit": digit}), flush=True)


if __name__ == "__main__":
    main()
