import pytest
import torch

from trainer_pkg.errors import ConfigError
from trainer_pkg.nets.backbone import Backbone
from trainer_pkg.nets.cnn import CNN
from trainer_pkg.nets.dense import Dense
from trainer_pkg.nets.heads import MultiheadNetwork
from trainer_pkg.spec import Categorical

MNIST = (1, 28, 28)
ONE = {"digit": Categorical(num_classes=10)}
THREE = ONE | {"thickness": Categorical(num_classes=5), "smoothness": Categorical(num_classes=3)}


def count(module: torch.nn.Module) -> int:
    return sum(p.numel() for p in module.parameters() if p.requires_grad)


@pytest.mark.parametrize(
    ("family", "size", "targets", "parameters"),
    [
        (Dense, "tiny", ONE, 8_470),
        (Dense, "base", ONE, 67_978),
        (Dense, "base", THREE, 68_498),
        (Dense, "large", ONE, 336_650),
        (CNN, "tiny", ONE, 7_851),
        (CNN, "small", ONE, 68_994),
        (CNN, "base", ONE, 421_834),
        (CNN, "base", THREE, 422_866),
    ],
)
def test_parameter_counts(family: type[Backbone], size: str, targets: dict, parameters: int) -> None:
    assert count(MultiheadNetwork(family(MNIST, size=size), targets)) == parameters


def test_a_cnn_for_cifar_pools_to_four_pixels() -> None:
    assert count(MultiheadNetwork(CNN((3, 32, 32), size="large"), ONE)) == 1_130_250


@pytest.mark.parametrize("family", [Dense, CNN])
@pytest.mark.parametrize("shape", [MNIST, (3, 32, 32), (3, 17, 40)])
def test_any_shape_gives_the_outputs_of_all_heads(family: type[Backbone], shape: tuple[int, int, int]) -> None:
    network = MultiheadNetwork(family(shape, size="tiny"), THREE)
    outputs = network(torch.randn(4, *shape))
    assert {head: tuple(output.shape) for head, output in outputs.items()} == {
        "digit": (4, 10),
        "thickness": (4, 5),
        "smoothness": (4, 3),
    }


def test_an_unknown_size_lists_the_known_ones() -> None:
    with pytest.raises(ConfigError, match=r"Sizes: tiny, small, base, large\. Did you mean 'small'"):
        Dense(MNIST, size="smal")
