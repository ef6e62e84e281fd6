"""Reports of an epoch are those that Lightning's own collection gives."""

from pathlib import Path

import pytest
import torch

from tests.trainer.fused import alone, assert_alike
from tests.trainer.runs import metrics
from trainer_pkg.epoch_results import EpochResults

BALANCED = ("model/balancer=uw", "trainer.num_sanity_val_steps=1", "callbacks.early_stopping.patience=1")


@pytest.mark.parametrize("overrides", [("data=multihead_digits",), BALANCED])
def test_a_run_reports_what_it_does_with_lightning_s_own(
    overrides: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    torch.set_num_threads(1)
    found = alone(tmp_path / "ours", tmp_path / "data", *overrides)
    monkeypatch.setattr("trainer_pkg.assemble.watch", lambda trainer: None)
    assert found == alone(tmp_path / "theirs", tmp_path / "data", *overrides)
    assert_alike(tmp_path / "theirs", tmp_path / "ours")
    assert metrics(tmp_path / "theirs") == metrics(tmp_path / "ours")


def test_what_is_kept_is_there_until_the_epoch_has_ended() -> None:
    results = EpochResults(training=False)
    assert not results
    results.keep({"val/loss": torch.tensor(0.5)})
    assert results
    assert results.metrics(on_step=True) == {"callback": {}, "log": {}, "pbar": {}}
    assert results.metrics(on_step=False)["log"] == {"val/loss": torch.tensor(0.5)}
    results.reset(metrics=False, fx="on_validation_epoch_end")
    assert results
    results.reset()
    assert not results
