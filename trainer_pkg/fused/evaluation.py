"""Validates and tests trials together: each batch is made once for all."""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from lightning.fabric.utilities.data import _set_sampler_epoch
from lightning.pytorch.loops.evaluation_loop import _EvaluationLoop
from lightning.pytorch.trainer import call
from lightning.pytorch.trainer.states import TrainerFn
from lightning.pytorch.utilities.exceptions import SIGTERMException
from torch import Tensor
from torch.utils.data import DataLoader

from trainer_pkg.data.rows import Rows
from trainer_pkg.data.sampler import Picked
from trainer_pkg.fused.gathered import Gathered
from trainer_pkg.fused.measures import measure_of
from trainer_pkg.fused.member import Member
from trainer_pkg.module import ImageModule
from trainer_pkg.spec import Batch


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """What the batches of a split have given of one trial, beside what its metrics have summed up.

    Attributes:
        predictions: Head name to the predicted labels of all rows, (N,), of a test; empty of a validation.
        labels: Head name to the labels of all rows, (N,), likewise.
    """

    predictions: dict[str, Tensor]
    labels: dict[str, Tensor]


class JointEvaluationLoop(_EvaluationLoop):
    """Lightning's loop over a split, of which the trials of a process share the batches.

    A trial's callbacks hear of the batches once: of the last one, with the predictions and labels of all rows.

    Args:
        its: The trainer's own loop.
        member: The trial.
    """

    def __init__(self, its: _EvaluationLoop, member: Member) -> None:
        super().__init__(its.trainer, its._trainer_fn, its._stage, its.verbose, its.inference_mode)
        self._results = its._results
        self._member = member

    def run(self) -> list[Any]:
        trainer = self.trainer
        if trainer.sanity_checking or type(self._member.module) is not ImageModule:
            return super().run()  # type: ignore[no-any-return]
        self.setup_data()
        if self.skip:
            return []
        self.reset()
        self._on_evaluation_model_eval()
        # Behind an epoch, a validation comes after its last batch, and a test before the first batch of another trial.
        place = self._member.num_done if self._trainer_fn == TrainerFn.FITTING else -1
        measured = self._member.place.seat.meet((trainer.current_epoch, place), self, evaluate_together)
        if measured is None:
            raise SIGTERMException
        with torch.inference_mode() if self.inference_mode else torch.no_grad():
            return self._reported(measured)

    def reset(self) -> None:
        """As Lightning's, without an iterator over the batches."""
        if self.trainer.sanity_checking:
            super().reset()
            return
        self._logged_outputs = []
        if self.restarting and self._trainer_fn == TrainerFn.FITTING:
            self.batch_progress.reset_on_restart()
        else:
            self.batch_progress.reset_on_run()
        if self._trainer_fn == TrainerFn.FITTING:
            progress: Any = self.trainer.fit_loop.epoch_progress.current
            _set_sampler_epoch(self.loader, progress.processed)  # it seeds what a transform draws

    @property
    def loader(self) -> DataLoader[Batch]:
        """The batches."""
        assert self._combined_loader is not None
        return self._combined_loader.flattened[0]  # type: ignore[no-any-return]

    @property
    def rows(self) -> Rows:
        """The rows of all batches."""
        return self.loader.dataset  # type: ignore[return-value]

    @property
    def num_batches(self) -> int:
        """How many of them count."""
        return int(self.max_batches[0])

    @property
    def member(self) -> Member:
        """The trial."""
        return self._member

    def _reported(self, measured: Measured) -> list[Any]:
        """What follows the batches, and the hooks around them."""
        trainer, last = self.trainer, self.num_batches - 1
        self._on_evaluation_start()
        self._on_evaluation_epoch_start()
        self.batch_progress.increment_by(self.num_batches, True)
        hook = "on_test_batch_end" if trainer.testing else "on_validation_batch_end"
        call._call_callback_hooks(trainer, hook, measured.predictions or None, measured.labels, last)
        self._has_run = True
        self._seen_batches_per_dataloader[0] += self.num_batches
        self._store_dataloader_outputs()
        return self.on_run_end()


def evaluate_together(loops: Sequence[JointEvaluationLoop]) -> list[Measured | None]:
    """Evaluate trials that are at the same place; None: the process was told to end meanwhile."""
    found: list[Measured | None] = [None] * len(loops)
    alike: dict[tuple[int, int], list[int]] = {}
    for position, loop in enumerate(loops):
        alike.setdefault((id(loop.rows), loop.num_batches), []).append(position)
    for positions in alike.values():
        for position, measured in zip(positions, _evaluate([loops[i] for i in positions]), strict=True):
            found[position] = measured
    return found


def _evaluate(loops: Sequence[JointEvaluationLoop]) -> Sequence[Measured | None]:
    """Evaluate trials that have the same rows."""
    first, members = loops[0], [loop.member for loop in loops]
    is_test = first.trainer.testing
    with torch.inference_mode() if first.inference_mode else torch.no_grad():
        batches: list[Picked] = list(itertools.islice(first.loader.sampler, first.num_batches))
        labels = Gathered(num_rows := sum(len(picked.rows) for picked in batches))
        measure = measure_of(members, is_test, first.rows, num_rows)
        for i, picked in enumerate(batches):
            if i and first.trainer.received_sigterm:
                return [None] * len(loops)
            for member in members:
                member.place.seat.trial.progress()
            batch = first.trainer.strategy.batch_to_device(first.rows[picked])
            measure.add(batch, i)
            if is_test:
                labels.add({head: batch[head] for head in members[0].module.criteria.weights})
        found = measure.end()
    return [Measured(predictions=predictions, labels=labels.columns) for predictions in found]
