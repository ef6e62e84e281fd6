"""Every family on every shape of data, with one head and three: a step, a checkpoint, a resume, an evaluation."""

from pathlib import Path

import pytest
import torch
from hydra import compose, initialize_config_dir
from hydra.utils import execution_whitelist
from lightning.pytorch import Trainer

from tests.conftest import REPOSITORY
from tests.quiet import QUIET
from trainer_pkg.assemble import build
from trainer_pkg.data import DataModule
from trainer_pkg.data.digits import Digits
from trainer_pkg.data.labels import ClassMaps
from trainer_pkg.data.source import Columns
from trainer_pkg.models import register_models
from trainer_pkg.spec import Categorical, DataSpec, Shape
from trainer_pkg.trusted import WHITELIST

MODELS = sorted(path.stem for path in (REPOSITORY / "configs" / "model" / "backbone").glob("*.yaml"))
LABELS = {"thickness": [2, 1, 3, 3, 2, 3, 2, 1, 4, 3], "smoothness": [2, 0, 1, 1, 0, 1, 2, 0, 2, 2]}


class Noise:
    """Random images of ten classes."""

    def __init__(self, shape: Shape) -> None:
        self.name = f"noise-{'x'.join(map(str, shape))}"
        self.spec = DataSpec(input_shape=shape, targets={"class": Categorical(num_classes=10)})

    def load(self) -> dict[str, Columns]:
        generator = torch.Generator().manual_seed(0)
        images = torch.randint(0, 256, (40, *self.spec.input_shape), dtype=torch.uint8, generator=generator)
        return {name: {"image": images, "class": torch.arange(40) % 10} for name in ("train", "test")}


SOURCES = {"digits": Digits(), "mnist": Noise((1, 28, 28)), "cifar": Noise((3, 32, 32))}


def trainer(folder: Path, max_steps: int) -> Trainer:
    return Trainer(
        max_steps=max_steps,
        limit_val_batches=1,
        limit_test_batches=1,
        default_root_dir=folder,
        logger=False,
        num_sanity_val_steps=0,
        **QUIET,
    )


def cases() -> list[object]:
    """All of them; each family but the residual networks once with one channel and once with three in `make test`."""
    every = [(model, source, heads) for model in MODELS for source in SOURCES for heads in (1, 3)]
    quick = (("mnist", 3), ("cifar", 1))
    return [
        pytest.param(*case, marks=[] if case[1:] in quick and "resnet" not in case[0] else pytest.mark.slow)
        for case in every
    ]


@pytest.mark.parametrize(("model", "source", "num_heads"), cases())
def test_a_step_a_checkpoint_a_resume_and_an_evaluation(
    model: str, source: str, num_heads: int, tmp_path: Path
) -> None:
    torch.set_num_threads(1)
    register_models()
    smallest = [] if model.startswith("resnet") else ["model.size=tiny"]
    with initialize_config_dir(str(REPOSITORY / "configs")):
        cfg = compose("train", overrides=[f"model={model}", *smallest, f"paths.output_dir={tmp_path}"])

    def objects() -> tuple[object, DataModule]:
        labels = ClassMaps(LABELS) if num_heads == 3 else None
        data = DataModule(source=SOURCES[source], cache_dir=tmp_path, num_val=8, batch_size=8, labels=labels)
        with execution_whitelist(WHITELIST):
            return build(cfg.model, spec=data.spec), data

    module, data = objects()
    assert len(module.network.heads) == num_heads  # type: ignore[attr-defined]
    before = [p.detach().clone() for p in module.parameters()]  # type: ignore[attr-defined]
    first = trainer(tmp_path, 1)
    first.fit(module, data)  # type: ignore[arg-type]
    assert all(torch.isfinite(p).all() for p in module.parameters())  # type: ignore[attr-defined]
    moved = [not torch.equal(a, b) for a, b in zip(before, module.parameters(), strict=True)]  # type: ignore[attr-defined]
    assert sum(moved) > len(moved) / 2
    first.save_checkpoint(tmp_path / "one.ckpt")
    resumed, data = objects()
    second = trainer(tmp_path, 2)
    second.fit(resumed, data, ckpt_path=str(tmp_path / "one.ckpt"), weights_only=True)  # type: ignore[arg-type]
    assert second.global_step == 2
    [scores] = trainer(tmp_path, 1).test(module, data, verbose=False)  # type: ignore[arg-type]
    [again] = trainer(tmp_path, 1).test(  # type: ignore[misc]
        objects()[0],
        data,
        ckpt_path=str(tmp_path / "one.ckpt"),
        verbose=False,
        weights_only=True,  # type: ignore[arg-type]
    )
    assert scores == again and len(scores) == (2 if num_heads == 1 else 8)
