import itertools
import os
import pickle
import random
import resource
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from tests.trainer.runs import in_fork
from trainer_pkg.checkpoint import AtomicCheckpointIO, is_valid, load, newest_valid
from trainer_pkg.errors import ConfigError
from trainer_pkg.neighbours import moment_of

STATE = {"state_dict": {"w": torch.arange(1000.0)}, "epoch": 3}


def save(path: Path, value: float = 0.0) -> None:
    AtomicCheckpointIO().save_checkpoint({**STATE, "value": value}, path)


def test_a_checkpoint_comes_back_as_it_was(tmp_path: Path) -> None:
    save(tmp_path / "a.ckpt")
    loaded = load(tmp_path / "a.ckpt")
    assert torch.equal(loaded["state_dict"]["w"], STATE["state_dict"]["w"]) and loaded["epoch"] == 3  # type: ignore[index]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.ckpt", "a.ckpt.sha256"]


def test_random_damage_is_always_found_and_the_one_before_is_used(tmp_path: Path) -> None:
    save(tmp_path / "step=000000001.ckpt")
    newest = tmp_path / "step=000000002.ckpt"
    save(newest)
    good = newest.read_bytes()
    generator = random.Random(7)
    for _ in range(1000):
        damaged = bytearray(good)
        if generator.random() < 0.5:
            damaged = damaged[: generator.randrange(len(damaged))]
        else:
            damaged[generator.randrange(len(damaged))] ^= 1 << generator.randrange(8)
        newest.write_bytes(damaged)
        assert not is_valid(newest)
        assert newest_valid(tmp_path) == tmp_path / "step=000000001.ckpt"
        with pytest.raises(ConfigError, match="damaged"):
            load(newest)
    newest.write_bytes(good)
    assert newest_valid(tmp_path) == newest


def test_two_files_of_one_moment_are_written_once_and_are_independent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written: list[object] = []
    save_once = torch.save
    monkeypatch.setattr("torch.save", lambda value, file: (written.append(value), save_once(value, file)))
    writer, weight = AtomicCheckpointIO(), torch.zeros(10000)
    paths = [tmp_path / f"{name}.ckpt" for name in ("best", "last", "later", "moved")]
    for path in paths[:2]:
        writer.save_checkpoint({"state_dict": {"w": weight}, "rng": torch.get_rng_state(), "step": 1}, path)
    assert len(written) == 1 and paths[0].read_bytes() == paths[1].read_bytes()
    paths[0].write_bytes(b"damaged")
    assert is_valid(paths[1]) and not is_valid(paths[0])
    writer.save_checkpoint({"state_dict": {"w": weight}, "rng": torch.get_rng_state(), "step": 2}, paths[2])
    weight += 1
    writer.save_checkpoint({"state_dict": {"w": weight}, "rng": torch.get_rng_state(), "step": 2}, paths[3])
    assert len(written) == 3 and load(paths[3])["state_dict"]["w"][0] == 1
    history = [1.0]
    for path in paths[:2]:
        writer.save_checkpoint({"state_dict": {}, "callbacks": {"mine": history}}, path)
        history.append(2.0)
    assert load(paths[1])["callbacks"]["mine"] == [1.0, 2.0]


def test_what_tells_two_moments_apart_keeps_no_copy_of_the_numbers() -> None:
    small = torch.zeros(8192)
    moment = moment_of({"w": small})
    assert len(pickle.dumps(moment)) < 500
    small[4000] = 1e-30  # through a view, such a change is seen by the numbers alone
    assert moment_of({"w": small}) != moment == moment_of({"w": torch.zeros(8192)})


class OnAGpu(torch.Tensor):
    """A tensor that seems to lie on a GPU."""

    device = torch.device("cuda", 0)  # type: ignore[assignment]
    num_fetched = 0

    def cpu(self, *_: object) -> torch.Tensor:
        OnAGpu.num_fetched += 1
        return self.as_subclass(torch.Tensor)


