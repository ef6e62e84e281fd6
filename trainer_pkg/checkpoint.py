"""Checkpoints that survive a crash during a save. Training continues from them bit for bit."""

import hashlib
import shutil
from collections.abc import Mapping
from contextvars import ContextVar
from pathlib import Path
from types import MappingProxyType
from typing import Any

import torch
from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.callbacks import Checkpoint
from lightning.pytorch.plugins.io import TorchCheckpointIO
from lightning.pytorch.utilities.exceptions import SIGTERMException
from torch.nn.parameter import is_lazy

from trainer_pkg.atomic import HashingWriter, write_atomically
from trainer_pkg.earlier import as_today, is_earlier
from trainer_pkg.errors import ConfigError
from trainer_pkg.neighbours import moment_of, without_neighbours
from trainer_pkg.random_states import rng_states, set_rng_states

_KEPT = 2
_KEPT_DIGESTS = 16  # of one path: so many saves less one may crash in a row
_RNG = "rng_state"
_LAZY = "any"


class DoesNotFit(ConfigError):
    """A checkpoint is of another network; training can only begin anew."""

    needs_fresh_start = True  # whoever runs many trainings reads it


class AtomicCheckpointIO(TorchCheckpointIO):
    """Gives a checkpoint its name only when it is whole, with its SHA-256 in a file beside it.

    That file lists the digests that may be valid. The digest of the new checkpoint is added before the rename, and the
    earlier ones stay: whichever checkpoint a crash leaves there, it verifies, also after several crashes in a row.

    Two callbacks may save at the same moment, the best checkpoint and the one to continue from: the second file gets
    the bytes of the first one.
    """

    def __init__(self) -> None:
        self._last: tuple[Any, Path, str] | None = None

    def save_checkpoint(self, checkpoint: dict[str, Any], path: str | Path, storage_options: Any = None) -> None:
        path, moment, hashed = Path(path), moment_of(checkpoint), HashingWriter()
        if self._last is None or self._last[0] != moment or not self._last[1].is_file():
            written = without_neighbours(checkpoint)
            write_atomically(
                path,
                write=lambda file: torch.save(written, hashed.around(file)),  # type: ignore[arg-type]
                before_rename=lambda: _write_digests(path, hashed.digest()),
            )
            self._last = (moment, path, hashed.digest())
            return
        _, source, digest = self._last
        with source.open("rb") as file:
            write_atomically(path, lambda copy: shutil.copyfileobj(file, copy), lambda: _write_digests(path, digest))

    def load_checkpoint(self, path: str | Path, *args: Any, **kwargs: Any) -> dict[str, Any]:
        if (known := _best.get().get(_version(Path(path)))) is not None:
            return dict(known)
        return _read(Path(path))  # also what Lightning hands from one of its processes to another

    def remove_checkpoint(self, path: str | Path) -> None:
        path = Path(path)
        path.unlink(missing_ok=True)
        _digest_file(path).unlink(missing_ok=True)


class ResumeCheckpoint(Checkpoint):
    """Saves everything that training depends on after each epoch and on SIGTERM; keeps the last two.

    Lightning stores model, optimizer, scheduler, loops, callbacks and the position in the data; this callback adds the
    states of all random number generators.

    Args:
        dirpath: Folder of the checkpoints.
    """

    def __init__(self, dirpath: str | Path) -> None:
        self._folder = Path(dirpath)
        self._saved_step = -1
        self._rng: dict[str, Any] | None = None

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._save(trainer)

    def on_exception(self, trainer: Trainer, pl_module: LightningModule, exception: BaseException) -> None:
        # Lightning raises this between two training batches, where the state is whole, or within a validation, where
        # it is not.
        if isinstance(exception, SIGTERMException) and trainer.training:
            self._save(trainer)

    def on_save_checkpoint(self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict[str, Any]) -> None:
        checkpoint[_RNG] = rng_states()

    def on_load_checkpoint(self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict[str, Any]) -> None:
        self._rng = checkpoint.get(_RNG)

    def on_train_batch_start(self, trainer: Trainer, pl_module: LightningModule, batch: Any, batch_idx: int) -> None:
        if self._rng is not None:
            set_rng_states(self._rng)
            self._rng = None

    def _save(self, trainer: Trainer) -> None:
        if trainer.global_step == self._saved_step or trainer.fast_dev_run:  # type: ignore[attr-defined]
            return
        self._saved_step = trainer.global_step
        trainer.save_checkpoint(self._folder / f"step={trainer.global_step:09d}.ckpt")
        for path in resumable(self._folder)[_KEPT:]:
            trainer.strategy.remove_checkpoint(path)


