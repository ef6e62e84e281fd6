"""Any networks as one by vmap, and what becomes of those for which that is not the same."""

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest
import torch
from torch import Generator, Tensor, nn
from torch.nn import functional as F

from tests.trainer.fused import alone, each_way, gaps_between, together
from tests.trainer.runs import final_state
from trainer_pkg.environment import quiet
from trainer_pkg.errors import Diverged
from trainer_pkg.fused import vmapped, ways
from trainer_pkg.fused.draws import Draws, JointDraws
from trainer_pkg.fused.networks import OneByOne
from trainer_pkg.fused.stack import Stack
from trainer_pkg.fused.tried import SLOPE_TOLERANCE, TOLERANCE, Tried, apart, norm_apart
from trainer_pkg.fused.vmapped import Vmapped
from trainer_pkg.losses.ordered import Regression
from trainer_pkg.module import ImageModule
from trainer_pkg.nets.backbone import Backbone, BackboneFactory
from trainer_pkg.nets.cnn import CNN
from trainer_pkg.nets.convnext import ConvNeXt
from trainer_pkg.nets.dense import Dense
from trainer_pkg.nets.efficientnet import EfficientNet
from trainer_pkg.nets.mlp import MLP
from trainer_pkg.nets.resnet import ResNet
from trainer_pkg.nets.vit import ViT
from trainer_pkg.spec import Categorical, DataSpec

FAMILIES = (CNN, ConvNeXt, Dense, EfficientNet, MLP, ResNet, ViT)
NUM, ROWS = 3, 16
SEEDS, ONE_SEED = (0, 1, 2), (5, 5, 5)


@pytest.fixture(autouse=True)
def on_a_cpu(monkeypatch: pytest.MonkeyPatch) -> None:
    torch.set_num_threads(1)
    quiet()
    monkeypatch.setattr(ways, "VMAPPED", ("cpu", "cuda"))


def networks(
    net: BackboneFactory, num_aux: int = 0, seeds: Sequence[int] = SEEDS
) -> tuple[Tried, Stack, JointDraws, list[ImageModule]]:
    """The networks of three trials, and those of three trials with equal weights that are left alone."""
    modules, others = ([module_of(net, seed, num_aux) for seed in range(NUM)] for _ in range(2))
    stack = Stack(modules, [name for name, parameter in modules[0].named_parameters() if parameter.requires_grad])
    stack.hand_gradients()
    draws = JointDraws([Draws(torch.device("cpu")) for _ in modules])
    draws.set_states([[Generator().manual_seed(seed).get_state()] for seed in seeds])
    made = ways.network_of(modules, stack, draws)
    assert isinstance(made, Tried)
    return made, stack, draws, others


def module_of(net: BackboneFactory, seed: int, num_aux: int = 0) -> ImageModule:
    torch.manual_seed(seed)
    return ImageModule(
        spec=DataSpec(
            input_shape=(1, 28, 28),
            targets={"digit": Categorical(num_classes=10), "parity": Categorical(num_classes=2)},
            num_aux=num_aux,
        ),
        net=net,
        size="tiny",
        criterion=nn.CrossEntropyLoss(),
        number_criterion=Regression(),
        optimizer=torch.optim.Adam,
    )


def images(*shape: int) -> Tensor:
    return torch.randn(*shape, 1, 28, 28, generator=torch.Generator().manual_seed(0))


def train_twice(network: Tried, batch: Tensor, aux: Tensor | None = None) -> dict[str, Tensor]:
    """Two passes: running statistics and random numbers go on from the first one. The outputs of the second one."""
    for _ in range(2):
        outputs = network.forward(batch, aux)
        network.backward({head: torch.ones_like(of) for head, of in outputs.items()})
    return outputs


