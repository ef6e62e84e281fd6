"""What a GPU needs of trials that train together: on a GPU itself where there is one, and piece by piece elsewhere."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Generator, nn
from torch._subclasses.fake_tensor import FakeTensorMode

from tests.trainer.fused import each_way, gaps_between
from tests.trainer.runs import final_state
from tests.trainer.test_vmapped import FAMILIES, NUM, ROWS, module_of
from trainer_pkg.data.rows import Rows
from trainer_pkg.data.sampler import Picked
from trainer_pkg.fused.draws import Draws, JointDraws
from trainer_pkg.fused.stack import Stack
from trainer_pkg.fused.vmapped import Vmapped
from trainer_pkg.nets.backbone import Backbone

META = torch.device("meta")


@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU")
@pytest.mark.parametrize("model", ["dense", "mlp", "cnn", "vit"])
def test_trials_that_train_together_on_a_gpu_end_near_those_that_are_alone(model: str, tmp_path: Path) -> None:
    common = (f"model={model}", "trainer.accelerator=gpu", "trainer.max_epochs=1")
    own = [("model.loss_weights.thickness=0.1",), ("seed=3", "model.optimizer.lr=0.003"), ("data.shuffle_seed=7",)]
    options = {number: (*common, *overrides) for number, overrides in enumerate(own)}
    for one, two in each_way(tmp_path, tmp_path, options):
        first, second = final_state(one), final_state(two)
        for key in ("torch", "cuda"):
            assert str(first["rng_state"][key]) == str(second["rng_state"][key])
        gaps = gaps_between(one, two, ("train/",))
        assert gaps and max(gaps.values()) < 1e-2, gaps


def test_the_generator_of_a_gpu_is_a_trial_s_own_as_that_of_the_cpu_is(monkeypatch: pytest.MonkeyPatch) -> None:
    default = Generator().manual_seed(1)
    monkeypatch.setattr(torch.cuda, "default_generators", (Generator(), default))
    draws = Draws(torch.device("cuda", 1))
    states: dict[str, Any] = {
        "torch": Generator().manual_seed(2).get_state(),
        "cuda": [Generator().manual_seed(seed).get_state() for seed in (3, 4)],
    }
    draws.begin(states)
    usual, gpus = torch.get_rng_state(), default.get_state()
    with draws.in_use():
        found = (float(torch.rand(())), float(torch.rand((), generator=default)))
    with draws.in_use(of_device=True):
        assert torch.equal(torch.get_rng_state(), usual)
        found += (float(torch.rand((), generator=default)),)
    assert torch.equal(torch.get_rng_state(), usual) and torch.equal(default.get_state(), gpus)
    cpu, gpu = Generator().manual_seed(2), Generator().manual_seed(4)
    assert found == tuple(float(torch.rand((), generator=each)) for each in (cpu, gpu, gpu))
    draws.end(states)
    assert torch.equal(states["torch"], cpu.get_state()) and torch.equal(states["cuda"][1], gpu.get_state())
    assert torch.equal(states["cuda"][0], Generator().manual_seed(3).get_state())


def test_a_data_set_is_copied_to_a_device_once_and_picked_from_there() -> None:
    columns = {"image": torch.zeros(10, 1, 4, 4, dtype=torch.uint8), "digit": torch.arange(10)}
    rows = Rows(columns, torch.tensor([1, 3, 5, 7]))
    assert rows.on(torch.device("cpu")) is rows and rows.num_bytes == 10 * 16 + 10 * 8
    there = rows.on(META)
    assert rows.on(META) is there
    batch = there[Picked(torch.tensor([0, 2]), 0)]
    assert {name: (column.device, tuple(column.shape)) for name, column in batch.items()} == {
        "image": (META, (2, 1, 4, 4)),
        "digit": (META, (2,)),
    }


def test_a_step_on_a_gpu_reaches_all_numbers_at_once() -> None:
    def pieces(device: str) -> list[int]:
        modules = [nn.Linear(5, 3, device=device) for _ in range(2)]
        stack = Stack(modules, ["weight", "bias"])
        return [piece.numel() for piece in stack.pieces(stack.all_values)]

    assert pieces("meta") == [2 * (16 + 16)]  # each slice begins with a line of the cache
    assert pieces("cpu") == [0, 15, 15, 3, 3]


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("shape", [(ROWS,), (NUM, ROWS)])
def test_vmap_has_what_the_layers_of_each_family_ask_of_a_gpu(family: type[Backbone], shape: tuple[int, ...]) -> None:
    """Without a GPU: torch works out shapes and orders in memory, and refuses what it would refuse on one."""
    modules = [module_of(family, seed) for seed in range(NUM)]
    stack = Stack(modules, [name for name, parameter in modules[0].named_parameters() if parameter.requires_grad])
    stack.hand_gradients()
    with FakeTensorMode(allow_non_fake_inputs=True):
        there = SimpleNamespace(
            values={name: on_a_gpu(block) for name, block in stack.values.items()},
            gradients={name: on_a_gpu(block) for name, block in stack.gradients.items()},
            all_values=on_a_gpu(stack.all_values),
        )
        draws = JointDraws([Draws(torch.device("cpu")) for _ in modules])
        network = Vmapped(modules[0].network, there, draws)  # type: ignore[arg-type]
        images = torch.empty(*shape, 1, 28, 28, device="cuda")
        for outputs in (network.forward(images, None), network.evaluate(images, None) if len(shape) == 1 else {}):
            for of in outputs.values():
                assert (of.device.type, tuple(of.shape[:2])) == ("cuda", (ROWS, NUM))


def on_a_gpu(tensor: torch.Tensor) -> torch.Tensor:
    """One of the same shape and order, of which torch only believes that it lies on a GPU."""
    return torch.empty_strided(tensor.shape, tensor.stride(), dtype=tensor.dtype, device="cuda")
