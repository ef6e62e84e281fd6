"""What a checkpoint says of its run holds nothing of the environment and no secret, and rebuilds the run."""

from pathlib import Path
from typing import Any

import pytest
import torch
from omegaconf import DictConfig, OmegaConf

from tests.trainer.test_assemble import config
from trainer_pkg.checkpoint import AtomicCheckpointIO
from trainer_pkg.errors import ConfigError
from trainer_pkg.preflight.stored import with_checkpoint_config
from trainer_pkg.record import plain_config


@pytest.fixture
def cfg(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> DictConfig:
    for name in ("NOTE_ONE", "NOTE_TWO", "NOTE_THREE"):
        monkeypatch.setenv(name, f"canary-{name}")
    made = config(
        tmp_path,
        "+data.source.api_key=canary-typed-key",
        "+data.source.hf_token=canary-typed-token",
        "+model.login.password=canary-typed-password",
        "+model.pad_token=pad",
        "+data.twice=${data.batch_size}",
    )
    OmegaConf.set_struct(made, False)
    made.data.source.note = "${oc.env:NOTE_ONE}"
    made.model.notes = [1, "see ${oc.env:NOTE_TWO}", {"deep": '${oc.env:NOTE_THREE,"a, b"}'}]
    made.trainer.copied = "${data.source.note}"
    return made


@pytest.mark.parametrize("resolve", [True, False])
def test_no_canary_is_in_a_checkpoint(cfg: DictConfig, tmp_path: Path, resolve: bool) -> None:
    kept = plain_config(cfg, resolve=resolve)
    assert "canary-" not in str(kept)
    AtomicCheckpointIO().save_checkpoint({"state_dict": {}, "config": kept}, tmp_path / "x.ckpt")
    assert b"canary-" not in (tmp_path / "x.ckpt").read_bytes()
    assert kept["model"]["pad_token"] == "pad" and "api_key" not in kept["data"]["source"]


def test_what_comes_from_the_environment_is_read_again(cfg: DictConfig) -> None:
    kept: dict[str, Any] = plain_config(cfg)
    again = OmegaConf.create(kept)
    assert again.data.source.note == again.trainer.copied == "canary-NOTE_ONE"
    assert again.model.notes[1] == "see canary-NOTE_TWO" and again.model.notes[2].deep == "canary-NOTE_THREE"
    assert kept["data"]["twice"] == kept["data"]["batch_size"] == cfg.data.batch_size
    # All else is there with its value.
    plain = OmegaConf.to_container(cfg.model.optimizer, resolve=True)
    assert kept["model"]["optimizer"] == plain and kept["seed"] == cfg.seed


def test_a_checkpoint_is_evaluated_with_the_environment_of_the_evaluation(
    cfg: DictConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "x.ckpt"
    kept = plain_config(cfg)
    stored = {"state_dict": {"w": torch.zeros(1)}, "config": kept}
    AtomicCheckpointIO().save_checkpoint(stored, path)
    monkeypatch.setenv("NOTE_ONE", "another")
    own = config(tmp_path, f"ckpt_path={path}")
    with pytest.raises(ConfigError, match=r"data\.source\.note=\$\{oc\.env:.*Set it yourself: 'data\.source\.note="):
        with_checkpoint_config(own, [])
    OmegaConf.set_struct(own, False)
    own.data.source.note, own.model.notes = kept["data"]["source"]["note"], kept["model"]["notes"]
    assert with_checkpoint_config(own, []).data.source.note == "another"
