"""What training together needs of one trial."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from lightning.pytorch import Trainer
from torch import Tensor
from torch.optim import Optimizer

from trainer_pkg.data import DataModule
from trainer_pkg.data.rows import Rows
from trainer_pkg.data.sampler import BatchOrder
from trainer_pkg.fused.places import Place
from trainer_pkg.metrics import HeadMetrics
from trainer_pkg.module import ImageModule

if TYPE_CHECKING:
    from trainer_pkg.fused.together import Team


@dataclass(eq=False, kw_only=True)
class Member:
    """One trial of those that train together.

    Attributes:
        place: Its seat, and its random numbers.
        trainer: Its trainer.
        module: Its module.
        team: Those that it has trained with last; None: it has not.
    """

    place: Place
    trainer: Trainer
    module: ImageModule
    team: "Team | None" = None

    @property
    def optimizer(self) -> Optimizer:
        return self.trainer.optimizers[0]

    @property
    def data(self) -> DataModule:
        data: DataModule = self.trainer.datamodule  # type: ignore[attr-defined]
        return data

    @property
    def rows(self) -> Rows:
        """The rows that it trains on."""
        return self._loader.dataset  # type: ignore[no-any-return]

    @property
    def order(self) -> BatchOrder:
        """The order in which it takes them."""
        return self._loader.sampler  # type: ignore[no-any-return]

    @property
    def metrics(self) -> HeadMetrics:
        """What it measures in training."""
        metrics: HeadMetrics = self.module.stage_metrics["train_metrics"]  # type: ignore[assignment]
        return metrics

    @property
    def num_done(self) -> int:
        """Batches of this epoch that it has trained on."""
        return self.trainer.fit_loop.epoch_loop.batch_progress.current.ready

    @property
    def num_batches(self) -> int:
        """Batches of an epoch."""
        return int(self.trainer.num_training_batches)

    @property
    def weights_H(self) -> Tensor:
        """The weights of its losses, (H,)."""
        weights_H: Tensor = self.module.criteria.total.weights_H
        return weights_H

    @property
    def is_called(self) -> bool:
        """Whether it has to be left to its own loop: to end, or to save what it has."""
        return self.trainer.received_sigterm or self.place.seat.trial.should_prune

    @property
    def _loader(self) -> Any:
        loader = self.trainer.fit_loop._combined_loader
        assert loader is not None
        return loader.flattened[0]

    def tell(self, num_further: int) -> None:
        """Say how far it is, with so many batches more than its loop knows of."""
        epochs = self.trainer.max_epochs
        here = self.trainer.current_epoch + min(1.0, (self.num_done + num_further) / self.num_batches)
        self.place.seat.trial.progress(here / epochs if epochs and epochs > 0 else None)
