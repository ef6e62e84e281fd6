"""Trials that share a process on a GPU beside trials with a process each: whole studies, and single steps."""

import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

import torch
from tabulate import tabulate
from torch import Generator, Tensor, nn

from benchmarks.fused import LONE, Run, apart, study
from benchmarks.sweep import Task
from sweeps.worker.placement import gpus
from trainer_pkg.fused.draws import Draws, JointDraws
from trainer_pkg.fused.networks import Evaluating, OneByOne
from trainer_pkg.fused.stack import Stack
from trainer_pkg.fused.tried import Tried
from trainer_pkg.fused.vmapped import Vmapped
from trainer_pkg.losses.ordered import Regression
from trainer_pkg.module import ImageModule
from trainer_pkg.nets.backbone import Backbone
from trainer_pkg.nets.cnn import CNN
from trainer_pkg.nets.convnext import ConvNeXt
from trainer_pkg.nets.dense import Dense
from trainer_pkg.nets.efficientnet import EfficientNet
from trainer_pkg.nets.mlp import MLP
from trainer_pkg.nets.vit import ViT
from trainer_pkg.spec import Categorical, DataSpec

NUM = 32
"""Trials in a group."""

GROUPS = (("dense", "base"), ("vit", "tiny"), ("cnn", "base"))
"""Family and size of the studies."""

STEPS: tuple[tuple[type[Backbone], str], ...] = (
    *((Dense, "base"), (MLP, "base"), (CNN, "base"), (ViT, "tiny"), (ConvNeXt, "tiny"), (EfficientNet, "tiny")),
)
"""Family and size of the networks whose steps are timed."""

_ROWS, _REPEATS = 128, 20


def show(data_dir: Path, num_lone: int, num_rounds: int) -> None:
    """Print the tables of `steps` and of `studies`, or that there is no GPU."""
    if not gpus():
        print("There is no GPU here, so nothing was measured.")
        return
    headers = [
        f"a step, {_ROWS} images, ms",
        "alone",
        f"{NUM} one by one",
        f"{NUM} by vmap",
        "per trial x alone",
        f"{NUM} seeds",
        "why not",
    ]
    print(tabulate(steps(torch.device("cuda")), headers=headers, tablefmt="pipe", floatfmt=".3g"), end="\n\n")
    headers = ["seconds per trial", "alone", "fused", "alone / fused", "any metric", "mean accuracy"]
    print(tabulate(studies(data_dir, num_lone, num_rounds), headers=headers, tablefmt="pipe", floatfmt=".3g"))


def studies(data_dir: Path, num_lone: int, num_rounds: int) -> list[list[object]]:
    """Of each group: its name, seconds per trial alone and fused, the ratio, and how far the results are apart.

    All trials run on one GPU, one process at a time. Of the trials that are fused, the first `num_lone` are run alone.
    """
    found: list[list[object]] = []
    for model, size in GROUPS:
        extra = ("study.slots=1", "trainer.accelerator=gpu", f"model.size={size}")
        alone, together = (Task(model=model, num=num, data_dir=data_dir, extra=extra) for num in (num_lone, NUM))
        pairs = [(study(alone, LONE), study(together, f"study.fuse={NUM}")) for _ in range(num_rounds)]
        lone_s, fused_s = (
            statistics.median(pair[side].warm_s / len(pair[side].rows) for pair in pairs) for side in (0, 1)
        )
        one, other = pairs[-1]
        gaps = apart(one, Run(warm_s=other.warm_s, rows=other.rows[:num_lone]))
        found.append([f"{NUM} x {model} {size}", lone_s, fused_s, lone_s / fused_s, *gaps])
        print(f"  {found[-1]}", file=sys.stderr, flush=True)
    return found


def steps(device: torch.device) -> list[list[object]]:
    """Of each network: its name, milliseconds forward and backward, alone and of a group, and why vmap is not taken.

    All trials have one seed, as those of a study of loss weights do; but for the last time, which is by vmap, too.
    """
    found = []
    for net, size in STEPS:
        found.append([f"{net.__name__.lower()} {size}", *_steps_of(net, size, device)])
        print(f"  {found[-1]}", file=sys.stderr, flush=True)
    return found


def _steps_of(net: type[Backbone], size: str, device: torch.device) -> list[object]:
    modules = [_module(net, size).to(device) for _ in range(NUM + 1)]
    lone = modules.pop()
    stack = Stack(modules, [name for name, parameter in lone.named_parameters() if parameter.requires_grad])
    stack.hand_gradients()
    draws = JointDraws([Draws(device) for _ in modules])
    draws.set_states([_states(device, 0)] * NUM)
    vmapped, one_by_one = Vmapped(modules[0].network, stack, draws), OneByOne(modules, stack, draws.each)
    tried = Tried(vmapped, one_by_one, stack, draws)
    images = torch.rand(_ROWS, 1, 28, 28, device=device)
    weights = [parameter for parameter in lone.network.parameters() if parameter.requires_grad]
    _step(tried, images)
    alone_ms = _timed(lambda: torch.autograd.grad(_sum(lone(images)), weights), device)
    each_ms = _timed(lambda: _step(one_by_one, images), device)
    all_ms = _timed(lambda: _step(vmapped, images), device)
    draws.set_states([_states(device, seed) for seed in range(NUM)])
    seeds_ms = _timed(lambda: _step(vmapped, images), device)
    return [alone_ms, each_ms, all_ms, all_ms / NUM / alone_ms, seeds_ms, tried.why]


def _module(net: type[Backbone], size: str) -> ImageModule:
    heads = {"digit": 10, "thickness": 5, "smoothness": 5}
    return ImageModule(
        spec=DataSpec(
            input_shape=(1, 28, 28),
            targets={name: Categorical(num_classes=num) for name, num in heads.items()},
            num_aux=0,
        ),
        net=net,
        size=size,
        criterion=nn.CrossEntropyLoss(),
        number_criterion=Regression(),
        optimizer=torch.optim.Adam,
    )


def _states(device: torch.device, seed: int) -> list[Tensor]:
    kinds = ["cpu"] if device.type == "cpu" else ["cpu", device]
    return [Generator(kind).manual_seed(seed).get_state() for kind in kinds]


def _step(network: Evaluating, images: Tensor) -> None:
    outputs = network.forward(images, None)
    network.backward({head: torch.ones_like(of) for head, of in outputs.items()})


def _sum(outputs: dict[str, Tensor]) -> Tensor:
    return torch.stack([of.sum() for of in outputs.values()]).sum()


def _timed(work: Callable[[], object], device: torch.device) -> float:
    """Milliseconds of one call, of many behind each other."""

    def wait() -> None:
        if device.type == "cuda":
            torch.cuda.synchronize()

    work()
    wait()
    start = time.perf_counter()
    for _ in range(_REPEATS):
        work()
    wait()
    return 1e3 * (time.perf_counter() - start) / _REPEATS
