"""Which configurations may train together, and what is said of those that may not."""

import subprocess
import sys

import pytest
from hydra import compose, initialize_config_dir
from omegaconf import DictConfig

from tests.conftest import REPOSITORY
from trainer_pkg.fused.declared import Fusion
from trainer_pkg.models import register_models

OWN = "data.train_transform={_target_: my_package.Warp}"


@pytest.mark.parametrize(
    ("accelerator", "device", "pays"),
    [("auto", "cpu", 8), ("cpu", "cuda", 8), ("auto", "cuda", 1), ("gpu", "cuda", 1), ("cuda", "cuda", 1)],
)
def test_the_device_is_the_one_that_a_trial_would_use(accelerator: str, device: str, pays: int) -> None:
    capacity = Fusion().capacity(_config("model=mlp", f"trainer.accelerator={accelerator}"), device)
    assert (capacity.most > 100, capacity.pays) == (True, pays)
    assert capacity.why == ("" if pays > 1 else "mlp was not measured to pay on a GPU")


@pytest.mark.parametrize(
    ("overrides", "pays", "why"),
    [
        ("model=dense", 32, ""),
        ("model=dense model.size=tiny data=multihead_digits", 32, ""),
        ("model=cnn data.batch_size=128", 32, ""),
        ("model=cnn data.batch_size=500", 8, ""),
        ("model=cnn data=cifar10 data.batch_size=2048", 2, ""),
        ("model=dense data.batch_size=4096", 1, "data.batch_size=4096 fills a GPU alone"),
        ("model=dense data.batch_size=10000", 1, "data.batch_size=10000 fills a GPU alone"),
        ("model=vit model.size=tiny", 32, ""),
        ("model=vit", 1, "vit of size base was not measured to pay on a GPU"),
        ("model=dense model.size=large", 1, "dense of size large was not measured to pay on a GPU"),
        ("model=convnext", 1, "convnext was not measured to pay on a GPU"),
        (
            "model=cnn data=hf data.source.path=x",
            1,
            "HuggingFace may have larger images than were measured to pay on a GPU",
        ),
    ],
)
def test_on_a_gpu_as_much_trains_together_as_was_measured_to_pay(overrides: str, pays: int, why: str) -> None:
    capacity = Fusion().capacity(_config(*overrides.split(), "trainer.accelerator=gpu"), "cuda")
    assert (capacity.most > 100, capacity.pays, capacity.why) == (True, pays, why)


@pytest.mark.parametrize(("accelerator", "device"), [("mps", "cpu"), ("gpu", "cpu"), ("tpu", "cuda")])
def test_trials_train_together_on_no_other_device(accelerator: str, device: str) -> None:
    capacity = Fusion().capacity(_config("model=dense", f"trainer.accelerator={accelerator}"), device)
    why = f"trainer.accelerator={accelerator}: trials train together on a CPU or on an NVIDIA GPU"
    assert (capacity.most, capacity.why) == (1, why)


@pytest.mark.parametrize("precision", ["16-mixed", "bf16-mixed"])
def test_trials_of_mixed_precision_are_apart_on_a_gpu_too(precision: str) -> None:
    capacity = Fusion().capacity(_config("model=dense", f"trainer.precision={precision}"), "cuda")
    assert (capacity.most, capacity.why) == (1, f"trainer.precision={precision}")


@pytest.mark.parametrize(
    ("overrides", "why"),
    [
        ("model=dense", ""),
        ("model=mlp data=multihead_digits trainer.gradient_clip_val=1 model.net.dropout=0.2", ""),
        ("model=dense data=cifar10 logger=csv debug=limit trainer.detect_anomaly=false", ""),
        ("train=false", "train=false: nothing is trained"),
        ("ckpt_path=a.ckpt", "ckpt_path=a.ckpt"),
        ("trainer.precision=16-mixed", "trainer.precision=16-mixed"),
        ("trainer=ddp", "trainer.devices=4"),
        ("+trainer.accumulate_grad_batches=2", "trainer.accumulate_grad_batches=2"),
        ("+trainer.val_check_interval=0.5", "trainer.val_check_interval=0.5"),
        ("+trainer.max_steps=10", "trainer.max_steps=10"),
        ("trainer.check_val_every_n_epoch=null", "trainer.check_val_every_n_epoch=null"),
        ("debug=overfit trainer.detect_anomaly=false", "trainer.overfit_batches=3"),
        ("debug=fdr trainer.detect_anomaly=false", "trainer.fast_dev_run=True"),
        ("debug=profiler trainer.detect_anomaly=false", "trainer.profiler=simple"),
        ("+trainer.model_registry=mine", "trainer.model_registry=mine: nobody has tried it"),
        ("data.num_workers=2", "data.num_workers=2"),
        ("logger=wandb", "logger.wandb: lightning.pytorch.loggers.WandbLogger may be one per process"),
        (
            "+callbacks.t={_target_: lightning.pytorch.callbacks.Timer}",
            "callbacks.t: lightning.pytorch.callbacks.Timer",
        ),
        ("+callbacks.best.every_n_train_steps=5", "callbacks.best.every_n_train_steps=5"),
        ("model.compile=true", "model.compile=true"),
        ("model/balancer=uw", "model.balancer: UW looks into the network of each step"),
        ("model/balancer=fixed", ""),
        ("model.optimizer._target_=torch.optim.LBFGS", "model.optimizer: torch.optim.LBFGS may take a second look"),
        (OWN, "data.train_transform: my_package.Warp may draw random numbers of its own"),
    ],
)
def test_what_keeps_trials_apart_is_named(overrides: str, why: str) -> None:
    capacity = Fusion().capacity(_config(*([overrides] if "{" in overrides else overrides.split())), "cpu")
    assert (capacity.most > 1) == (not why)
    assert capacity.why.startswith(why) and bool(why) == bool(capacity.why)
    assert capacity.pays == (1 if why else 8 if "mlp" in overrides else 12)


def test_a_family_that_was_not_measured_to_pay_trains_together_where_somebody_says_so() -> None:
    capacity = Fusion().capacity(_config("model=cnn"), "cpu")
    assert (capacity.most > 100, capacity.pays) == (True, 1)
    assert capacity.why == "cnn was not measured to pay on a CPU"


def test_a_study_asks_without_torch() -> None:
    code = "import sys, trainer_pkg.fused.declared; assert not {'torch', 'lightning'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True, cwd=REPOSITORY)


def _config(*overrides: str) -> DictConfig:
    register_models()
    with initialize_config_dir(str(REPOSITORY / "configs")):
        return compose("train", overrides=list(overrides))