def resumable(folder: Path) -> list[Path]:
    """The checkpoints of a run, newest first, damaged ones included."""
    return sorted(folder.glob("step=*.ckpt"), reverse=True)


def newest_valid(folder: Path) -> Path | None:
    """The newest checkpoint whose digest is right; None: there is none to continue from."""
    return next((path for path in resumable(folder) if is_valid(path)), None)


def is_valid(path: Path) -> bool:
    """Whether the file is what was written: there is a digest beside it, and it is the file's."""
    known = _known_digests(path)
    if not known:
        return False
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest() in known


def load(path: Path) -> dict[str, Any]:
    """Read a checkpoint with `weights_only=True`: tensors and plain containers, nothing that could run.

    Raises:
        ConfigError: There is no such file, its digest is wrong, or it is no checkpoint.

    Example:
        >>> checkpoint = {"state_dict": {"weight": torch.zeros(2)}}
        >>> AtomicCheckpointIO().save_checkpoint(checkpoint, "best.ckpt")
        >>> load(Path("best.ckpt"))["state_dict"]["weight"]
        tensor([0., 0.])
    """
    checkpoint = _read(path)
    if "state_dict" not in checkpoint:
        raise ConfigError(f"ckpt_path={path} is no checkpoint of this trainer: it holds no state_dict.")
    return checkpoint


def load_best(path: Path) -> Mapping[str, Any]:
    """As `load`, for one that the end of a run needs several times: it is read once. Nobody changes it.

    Nor does anybody train from it: an optimizer would go on with these very tensors.
    """
    if (version := _version(path)) not in _best.get():
        _best.set({version: load(path)})
    return _best.get()[version]


_best: ContextVar[Mapping[tuple[str, int], Mapping[str, Any]]] = ContextVar("best", default=MappingProxyType({}))
"""Of each trial of a process the one that it has read last."""


def _version(path: Path) -> tuple[str, int]:
    return str(path.resolve()), path.stat().st_mtime_ns if path.is_file() else 0


def _read(path: Path) -> dict[str, Any]:
    if not path.is_file():
        raise ConfigError(f"ckpt_path={path} is not a file.")
    if _known_digests(path) and not is_valid(path):
        raise ConfigError(f"ckpt_path={path} is damaged: its SHA-256 differs from {_digest_file(path).name}.")
    try:
        checkpoint: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:
        raise ConfigError(f"ckpt_path={path} is no readable checkpoint ({type(error).__name__}).") from error
    if not isinstance(checkpoint, dict):
        raise ConfigError(f"ckpt_path={path} is no checkpoint of this trainer: it holds no state_dict.")
    return checkpoint


def check_fits(path: Path, module: LightningModule, *, to_train: bool = False) -> None:
    """Compare the weights in a checkpoint with those of a network, by name and shape.

    Args:
        path: The checkpoint.
        module: The network.
        to_train: Whether training is to continue from it.

    Raises:
        DoesNotFit: With the first weight that differs, and both shapes; or training cannot continue from it.
    """
    state = load(path)["state_dict"]
    if to_train and is_earlier(state):
        raise DoesNotFit(
            f"ckpt_path={path} is of an earlier version, which selected epochs otherwise: it can be tested"
            " (train=false), but training cannot continue from it."
        )
    theirs, ours = (_shapes(weights) for weights in (as_today(state, module), module.state_dict()))
    for name in [*ours, *theirs]:
        there, here = theirs.get(name, "no"), ours.get(name, "no")
        if there != here and _LAZY not in (there, here):
            told = f"{name} has shape {there} in it, {here} in this network"
            if "no" in (there, here):
                told = f"{'this network' if here == 'no' else 'it'} has no {name}"
            raise DoesNotFit(f"ckpt_path={path} does not fit: {told}.")


def _shapes(weights: dict[str, Any]) -> dict[str, str]:
    return {name: _LAZY if is_lazy(w) else str(tuple(getattr(w, "shape", ()))) for name, w in weights.items()}


def _digest_file(path: Path) -> Path:
    return path.with_name(f"{path.name}.sha256")


def _known_digests(path: Path) -> list[str]:
    try:
        return _digest_file(path).read_text().split()
    except (OSError, UnicodeDecodeError):
        return []


def _write_digests(path: Path, digest: str) -> None:
    # Not the newest one alone: if the last save crashed before its rename, the file is still of an earlier digest.
    earlier = _known_digests(path)[: _KEPT_DIGESTS - 1] if path.exists() else []
    text = "\n".join([digest, *earlier]) + "\n"
    write_atomically(_digest_file(path), lambda file: file.write(text.encode()))
