import functools
from collections.abc import Callable
from typing import Any

import pytest
import torch

from trainer_pkg.errors import ConfigError
from trainer_pkg.losses.ordered import Regression
from trainer_pkg.module import ImageModule
from trainer_pkg.nets.adapters import LinearAdapter
from trainer_pkg.nets.backbone import Backbone, build_backbone
from trainer_pkg.nets.cnn import CNN
from trainer_pkg.nets.convnext import ConvNeXt
from trainer_pkg.nets.dense import Dense
from trainer_pkg.nets.efficientnet import EfficientNet
from trainer_pkg.nets.heads import HiddenHead, IdentityHead, MultiheadNetwork
from trainer_pkg.nets.mlp import MLP
from trainer_pkg.nets.resnet import ResNet
from trainer_pkg.nets.vit import ViT
from trainer_pkg.spec import Categorical, DataSpec

MNIST, CIFAR = (1, 28, 28), (3, 32, 32)
TEN = {"class": 10}
HUNDRED = {"class": 100}
THREE_HEADS = {"digit": 10, "thickness": 5, "smoothness": 3}
FAMILIES = (MLP, Dense, CNN, ConvNeXt, ViT, EfficientNet, ResNet)
resnet34, resnet50 = (functools.partial(ResNet, name=name) for name in ("resnet34", "resnet50"))


def network_of(
    family: Callable[..., Backbone], size: str, shape: tuple[int, int, int], targets: dict[str, int]
) -> MultiheadNetwork:
    return MultiheadNetwork(build_backbone(family, DataSpec(input_shape=shape, targets={}), size), targets)


def count(module: torch.nn.Module) -> int:
    return sum(p.numel() for p in module.parameters() if p.requires_grad)


@pytest.mark.parametrize(
    ("family", "size", "shape", "targets", "parameters"),
    [
        (Dense, "tiny", MNIST, TEN, 8_470),
        (Dense, "base", MNIST, TEN, 67_978),
        (Dense, "base", MNIST, THREE_HEADS, 68_498),
        (Dense, "large", MNIST, TEN, 336_650),
        (MLP, "tiny", MNIST, TEN, 8_390),
        (MLP, "small", MNIST, TEN, 67_466),
        (MLP, "base", MNIST, TEN, 235_146),
        (CNN, "tiny", MNIST, TEN, 7_851),
        (CNN, "small", MNIST, TEN, 68_994),
        (CNN, "base", MNIST, TEN, 421_834),
        (CNN, "base", MNIST, THREE_HEADS, 422_866),
        (functools.partial(CNN, num_aux=5), "base", MNIST, TEN, 423_402),
        (functools.partial(CNN, num_aux=5), "base", MNIST, THREE_HEADS, 424_690),
        (CNN, "large", CIFAR, TEN, 1_130_250),
        (CNN, "large", CIFAR, HUNDRED, 1_176_420),
        (ConvNeXt, "tiny", MNIST, TEN, 18_002),
        (ConvNeXt, "small", MNIST, TEN, 73_402),
        (ConvNeXt, "base", MNIST, TEN, 288_118),
        (ConvNeXt, "large", MNIST, TEN, 724_938),
        (ConvNeXt, "base", CIFAR, TEN, 288_214),
        (ConvNeXt, "base", CIFAR, HUNDRED, 296_944),
        (ViT, "tiny", MNIST, TEN, 37_770),
        (ViT, "small", MNIST, TEN, 210_058),
        (ViT, "base", MNIST, TEN, 821_514),
        (ViT, "small", CIFAR, TEN, 213_066),
        (ViT, "small", CIFAR, HUNDRED, 218_916),
        (EfficientNet, "tiny", MNIST, TEN, 21_880),
        (EfficientNet, "small", MNIST, TEN, 66_016),
        (EfficientNet, "large", MNIST, TEN, 7_155_082),
        (EfficientNet, "large", MNIST, THREE_HEADS, 7_165_330),
        (functools.partial(EfficientNet, width=0.8), "large", CIFAR, TEN, 4_994_882),
        (functools.partial(EfficientNet, width=0.8), "large", CIFAR, HUNDRED, 5_087_132),
        (ResNet, "base", MNIST, TEN, 11_175_370),
        (resnet34, "base", MNIST, TEN, 21_283_530),
        (resnet50, "base", MNIST, TEN, 23_522_250),
        (resnet50, "base", CIFAR, TEN, 23_528_522),
    ],
)
def test_parameter_counts(
    family: Callable[..., Backbone], size: str, shape: tuple[int, int, int], targets: dict[str, Any], parameters: int
) -> None:
    assert count(network_of(family, size, shape, targets)) == parameters


def test_the_medium_efficientnet_has_about_210_000_parameters() -> None:
    parameters = count(MultiheadNetwork(EfficientNet(MNIST, size="medium"), TEN))
    assert abs(parameters - 210_000) < 10_000, parameters


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("shape", [MNIST, CIFAR, (3, 17, 40), (1, 8, 8)])
def test_any_shape_gives_the_outputs_of_all_heads(family: type[Backbone], shape: tuple[int, int, int]) -> None:
    network = network_of(family, "tiny", shape, THREE_HEADS)
    outputs = network(torch.randn(4, *shape))
    assert {head: tuple(output.shape) for head, output in outputs.items()} == {
        h: (4, n) for h, n in THREE_HEADS.items()
    }
    sum(output.sum() for output in outputs.values()).backward()
    assert all(p.grad is not None for p in network.parameters())


