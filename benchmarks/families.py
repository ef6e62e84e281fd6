"""Forward and backward of each family against the plainest PyTorch of the same network: one thread, in turn."""

import statistics
import time
from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torchvision.models import EfficientNet, resnet18
from torchvision.models.efficientnet import MBConv, MBConvConfig
from torchvision.ops import SqueezeExcitation

from benchmarks.floor import BATCH_SIZE, cnn, dense
from trainer_pkg.losses.ordered import Regression
from trainer_pkg.module import ImageModule
from trainer_pkg.nets.cnn import CNN
from trainer_pkg.nets.convnext import ConvNeXt
from trainer_pkg.nets.dense import Dense
from trainer_pkg.nets.efficientnet import EfficientNet as OurEfficientNet
from trainer_pkg.nets.mlp import MLP
from trainer_pkg.nets.resnet import ResNet
from trainer_pkg.nets.vit import ViT
from trainer_pkg.spec import Categorical, DataSpec

_ROUND_S = 0.3
_SPEC = DataSpec(input_shape=(1, 28, 28), targets={"digit": Categorical(num_classes=10)})


class PlainConvNeXt(nn.Module):
    """ConvNeXt V2 `small`, written out."""

    def __init__(self) -> None:
        super().__init__()
        layers: list[nn.Module] = [nn.Conv2d(1, 8, 2, 2), _Norm(8)]
        for i, (depth, width) in enumerate(((1, 8), (1, 16), (2, 32), (1, 64))):
            layers += [_Norm(width // 2), nn.Conv2d(width // 2, width, 2, 2)] if i else []
            layers += [_Block(width) for _ in range(depth)]
        self.layers, self.norm, self.head = nn.Sequential(*layers), nn.LayerNorm(64), nn.Linear(64, 10)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.norm(self.layers(x).mean((2, 3))))


class _Norm(nn.LayerNorm):
    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)


class _Block(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.spatial = nn.Conv2d(width, width, 7, padding=3, groups=width)
        self.norm = nn.LayerNorm(width)
        self.widen, self.narrow = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)
        self.gamma, self.beta = nn.Parameter(torch.zeros(4 * width)), nn.Parameter(torch.zeros(4 * width))

    def forward(self, x: Tensor) -> Tensor:
        y = F.gelu(self.widen(self.norm(self.spatial(x).permute(0, 2, 3, 1))))
        norms = torch.linalg.vector_norm(y, dim=(1, 2), keepdim=True)
        y = self.gamma * (y * norms / (norms.mean(-1, keepdim=True) + 1e-6)) + self.beta + y
        return x + self.narrow(y).permute(0, 3, 1, 2)


class PlainViT(nn.Module):
    """A vision transformer of the size `small`, written out."""

    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Conv2d(1, 64, 4, 4)
        self.token, self.positions = nn.Parameter(torch.zeros(1, 1, 64)), nn.Parameter(torch.zeros(1, 49, 64))
        layer = nn.TransformerEncoderLayer(64, 4, 128, 0.1, "gelu", batch_first=True, norm_first=True)
        self.encoder = nn.TransformerEncoder(layer, 6, nn.LayerNorm(64), enable_nested_tensor=False)
        self.head = nn.Sequential(nn.Linear(64, 64), nn.Tanh(), nn.Linear(64, 10))

    def forward(self, x: Tensor) -> Tensor:
        patches = self.embed(x).flatten(2).transpose(1, 2) + self.positions
        tokens = F.dropout(torch.cat([self.token.expand(len(x), -1, -1), patches], 1), 0.1, self.training)
        return self.head(self.encoder(tokens)[:, 0])


def _mlp() -> nn.Module:
    return nn.Sequential(
        *(nn.Flatten(), nn.Linear(784, 256), nn.ReLU(), nn.Dropout(0.1)),
        *(nn.Linear(256, 128), nn.ReLU(), nn.Dropout(0.1), nn.Linear(128, 10)),
    )


def _efficientnet() -> nn.Module:
    """Torchvision's, with the squeeze relative to the widened channels, and one channel of input."""
    rows = [
        *((1, 3, 1, 32, 16, 1), (6, 3, 2, 16, 24, 2), (6, 5, 2, 24, 40, 2), (6, 3, 2, 40, 80, 3)),
        *((6, 5, 1, 80, 112, 3), (6, 5, 2, 112, 192, 4), (6, 3, 1, 192, 320, 1)),
    ]
    block = partial(
        MBConv, se_layer=lambda wide, _, activation: SqueezeExcitation(wide, wide // 4, activation=activation)
    )
    network = EfficientNet([MBConvConfig(*row, block=block) for row in rows], dropout=0.2, num_classes=10)
    network.features[0][0] = nn.Conv2d(1, 32, 3, 2, 1, bias=False)
    return network


def _resnet() -> nn.Module:
    network = resnet18(num_classes=10)
    network.conv1 = nn.Conv2d(1, 64, 7, 2, 3, bias=False)
    return network


_FAMILIES: dict[str, tuple[Callable[..., nn.Module], str, Callable[[], nn.Module]]] = {
    "dense": (Dense, "base", lambda: nn.Sequential(dense(), nn.Linear(64, 10))),
    "mlp": (MLP, "base", _mlp),
    "cnn": (CNN, "base", lambda: nn.Sequential(cnn(), nn.Linear(128, 10))),
    "convnext": (ConvNeXt, "small", PlainConvNeXt),
    "vit": (ViT, "small", PlainViT),
    "efficientnet": (OurEfficientNet, "large", _efficientnet),
    "resnet18": (ResNet, "base", _resnet),
}


def measure(num_rounds: int) -> dict[str, tuple[float, float]]:
    """Family to the median milliseconds of the plain network's step and of ours, without an optimizer."""
    torch.set_num_threads(1)
    torch.manual_seed(0)
    images, labels = torch.randn(BATCH_SIZE, 1, 28, 28), torch.randint(0, 10, (BATCH_SIZE,))
    found = {}
    for name, (family, size, make_plain) in _FAMILIES.items():
        plain, ours = make_plain(), _module(family, size)
        assert _count(plain) == _count(ours), (name, _count(plain), _count(ours))
        steps = {"plain": partial(_plain_step, plain), "ours": partial(_our_step, ours)}
        times: dict[str, list[float]] = {kind: [] for kind in steps}
        num_steps = 1
        for i in range(num_rounds + 1):
            for kind, step in steps.items():
                start = time.perf_counter()
                for _ in range(num_steps):
                    step(images, labels)
                seconds = time.perf_counter() - start
                if i:  # the first warms up, and tells how many steps make a round that a clock can time
                    times[kind].append(1000 * seconds / num_steps)
            if not i:
                num_steps = max(1, round(_ROUND_S / seconds))
        found[name] = (statistics.median(times["plain"]), statistics.median(times["ours"]))
    return found


def _module(family: Callable[..., nn.Module], size: str) -> ImageModule:
    return ImageModule(
        spec=_SPEC,
        net=family,  # type: ignore[arg-type]
        size=size,
        criterion=nn.CrossEntropyLoss(),
        number_criterion=Regression(),
        optimizer=torch.optim.Adam,
    )


def _plain_step(network: nn.Module, images: Tensor, labels: Tensor) -> None:
    network.zero_grad()
    F.cross_entropy(network(images), labels).backward()


def _our_step(module: ImageModule, images: Tensor, labels: Tensor) -> None:
    module.zero_grad()
    total = module.balancer(module.criteria(module(images), {"digit": labels}))
    total.backward()


def _count(network: nn.Module) -> int:
    return sum(p.numel() for p in network.parameters() if p.requires_grad)