def assert_as_alone(
    others: Sequence[ImageModule],
    stack: Stack,
    draws: JointDraws,
    batch: Tensor,
    found: Mapping[str, Tensor],
    aux: Tensor | None = None,
    seeds: Sequence[int] = SEEDS,
) -> None:
    """The same two passes of each network give, and leave, the same."""
    for position, (module, state) in enumerate(zip(others, draws.states(), strict=True)):
        its = [each if each is None or batch.ndim == 4 else each[position] for each in (batch, aux)]
        torch.manual_seed(seeds[position])
        for _ in range(2):
            module.zero_grad()
            outputs = module(*its)
            sum(output.sum() for output in outputs.values()).backward()
        for head, output in outputs.items():
            assert apart(output.detach()[None], found[head][None, :, position]) <= TOLERANCE
        for name, buffer in module.named_buffers():
            if name.startswith("network."):
                assert apart(buffer[None], stack.values[name][None, position], 1e-3) <= TOLERANCE, name
        parameters = dict(module.named_parameters())
        right = torch.cat([parameters[name].grad.flatten() for name in stack.trained])
        slopes = torch.cat([stack.gradients[name][position].flatten() for name in stack.trained])
        assert norm_apart(right[None], slopes[None]) <= SLOPE_TOLERANCE
        assert torch.equal(torch.get_rng_state(), state[0])


@pytest.mark.parametrize(
    ("family", "seeds", "is_shared"),
    [
        *((each, seeds, True) for each in FAMILIES for seeds in (SEEDS, ONE_SEED)),
        *((each, SEEDS, False) for each in FAMILIES if each != ResNet),
    ],
)
def test_each_family_does_what_its_trials_do_alone(
    family: type[Backbone], seeds: Sequence[int], is_shared: bool
) -> None:
    network, stack, draws, others = networks(family, seeds=seeds)
    batch = images(ROWS) if is_shared else images(NUM, ROWS)
    outputs = train_twice(network, batch)
    assert (type(network.chosen), network.why) == (Vmapped, "")
    assert_as_alone(others, stack, draws, batch, outputs, seeds=seeds)


