"""What a task sees of its trial, in a study and outside of one."""

import os
from collections.abc import Iterator
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from pathlib import Path

import pytest
import torch

from sweeps.trial.artifacts import artifacts
from sweeps.trial.files import TrialFiles
from sweeps.trial.handle import Trial
from sweeps.trial.journal import events, samples
from sweeps.worker.messages import Reported, decode
from sweeps.worker.piped import PipedTrial


@pytest.fixture
def pipe() -> Iterator[tuple[Connection, Connection]]:
    ours, theirs = Pipe()
    with ours, theirs:
        yield ours, theirs


def test_a_report_is_recorded_and_told(tmp_path: Path, pipe: tuple[Connection, Connection]) -> None:
    trial = PipedTrial(pipe[1], 3, tmp_path, attempt=1)
    trial.report({"loss": torch.tensor(0.5)}, 2)
    assert decode(pipe[0].recv_bytes()) == Reported(trial=3, metrics={"loss": 0.5}, step=2)
    assert [(s.name, s.value, s.step) for s in samples(TrialFiles(tmp_path).journal)] == [("loss", 0.5, 2)]
    trial.show({"loss": 0.25}, 3)
    assert decode(pipe[0].recv_bytes()) == Reported(trial=3, metrics={"loss": 0.25}, step=3)
    assert len(list(samples(TrialFiles(tmp_path).journal))) == 1
    with pytest.raises(ValueError, match="step=-1 must be at least 0"):
        trial.report({"loss": 1.0}, -1)


def test_params_and_artifacts_are_noted(tmp_path: Path, pipe: tuple[Connection, Connection]) -> None:
    own, other = tmp_path / "own", tmp_path / "other"
    (own / "plots").mkdir(parents=True)
    (other / "deep").mkdir(parents=True)
    (own / "plots" / "a.txt").write_text("a")
    (other / "deep" / "b.txt").write_text("b")
    (other / "c.txt").write_text("c")
    trial = PipedTrial(pipe[1], 0, own, attempt=1)
    trial.log_params({"optimizer": {"lr": 0.1}})
    for path in (own / "plots", other / "deep", other / "c.txt", str(other / "c.txt")):
        trial.log_artifact(path)
    with pytest.raises(FileNotFoundError):
        trial.log_artifact(other / "nothing")
    (other / "c.txt").unlink()
    assert events(TrialFiles(own).journal, "hyperparameters")[0]["values"] == {"optimizer": {"lr": 0.1}}
    kept = {name: path.read_text() for name, path in artifacts(TrialFiles(own))}
    assert kept == {"plots/a.txt": "a", "deep/b.txt": "b", "c.txt": "c"}


def test_nothing_outside_of_the_directory_is_an_artifact(tmp_path: Path, pipe: tuple[Connection, Connection]) -> None:
    own = tmp_path / "own"
    own.mkdir()
    (tmp_path / "secret.txt").write_text("s")
    (own / "link.txt").symlink_to(tmp_path / "secret.txt")
    trial = PipedTrial(pipe[1], 0, own, attempt=1)
    for path in ("../secret.txt", "link.txt", str(tmp_path / "secret.txt"), "a\x00b", "n" * 5000, None, "gone"):
        trial._journal.event("artifact", path=path)
    assert list(artifacts(TrialFiles(own))) == []


def test_the_checkpoint_is_the_newest_whole_one_of_an_earlier_attempt(
    tmp_path: Path, pipe: tuple[Connection, Connection]
) -> None:
    def save(name: str, age_s: float, *, is_torn: bool = False) -> Path:
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        torch.save({"weights": torch.zeros(1000)}, path)
        if is_torn:
            path.write_bytes(path.read_bytes()[:-100])
        time_s = path.stat().st_mtime - age_s
        os.utime(path, (time_s, time_s))
        return path

    save("old.ckpt", 100)
    wanted = save("checkpoints/last.ckpt", 50)
    save("torn.ckpt", 20, is_torn=True)
    (tmp_path / "empty.pt").touch()
    assert PipedTrial(pipe[1], 0, tmp_path, attempt=1).checkpoint is None
    trial = PipedTrial(pipe[1], 0, tmp_path, attempt=2)
    save("own.ckpt", -100)
    assert trial.checkpoint == wanted


def test_outside_of_a_study_nothing_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.txt").touch()
    trial = Trial()
    trial.report({"loss": 1.0}, 0)
    trial.show({"loss": 1.0}, 0)
    trial.log_params({"lr": 1})
    trial.log_artifact("a.txt")
    with pytest.raises(FileNotFoundError):
        trial.log_artifact("b.txt")
    assert (trial.attempt, trial.number, trial.checkpoint, trial.should_prune) == (1, None, None, False)
    assert trial.directory == tmp_path and [path.name for path in tmp_path.iterdir()] == ["a.txt"]