@pytest.mark.parametrize("family", [MLP, CNN, ConvNeXt, ViT])
def test_a_batch_of_one_trains_where_no_batch_is_normalised_to_one_value(family: type[Backbone]) -> None:
    network = MultiheadNetwork(family(MNIST, size="tiny"), TEN).train()
    assert network(torch.randn(1, *MNIST))["class"].shape == (1, 10)


def test_scalars_beside_the_image_reach_the_heads() -> None:
    network = MultiheadNetwork(CNN(MNIST, size="tiny", num_aux=2), TEN).eval()
    images = torch.randn(3, *MNIST)
    one, two = (network(images, torch.full((3, 2), value))["class"] for value in (0.0, 9.0))
    assert not torch.allclose(one, two)


@pytest.mark.parametrize("backbone", [ResNet, resnet34, resnet50])
def test_an_adapter_follows_the_width_of_any_backbone(backbone: Callable[..., Backbone]) -> None:
    network = MultiheadNetwork(
        backbone(MNIST), TEN, adapter=functools.partial(LinearAdapter, width=10), head=IdentityHead
    )
    assert network(torch.randn(2, *MNIST))["class"].shape == (2, 10)


def test_an_identity_head_that_cannot_fit_says_what_to_set() -> None:
    with pytest.raises(
        ConfigError, match=r"128 features, 10 outputs\. Set model/adapter=linear model\.adapter\.width=10"
    ):
        MultiheadNetwork(CNN(MNIST), TEN, head=IdentityHead)


def test_a_head_may_have_a_hidden_layer() -> None:
    network = MultiheadNetwork(MLP(MNIST, size="tiny"), TEN, head=functools.partial(HiddenHead, width=7))
    assert count(network.heads) == 10 * 7 + 7 + 7 * 10 + 10


def test_pretrained_filters_are_kept_for_other_channels(monkeypatch: pytest.MonkeyPatch) -> None:
    from torchvision.models import resnet18

    from trainer_pkg.nets import resnet

    original = resnet18()
    rgb = original.conv1.weight.data.clone()
    monkeypatch.setattr(resnet, "get_model", lambda name, weights: original)
    made = ResNet(MNIST, name="resnet18", pretrained=True).network.conv1.weight.data
    gray = torch.rand(1, 1, 28, 28)
    seen = torch.nn.functional.conv2d(gray.expand(-1, 3, -1, -1), rgb, stride=2, padding=3)
    assert torch.allclose(torch.nn.functional.conv2d(gray, made, stride=2, padding=3), seen, atol=1e-5)


def test_a_size_reaches_the_families_that_have_sizes_and_no_other() -> None:
    spec = DataSpec(input_shape=MNIST, targets={})
    assert [build_backbone(Dense, spec, size).num_features for size in ("tiny", "large", None)] == [10, 256, 64]
    assert build_backbone(ResNet, spec, "tiny").num_features == build_backbone(ResNet, spec).num_features == 512


def test_an_unknown_size_lists_the_known_ones() -> None:
    with pytest.raises(ConfigError, match=r"Sizes: tiny, small, base, large\. Did you mean 'small'"):
        Dense(MNIST, size="smal")


# A multiplication and its addition are two; biases and element-wise operations are not counted.
CNN_FLOPS = 2 * (28 * 28 * 32 * 9 + 14 * 14 * 64 * 32 * 9 + 7 * 7 * 64 * 128 + 128 * 10)
WIDTH, PATCHES = 64, 49
VIT_LAYER = 4 * WIDTH**2 + 2 * 2 * WIDTH**2  # attention's four matrices, and two of a doubled width
VIT_FLOPS = 2 * (
    PATCHES * 16 * WIDTH  # embedding
    + 6 * ((PATCHES + 1) * VIT_LAYER + 2 * (PATCHES + 1) ** 2 * WIDTH)
    + WIDTH**2
    + WIDTH * 10
)


@pytest.mark.parametrize(("family", "size", "flops"), [(CNN, "base", CNN_FLOPS), (ViT, "small", VIT_FLOPS)])
def test_floating_point_operations_are_measured_and_leave_no_trace(
    family: type[Backbone], size: str, flops: int
) -> None:
    spec = DataSpec(input_shape=MNIST, targets={"digit": Categorical(num_classes=10)})
    torch.manual_seed(0)
    module = ImageModule(
        spec=spec,
        net=family,
        size=size,
        criterion=torch.nn.CrossEntropyLoss(),
        number_criterion=Regression(),
        optimizer=torch.optim.Adam,
    )
    before, state = {name: value.clone() for name, value in module.state_dict().items()}, torch.get_rng_state()
    assert module.count_flops() == flops
    assert torch.equal(torch.get_rng_state(), state) and module.network.training
    assert all(torch.equal(value, before[name]) for name, value in module.state_dict().items())


def test_a_family_without_a_place_for_scalars_says_so() -> None:
    spec = DataSpec(input_shape=MNIST, targets={"digit": Categorical(num_classes=10)}, num_aux=2)
    with pytest.raises(ConfigError, match="takes no scalars beside the image, and this data has 2: use model=cnn"):
        ImageModule(
            spec=spec,
            net=ViT,
            criterion=torch.nn.CrossEntropyLoss(),
            number_criterion=Regression(),
            optimizer=torch.optim.Adam,
        )
