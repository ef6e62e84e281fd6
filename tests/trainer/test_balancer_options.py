"""`model/balancer=`: its options, what is refused, and that a run which was cut ends as one that was not."""

import signal
import sys
from pathlib import Path

import pytest
import torch
from hydra import compose, initialize_config_dir
from hydra.core.config_store import ConfigStore
from hydra.errors import HydraException
from hydra.utils import execution_whitelist
from lightning.pytorch import seed_everything
from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException

from tests.trainer.runs import BATCHES, assert_continues, assert_equal, command_in_fork, final_state, metrics, train
from tests.trainer.test_configs import CONFIGS, composed
from trainer_pkg import served
from trainer_pkg.assemble import build
from trainer_pkg.checkpoint import load
from trainer_pkg.losses.balancers import FixedWeights
from trainer_pkg.losses.gradient_balancer import GradientBalancer
from trainer_pkg.models import register_models
from trainer_pkg.preflight.check import check
from trainer_pkg.preflight.one_line import one_line
from trainer_pkg.preflight.signatures import check_signatures
from trainer_pkg.trusted import FROM_CHECKPOINTS, WHITELIST

register_models()
OPTIONS = [name.removesuffix(".yaml") for name in ConfigStore.instance().list("model/balancer")]
LISTED = ", ".join(sorted([*OPTIONS, "fixed"]))
SCALARIZERS = {"uw", "dwa", "random", "famo", "gls", "imtl_l", "stch"}
GRADIENTS = {"pcgrad", "mgda", "cagrad", "nash", "upgrad", "imtl_g", "aligned", "gradnorm"}
LINE = ("data=multihead_digits", "model=dense", "model.size=tiny", "trainer.max_epochs=1")


@pytest.fixture(autouse=True)
def seeded() -> None:
    seed_everything(0, verbose=False)


def test_every_balancer_of_the_page_is_an_option() -> None:
    assert set(OPTIONS) == {"none"} | SCALARIZERS | GRADIENTS


@pytest.mark.parametrize("option", sorted(SCALARIZERS | GRADIENTS | {"fixed"}))
def test_an_option_composes_binds_and_is_trusted(option: str, tmp_path: Path) -> None:
    cfg = composed("data=multihead_digits", f"paths.data_dir={tmp_path}", f"model/balancer={option}")
    check_signatures(OmegaConf.to_container(cfg.model, resolve=True), "model")
    assert cfg.model.balancer._target_ in FROM_CHECKPOINTS
    with execution_whitelist(WHITELIST):
        module = build(cfg.model, spec=build(cfg.data).spec)
    assert isinstance(module.balancer, GradientBalancer) == (option in GRADIENTS)
    assert isinstance(module.balancer, FixedWeights) == (option == "fixed")


def test_none_is_the_configuration_without_a_balancer() -> None:
    assert composed("model/balancer=none").model == composed().model


def refusal(folder: Path, *overrides: str) -> str:
    """The one line that the check of a configuration ends with."""
    with (
        initialize_config_dir(str(CONFIGS)),
        execution_whitelist(WHITELIST),
        pytest.raises((HydraException, OmegaConfBaseException)) as caught,
    ):
        check(compose("train", overrides=[*LINE, f"paths.data_dir={folder}/data", *overrides]))
    return one_line(caught.value)


@pytest.mark.parametrize(
    ("overrides", "expected"),
    [
        (
            ("model/balancer=pcgrad", "model.compile=true"),
            "model.compile=true: PCGrad (model/balancer) differentiates each loss alone; set model.compile=false.",
        ),
        (
            ("model/balancer=upgrad", "trainer.precision=bf16-mixed"),
            "trainer.precision=bf16-mixed: UPGrad (model/balancer) needs 32-true or 64-true: it compares gradients.",
        ),
        (
            ("model/balancer=gradnorm", "+trainer.accumulate_grad_batches=2"),
            "trainer.accumulate_grad_batches=2: GradNorm (model/balancer) needs the gradients of a whole batch: 1.",
        ),
        (
            ("model/balancer=famo", "trainer=ddp", "trainer.accelerator=cpu", "trainer.devices=2"),
            "trainer.devices=2 by DDPStrategy: FAMO (model/balancer) trains on one device;"
            " set trainer.devices=1 trainer.strategy=auto.",
        ),
        (
            ("model/balancer=mgda", "trainer=ddp", "trainer.accelerator=cpu", "trainer.devices=1"),
            "trainer.devices=1 by DDPStrategy: MGDA (model/balancer) trains on one device;"
            " set trainer.devices=1 trainer.strategy=auto.",
        ),
        (
            ("model/balancer=dwa", "+model.balancer.temperature=0"),
            "model.balancer.temperature=0 must be above 0.",
        ),
        (("model/balancer=stch", "+model.balancer.mu=0"), "model.balancer.mu=0 must be above 0."),
        (
            ("model/balancer=aligned", "+model.balancer.scale_mode=max"),
            "model.balancer.scale_mode=max must be min, median or rmse.",
        ),
        (
            ("model/balancer=upgrd",),
            f"model/balancer=upgrd does not exist. Options: {LISTED}. Did you mean 'upgrad'?",
        ),
        (("model.balancer=uw",), f"It is a group: write model/balancer=OPTION. Options: {LISTED}."),
    ],
)
def test_what_a_balancer_cannot_do_is_one_line(overrides: tuple[str, ...], expected: str, tmp_path: Path) -> None:
    assert refusal(tmp_path, *overrides).removeprefix("Could not override 'model.balancer'. ") == expected


