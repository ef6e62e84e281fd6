"""What trials that train together draw: each what it would draw alone, and once for all where that is the same."""

from collections.abc import Sequence
from pathlib import Path

import pytest
import torch
from torch import Generator, Tensor, nn

from tests.trainer.fused import assert_each_ends_as_alone
from trainer_pkg.fused.draws import Draws, JointDraws
from trainer_pkg.fused.layers import Dropout

CPU = torch.device("cpu")


@pytest.fixture(autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture
def noted(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """From how many generators each layer has drawn."""
    asked: list[int] = []
    generators = JointDraws.generators.fget  # type: ignore[attr-defined]

    def note(draws: JointDraws) -> list[Generator]:
        found: list[Generator] = generators(draws)
        asked.append(len(found))
        return found

    monkeypatch.setattr(JointDraws, "generators", property(note))
    return asked


@pytest.mark.parametrize(
    ("common", "seeds", "num_generators"),
    [
        (("model=mlp", "model/head=hidden", "model.head.dropout=0.2"), (1, 1, 1), 1),
        (("model=dense", "model.net.dropout=0.3"), (1, 1, 1), 1),
        (("model=dense", "model.net.dropout=0.3"), (1, 2, 1), 3),
        (("model=mlp", "model/head=hidden", "model.head.dropout=1.0"), (1, 2, 3), 0),  # nothing is left, not even NaN
    ],
)
def test_trials_of_one_seed_draw_once_and_end_as_alone(
    common: tuple[str, ...], seeds: Sequence[int], num_generators: int, tmp_path: Path, noted: list[int]
) -> None:
    options = {
        number: (*common, f"seed={seed}", f"model.loss_weights.thickness={0.2 + number}")
        for number, seed in enumerate(seeds)
    }
    assert_each_ends_as_alone(tmp_path, tmp_path / "data", options)
    assert set(noted) == ({num_generators} if num_generators else set())


def states(*seeds: int) -> list[dict[str, Tensor]]:
    return [{"torch": Generator().manual_seed(seed).get_state()} for seed in seeds]


@pytest.mark.parametrize("seeds", [(5, 5), (5, 6)])
@pytest.mark.parametrize("is_shared", [True, False])
def test_dropout_gives_each_network_what_it_would_get_alone(seeds: tuple[int, int], is_shared: bool) -> None:
    draws, before = JointDraws([Draws(CPU), Draws(CPU)]), states(*seeds)
    layer = Dropout(0.4, draws)
    inputs_BnF = torch.rand(2, 16) if is_shared else torch.rand(2, 2, 16)
    draws.begin(before)
    outputs_BnF = layer.forward(inputs_BnF)
    slopes_BnF = layer.backward(torch.ones(2, 2, 16), wants_inputs=True)
    draws.end(before)
    assert slopes_BnF is not None
    for position, seed in enumerate(seeds):
        torch.manual_seed(seed)
        mine = (inputs_BnF if is_shared else inputs_BnF[:, position]).clone().requires_grad_()
        wanted = nn.functional.dropout(mine, 0.4)
        (slopes,) = torch.autograd.grad(wanted.sum(), [mine])
        found = outputs_BnF if outputs_BnF.ndim == 2 else outputs_BnF[:, position]
        assert torch.equal(found, wanted)
        assert torch.equal(slopes_BnF[:, position], slopes)
        assert torch.equal(before[position]["torch"], torch.get_rng_state())
    assert outputs_BnF.ndim == (2 if is_shared and seeds == (5, 5) else 3)


def test_who_draws_for_each_alone_keeps_what_each_has_drawn() -> None:
    draws, now = JointDraws([Draws(CPU), Draws(CPU)]), states(5, 5)
    draws.begin(now)
    torch.rand(3, generator=draws.each[0].generator)  # such as a network that draws by what it sees
    draws.end(now)
    assert not torch.equal(now[0]["torch"], states(5)[0]["torch"])
    assert torch.equal(now[1]["torch"], states(5)[0]["torch"])
