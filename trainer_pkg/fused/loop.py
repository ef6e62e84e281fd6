"""The loop of a trial that trains together with others."""

import weakref
from typing import Any

from lightning.pytorch import Trainer
from lightning.pytorch.loops.fetchers import _DataFetcher
from lightning.pytorch.loops.training_epoch_loop import _TrainingEpochLoop
from lightning.pytorch.trainer.states import TrainerFn
from lightning.pytorch.utilities.exceptions import SIGTERMException

from trainer_pkg.fused.evaluation import JointEvaluationLoop
from trainer_pkg.fused.member import Member
from trainer_pkg.fused.places import Place
from trainer_pkg.fused.together import train_together
from trainer_pkg.module import ImageModule

_trainers: "weakref.WeakSet[Trainer]" = weakref.WeakSet()
_told_to_end = False


class JointEpochLoop(_TrainingEpochLoop):
    """Lightning's loop over the batches of an epoch, of which the others of the process take part.

    The first batch of a fit and the last one of each epoch are trained on by Lightning alone: random numbers are those
    of the checkpoint, the optimizer makes what it remembers, callbacks and loggers see what they see of a lone trial,
    and the last loss is there. All that lies between is done for all trials at once, and this loop counts it.

    Args:
        trainer: The trainer, which has Lightning's own loop.
        member: The trial.
    """

    def __init__(self, trainer: Trainer, member: Member) -> None:
        its = trainer.fit_loop.epoch_loop
        super().__init__(trainer, its.min_steps, its.max_steps)
        self._results = its._results
        self.val_loop = JointEvaluationLoop(its.val_loop, member)
        self._member = member
        self._has_begun = False

    def on_run_start(self, data_fetcher: _DataFetcher) -> None:
        super().on_run_start(data_fetcher)
        self._has_begun = self._member.team is not None

    def advance(self, data_fetcher: _DataFetcher) -> None:
        if self._has_begun:
            self._train_together(data_fetcher)
        super().advance(data_fetcher)
        self._has_begun = True

    def _train_together(self, data_fetcher: _DataFetcher) -> None:
        member, connector = self._member, self.trainer._signal_connector
        while member.num_batches - member.num_done > 1 and not member.is_called:
            at = (self.trainer.current_epoch, member.num_done)
            self._count(member.place.seat.meet(at, member, train_together), data_fetcher)
            connector.received_sigterm |= _told_to_end
        if connector.received_sigterm:
            raise SIGTERMException

    def _count(self, num_batches: int, data_fetcher: _DataFetcher) -> None:
        """Count batches that were trained on, as `advance` does one by one."""
        self.batch_progress.increment_by(num_batches)
        optimizer = self.automatic_optimization.optim_progress.optimizer
        optimizer.step.increment_by(num_batches)
        optimizer.zero_grad.increment_by(num_batches)
        self._batches_that_stepped += num_batches
        data_fetcher.fetched += num_batches


def join(trainer: Trainer, module: ImageModule, place: Place) -> None:
    """Let a trainer train together with the others of its process; on one CPU or one GPU, whatever was declared."""
    if trainer.strategy.root_device.type not in ("cpu", "cuda") or trainer.world_size > 1:
        return
    member = Member(place=place, trainer=trainer, module=module)
    trainer.fit_loop.epoch_loop = JointEpochLoop(trainer, member)
    trainer.test_loop = JointEvaluationLoop(trainer.test_loop, member)
    _stay_on_device(trainer)
    connector = trainer._signal_connector
    notify = connector._sigterm_notifier_fn

    def notify_all(*args: Any) -> None:
        global _told_to_end
        _told_to_end = True
        notify(*args)
        for other in _trainers:
            other._signal_connector.received_sigterm = True

    connector._sigterm_notifier_fn = notify_all  # type: ignore[assignment, method-assign]
    _trainers.add(trainer)


def _stay_on_device(trainer: Trainer) -> None:
    """Leave a module where it is behind its fit: moved off a GPU and back, its numbers would no longer be in the stack.

    So a test finds the networks of all trials there. Behind that they are moved as usual.
    """
    strategy = trainer.strategy
    move = strategy.teardown

    def teardown() -> None:
        if trainer.state.fn == TrainerFn.FITTING:
            strategy.checkpoint_io.teardown()  # it may write in a thread
        else:
            move()

    strategy.teardown = teardown  # type: ignore[method-assign]