@pytest.mark.parametrize("family", FAMILIES)
def test_each_family_is_evaluated_as_its_trials_are_alone(
    family: type[Backbone], caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    caplog.set_level(logging.INFO)
    monkeypatch.setattr(vmapped, "_MOST_IMAGES", NUM * 5)  # five of the sixteen rows at once
    network, _, draws, others = networks(family)
    train_twice(network, images(ROWS))
    before = draws.states()
    found = network.evaluate(images(ROWS), None)
    assert network.is_fast and not caplog.records
    assert all(map(torch.equal, *([state for each in states for state in each] for states in (before, draws.states()))))
    assert not any(of.requires_grad for of in found.values())
    for position, module in enumerate(others):
        torch.manual_seed(position)
        for _ in range(2):
            module(images(ROWS))
        with torch.no_grad():
            wanted = module.eval()(images(ROWS))
        for head, output in wanted.items():
            assert apart(output[None], found[head][None, :, position]) <= TOLERANCE


@pytest.mark.parametrize("shape", [(ROWS,), (NUM, ROWS)])
def test_scalars_beside_the_images_come_along(shape: tuple[int, ...]) -> None:
    network, stack, draws, others = networks(CNN, num_aux=2)
    batch, aux = images(*shape), torch.randn(*shape, 2)
    outputs = train_twice(network, batch, aux)
    assert (type(network.chosen), network.why) == (Vmapped, "")
    assert_as_alone(others, stack, draws, batch, outputs, aux)


class Noisy(Backbone):
    """Draws in a way that nobody has thought of."""

    num_features = 28 * 28

    def __init__(self, input_shape: object) -> None:
        super().__init__()

    def forward(self, images: Tensor) -> Tensor:
        return images.flatten(1) + torch.randn(28 * 28)


class Asking(Noisy):
    """Looks at a number."""

    def forward(self, images: Tensor) -> Tensor:
        features = (images * self.scale).flatten(1)
        return features if features.detach().sum().item() > 0 else -features

    def __init__(self, input_shape: object) -> None:
        super().__init__(input_shape)
        self.scale = nn.Parameter(torch.ones(()))


class Hidden(Noisy):
    """Has a number of which torch does not know."""

    def forward(self, images: Tensor) -> Tensor:
        return images.flatten(1) * self.scale

    def __init__(self, input_shape: object) -> None:
        super().__init__(input_shape)
        self.scale = float(torch.rand(()))


@pytest.mark.parametrize(
    ("family", "why"),
    [
        (Noisy, "vmap: called random operation while in randomness error mode."),
        (Asking, "vmap: It looks like you're calling .item() on a Tensor."),
        (Hidden, "outputs differ by "),
    ],
)
def test_a_network_that_is_no_other_under_vmap_alone_is_run_one_by_one(
    family: type[Backbone], why: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    network, stack, draws, others = networks(family)
    outputs = train_twice(network, images(ROWS))
    assert isinstance(network.chosen, OneByOne)
    assert network.why.startswith(why)
    assert [record.getMessage() for record in caplog.records] == [
        f"Fused trials run one after the other, not by vmap: {network.why}"
    ]
    assert_as_alone(others, stack, draws, images(ROWS), outputs)


def test_torch_is_as_before_behind_a_pass() -> None:

    def replaced() -> tuple[object, ...]:
        return (
            *(F.dropout, F.scaled_dot_product_attention, F.batch_norm, F.adaptive_avg_pool2d),
            torch.Tensor.bernoulli_,
        )

    before = replaced()
    for family in (CNN, Noisy):
        train_twice(networks(family)[0], images(ROWS))
        assert replaced() == before


@pytest.mark.parametrize(
    ("model", "stages"),
    [
        ("cnn", ("train",)),  # a bias before a BatchNorm follows the rounding, which the running statistics show
        ("vit", ("train", "val", "test")),
    ],
)
def test_whole_trials_end_near_those_that_are_alone(
    model: str, stages: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes: list[int] = []
    evaluate = Vmapped.evaluate

    def noted(its: Vmapped, images: Tensor, aux: Tensor | None) -> dict[str, Tensor]:
        sizes.append(len(images))
        return evaluate(its, images, aux)

    monkeypatch.setattr(Vmapped, "evaluate", noted)
    own = [("model.loss_weights.thickness=0.1",), ("seed=3", "model.optimizer.lr=0.01"), ("data.shuffle_seed=7",)]
    common = (f"model={model}", "trainer.max_epochs=1", "trainer.limit_train_batches=6")
    options = {number: (*common, *overrides) for number, overrides in enumerate(own)}
    for one, two in each_way(tmp_path, tmp_path, options):
        first, second = final_state(one), final_state(two)
        assert torch.equal(first["rng_state"]["torch"], second["rng_state"]["torch"])
        assert first["global_step"] == second["global_step"] == 6
        gaps = gaps_between(one, two, stages)
        assert len(gaps) > 6 and max(gaps.values()) < 1e-3, gaps
    # 180 rows of validation and 360 of test, in batches of 250; the first batch is compared with what is known.
    assert sizes == [180, 180, 250, 110]


def test_one_that_diverges_leaves_the_others_as_they_are(tmp_path: Path) -> None:
    common = ("model=cnn", "trainer.max_epochs=2", "trainer.limit_train_batches=4")
    found = together(tmp_path, tmp_path, {0: common, 1: (*common, "model.optimizer.lr=1e30"), 2: (*common, "seed=3")})
    assert isinstance(found[1], Diverged | FloatingPointError)
    for number, own in ((0, ()), (2, ("seed=3",))):
        folder = tmp_path / "alone" / str(number)
        alone(folder, tmp_path, *common, *own)
        gaps = gaps_between(folder, tmp_path / str(number), ("train/",))
        assert len(gaps) > 12 and max(gaps.values()) < 1e-3, gaps