def test_a_moment_fetches_all_small_tensors_of_a_gpu_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_initialized", lambda: True)
    first, second = (torch.full((3,), float(i)).as_subclass(OnAGpu) for i in range(2))
    state = {"w": first, "optimizer": [{"step": second, "far": torch.zeros(10000).as_subclass(OnAGpu)}], "rate": 0.1}
    moment = moment_of(state)
    assert OnAGpu.num_fetched == 1 and moment == moment_of(state)
    second.data[1] = 1e-30  # through a view
    assert moment != (changed := moment_of(state)) and changed["w"] == moment["w"]


@pytest.mark.parametrize("num_crashes", [1, 2, 15])
def test_a_crash_between_digest_and_rename_leaves_a_valid_checkpoint(
    num_crashes: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "best.ckpt"
    save(path, 1.0)
    rename = Path.replace

    def crash(part: Path, target: Path) -> Path:
        if target == path:  # the digest has its name already
            raise KeyboardInterrupt
        return rename(part, target)

    monkeypatch.setattr(Path, "replace", crash)
    for value in range(num_crashes):
        with pytest.raises(KeyboardInterrupt):
            save(path, 2.0 + value)
    monkeypatch.undo()
    assert len((tmp_path / "best.ckpt.sha256").read_text().split()) == num_crashes + 1
    assert is_valid(path) and load(path)["value"] == 1.0
    for _ in range(20):
        save(path, 3.0)
    assert is_valid(path) and load(path)["value"] == 3.0
    assert sorted(found.name for found in tmp_path.iterdir()) == ["best.ckpt", "best.ckpt.sha256"]
    assert len((tmp_path / "best.ckpt.sha256").read_text().split()) == 16


def test_a_full_disk_leaves_the_previous_one(tmp_path: Path) -> None:
    path = tmp_path / "best.ckpt"
    save(path, 1.0)

    def fill_up() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (2000, 2000))
        with pytest.raises(OSError, match="File too large"):
            save(path, 2.0)

    assert in_fork(fill_up) == 0
    assert is_valid(path) and load(path)["value"] == 1.0


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of its own with room for a few checkpoints of `save`."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=24k", "tmpfs", str(folder)]
    if shutil.which("mount") is None or subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("this user may not mount a file system")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def test_a_full_file_system_leaves_the_previous_one(small_disk: Path) -> None:
    path = small_disk / "best.ckpt"
    save(path, 1.0)
    (small_disk / "filler").write_bytes(bytes(shutil.disk_usage(small_disk).free))
    with pytest.raises(OSError, match="No space left"):
        save(path, 2.0)
    assert is_valid(path) and load(path)["value"] == 1.0
    assert sorted(found.name for found in small_disk.iterdir()) == ["best.ckpt", "best.ckpt.sha256", "filler"]
    (small_disk / "filler").unlink()
    save(path, 3.0)
    assert is_valid(path) and load(path)["value"] == 3.0


def test_temporary_files_elsewhere_do_not_matter(
    small_disk: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A rename across file systems would fail; the part is written beside its final name.
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    save(small_disk / "best.ckpt", 1.0)
    assert is_valid(small_disk / "best.ckpt")


def test_a_kill_inside_a_save_leaves_a_loadable_one(tmp_path: Path) -> None:
    path = tmp_path / "best.ckpt"
    save(path, 0.0)

    def save_until_killed() -> None:
        signal.signal(signal.SIGALRM, signal.SIG_DFL)  # ends the process wherever it is, as SIGKILL does
        signal.setitimer(signal.ITIMER_REAL, random.SystemRandom().uniform(0.01, 0.1))
        for value in itertools.count(1):
            save(path, float(value))

    for _ in range(30):
        assert in_fork(save_until_killed) == -signal.SIGALRM
        assert is_valid(path) and load(path)["value"] >= 0.0


def test_a_checkpoint_cannot_run_anything(tmp_path: Path) -> None:
    class Hostile:
        def __reduce__(self) -> tuple[object, tuple[str]]:
            return os.mkdir, (str(tmp_path / "owned"),)

    torch.save({"state_dict": {}, "x": Hostile()}, tmp_path / "bad.ckpt")
    with pytest.raises(ConfigError, match="no readable checkpoint"):
        load(tmp_path / "bad.ckpt")
    assert not (tmp_path / "owned").exists()