@pytest.mark.parametrize(
    ("missing", "option", "expected"),
    [
        ("torchjd", "uw", "model/balancer=uw needs torchjd: pip install 'hydra-sweeps[balancers]'."),
        ("torchjd", "gradnorm", "model/balancer=gradnorm needs torchjd: pip install 'hydra-sweeps[balancers]'."),
        ("quadprog", "upgrad", "model/balancer=upgrad needs quadprog: pip install 'hydra-sweeps[balancers]'."),
        ("cvxpy", "cagrad", "model/balancer=cagrad needs cvxpy: pip install 'hydra-sweeps[balancers-cvx]'."),
        ("torchjd", "nash", "model/balancer=nash needs torchjd: pip install 'hydra-sweeps[balancers]'."),
    ],
)
def test_a_missing_package_is_one_line_with_its_extra(
    missing: str, option: str, expected: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, missing, None)  # Python's own mark of a module that cannot be imported
    assert refusal(tmp_path, f"model/balancer={option}") == expected


def test_a_refused_balancer_ends_a_run_and_a_sweep_with_2_and_leaves_nothing(tmp_path: Path) -> None:
    for arguments in (
        ("model/balancer=pcgrad", "model.compile=true"),
        ("-m", "model/balancer=none,pcgrad", "model.compile=true", "tracking.uri=null"),
    ):
        done = command_in_fork(tmp_path, *LINE, *arguments)
        assert done.returncode == 2 and "model.compile=true: PCGrad (model/balancer)" in done.stderr, done
        assert {path.name for path in tmp_path.iterdir()} <= {"data"}


def test_weights_that_a_balancer_does_not_use_are_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    told = "Warning: UW (model/balancer) makes weights of its own; of model.loss_weights it takes only which are 0."
    with initialize_config_dir(str(CONFIGS)), execution_whitelist(WHITELIST):
        for digit, times in ((0.5, 1), (1.0, 0)):
            weights = ("model.loss_weights.thickness=0", f"model.loss_weights.digit={digit}")
            line = (*LINE, f"paths.data_dir={tmp_path}/data", "model/balancer=uw", *weights)
            check(compose("train", overrides=list(line)))
            assert capsys.readouterr().err.count(told) == times


def test_a_model_opens_without_the_packages_of_its_balancer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    train(tmp_path / "run", tmp_path / "data", *LINE, "model/balancer=uw")
    monkeypatch.setitem(sys.modules, "torchjd", None)
    model = torch.load(tmp_path / "run" / "model" / "data" / "model.pth", pickle_module=served, weights_only=False)
    assert model(torch.zeros(2, 1, 28, 28, dtype=torch.uint8))["digit"].shape == (2, 10)


_THREE_EPOCHS = ("model=dense", "model.size=tiny", "model.net.dropout=0.3", "trainer.max_epochs=3")


def assert_an_option_continues(option: str, how: signal.Signals, tmp_path: Path) -> None:
    # In the middle of the third epoch: from there on DWA has weights, and the epochs before have their losses.
    assert_continues(tmp_path, (*_THREE_EPOCHS, f"model/balancer={option}"), {2 * BATCHES + 5}, how)
    found = metrics(tmp_path / "whole")
    assert len({value for (name, _), value in found.items() if name == "train/weight/digit"}) >= 2


@pytest.mark.parametrize("option", ["dwa", "famo", "uw", "pcgrad"])
def test_a_run_that_sigterm_has_cut_continues_bit_for_bit(option: str, tmp_path: Path) -> None:
    assert_an_option_continues(option, signal.SIGTERM, tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL])
@pytest.mark.parametrize("option", sorted(SCALARIZERS | GRADIENTS))
def test_a_run_with_any_balancer_continues_bit_for_bit(option: str, how: signal.Signals, tmp_path: Path) -> None:
    assert_an_option_continues(option, how, tmp_path)


def test_what_a_checkpoint_behind_a_batch_holds_is_as_whole(tmp_path: Path) -> None:
    name = "lightning.pytorch.callbacks.ModelCheckpoint"
    every = f"{{_target_: {name}, dirpath: {tmp_path}, filename: '{{step}}', every_n_train_steps: 7}}"
    train(tmp_path / "run", tmp_path / "data", *LINE, "model/balancer=famo", f"+callbacks.often={every}")
    [file] = tmp_path.glob("step=7.ckpt")
    [state] = load(file)["state_dict"]["balancer._extra_state"]["state"].values()
    assert state["step"].item() == 7
    assert_equal(final_state(tmp_path / "run")["state_dict"].keys(), load(file)["state_dict"].keys())
