"""Broken command lines through the whole program: one line on stderr that names the key, exit 2, nothing made."""

import importlib
import shutil
from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest
from hydra import compose, initialize_config_dir
from hydra.utils import execution_whitelist
from hypothesis import Phase, given
from hypothesis import strategies as st
from omegaconf import DictConfig, OmegaConf

from tests.conftest import REPOSITORY
from tests.fuzz import drawn_anew
from tests.trainer.runs import command_in_fork
from trainer_pkg.models import register_models
from trainer_pkg.preflight.check import check
from trainer_pkg.trusted import WHITELIST

DATA = "data=multihead_digits"
GROUPS = ("data", "model", "experiment", "trainer", "debug", "callbacks", "logger", "study", "data/labels")
# Per key some values that it cannot have.
BAD_VALUES = {
    "seed": ["abc", "1.5", "[1]", "true"],
    "data.batch_size": ["0", "-3", "abc", "1.5", "null", "[64]"],
    "data.eval_batch_size": ["0", "-1", "many"],
    "data.num_val": ["0", "-1", "100000", "some"],
    "data.num_workers": ["-1", "two"],
    "model.size": ["tinny", "5", "[base]"],
    "model.optimizer.lr": ["abc", "-0.1", "[0.1]"],
    "model.net.dropout": ["1.5", "-0.5", "much"],
    "model.loss_weights.digit": ["-1", ".nan", "inf", "heavy", "[1]"],
    "trainer.max_epochs": ["abc", "1.5", "[3]"],
    "trainer.accelerator": ["warp", "3.5"],
    "trainer.precision": ["33", "half", "fp7"],
    "study.objective": ["val/nothing", "train/nothing", "[val/loss,nothing]"],
    "study.direction": ["up", "3", "[minimize,maximize]"],
    "study.slots": ["0", "-1", "many", "1.5"],
    "study.sampler": ["tpee", "7"],
    "study.n_trials": ["0", "-2", "few"],
    "study.replicates": ["0", "some"],
    "study.lease_s": ["0", "-1", "nan", "inf", "long"],
    "study.max_retries": ["-1", "often"],
    "study.trial_memory_gb": ["0", "-4", "all"],
    "study.name": ["a/b", ".hidden", "''"],
    "callbacks.best.monitor": ["val/nothing", "nothing"],
    "callbacks.best.mode": ["up"],
    "ckpt_path": ["/nowhere/x.ckpt"],
}
LETTERS = "abcdefghijklmnopqrstuvwxyz"
BROKEN_TEXT = ("[1", "{a:", "'x", "(1,2", "]", "choice(", "range(1,", "${oc.env:")


@cache
def config() -> DictConfig:
    register_models()
    with initialize_config_dir(str(REPOSITORY / "configs")):
        return compose("train", overrides=[DATA])


@cache
def keys() -> list[str]:
    """Every key of the configuration, dotted."""

    def walk(node: object, prefix: str) -> list[str]:
        if not isinstance(node, dict):
            return [prefix]
        return [prefix] * bool(prefix) + [k for name in node for k in walk(node[name], f"{prefix}.{name}".lstrip("."))]

    return [key for key in walk(OmegaConf.to_container(config(), resolve=False), "") if "._" not in key]


@st.composite
def misspelt_key(draw: Callable[..., str]) -> tuple[list[str], str]:
    *parents, name = draw(st.sampled_from(keys())).split(".")
    place = draw(st.integers(0, len(name)))
    wrong = name[:place] + draw(st.sampled_from(LETTERS)) + name[place + draw(st.integers(0, 1)) :]
    known = {
        key.split(".")[len(parents)]
        for key in keys()
        if key.split(".")[: len(parents)] == parents and key.count(".") >= len(parents)
    }
    if wrong in known or (not parents and wrong in GROUPS):
        wrong += "qx"
    return [f"{'.'.join([*parents, wrong])}={draw(st.sampled_from(['1', 'a', '0.5']))}"], wrong


@st.composite
def misspelt_option(draw: Callable[..., str]) -> tuple[list[str], str]:
    wrong = draw(st.text(LETTERS, min_size=3, max_size=8)) + "qx"
    return [f"{draw(st.sampled_from(GROUPS))}={wrong}"], wrong


@st.composite
def bad_value(draw: Callable[..., str]) -> tuple[list[str], str]:
    key = draw(st.sampled_from(sorted(BAD_VALUES)))
    return [f"{key}={draw(st.sampled_from(BAD_VALUES[key]))}"], key.rpartition(".")[2]


@st.composite
def broken_text(draw: Callable[..., str]) -> tuple[list[str], str]:
    key = draw(st.sampled_from(keys()))
    return [f"{key}={draw(st.sampled_from(BROKEN_TEXT))}"], key


BROKEN = st.one_of(misspelt_key(), misspelt_option(), bad_value(), broken_text())
# Good overrides around the broken one must not hide it.
GOOD = st.lists(
    st.sampled_from(["trainer.max_epochs=2", "model=cnn", "test=false", "model.size=tiny"]), max_size=2, unique=True
)


@pytest.mark.parametrize(
    "num_lines", [40, pytest.param(10_000, marks=[pytest.mark.slow, pytest.mark.timeout(3 * 3600)])]
)
def test_a_broken_command_line_is_one_line_of_refusal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, num_lines: int
) -> None:
    monkeypatch.setenv("SWEEPS_DATA_DIR", str(tmp_path / "data"))
    folder = tmp_path / "work"
    importlib.import_module("sweeps.sweep")
    register_models()
    # Whatever a fork would otherwise import anew each time.
    with initialize_config_dir(str(REPOSITORY / "configs")), execution_whitelist(WHITELIST):
        check(compose("train", overrides=[DATA, f"paths.output_dir={tmp_path}"]))

    # Not shrunk: each line takes a fifth of a second, and one that fails is short enough to read.
    @drawn_anew(num_lines, phases=[Phase.reuse, Phase.generate])
    @given(BROKEN, GOOD, st.booleans())
    def refuse(broken: tuple[list[str], str], good: list[str], is_sweep: bool) -> None:
        arguments, named = broken
        # Only a sweep reads the study's keys; what only the application can refuse takes a sweep long to start.
        is_sweep = arguments[0].startswith("study.") or (is_sweep and arguments[0].endswith("qx"))
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        line = [DATA, *good, *arguments, *(["-m", "train=true,false"] if is_sweep else [])]
        done = command_in_fork(folder, *line)
        err = done.stderr
        assert done.returncode == 2, (line, done.returncode, err)
        assert err.startswith("Error: ") and err.count("\n") == 1, (line, err)
        assert named in err, (line, err)
        assert list(folder.iterdir()) == [], line

    refuse()
