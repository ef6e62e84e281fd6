"""The one Lightning module: any backbone, any number of heads."""

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler, ReduceLROnPlateau

from trainer_pkg.balanced import BalancedModule
from trainer_pkg.earlier import as_today
from trainer_pkg.epoch_results import log_epoch
from trainer_pkg.losses.balancers import BalancerFactory, FixedWeights
from trainer_pkg.losses.criteria import WeightedCriteria
from trainer_pkg.metrics import DIRECTIONS, HeadMetrics, reported_of
from trainer_pkg.nets.backbone import BackboneFactory, build_backbone
from trainer_pkg.nets.flops import count_flops
from trainer_pkg.nets.heads import AdapterFactory, HeadFactory, MultiheadNetwork
from trainer_pkg.selection import SCORE, SCORE_BEST, Selection
from trainer_pkg.spec import Batch, DataSpec

_MONITOR = "val/loss"


class ImageModule(BalancedModule):
    """Trains a network with one head per target on dict batches.

    Reports of each stage: the accuracy or the mean absolute error of each head, the loss of each head, the mean
    accuracy, and `loss`, the total with the fixed weights. A head of weight 0 is not trained and has no metrics.
    `val/score` is what an epoch is selected by, `val/score_best` the best so far, `val/selected_epoch` its epoch.

    Args:
        spec: Shape and targets of the data; network, heads and losses are built from it.
        net: Builds the backbone from the shape of an image.
        size: Row of the family's table of sizes; None: its usual one. A family of one size takes no notice.
        adapter: Builds a layer between backbone and heads from the number of features; None: no such layer.
        head: Builds each head from the numbers of features and outputs.
        criterion: Loss of every head of classes that `criteria` does not name.
        number_criterion: Loss of every head of numbers that `criteria` does not name.
        criteria: Head name to a loss of its own.
        loss_weights: Head name to factor in the total, exactly as given; a head left out counts 1.0. The total is what
            is logged as `loss`.
        select: What an epoch is selected by: `auto`, `mean` or a head; see `Selection`.
        balancer: Builds from the weights above 0 the module that makes the differentiated number of the losses.
        optimizer: Builds the optimizer from the parameters of network, criteria and balancer.
        scheduler: Builds a learning-rate scheduler from the optimizer, stepped after each epoch; None keeps the rate.
        compile: Whether the network is compiled.

    Raises:
        ConfigError: A weight, a criterion or `select` does not fit the heads of the data, or the family has no such
            size.

    Example:
        >>> from functools import partial
        >>> from trainer_pkg.losses.ordered import Regression
        >>> from trainer_pkg.nets.dense import Dense
        >>> from trainer_pkg.spec import Categorical
        >>> spec = DataSpec(input_shape=(1, 28, 28), targets={"digit": Categorical(num_classes=10)})
        >>> module = ImageModule(
        ...     spec=spec,
        ...     net=Dense,
        ...     size="tiny",
        ...     criterion=nn.CrossEntropyLoss(),
        ...     number_criterion=Regression(),
        ...     optimizer=partial(torch.optim.Adam, lr=1e-3),
        ... )
        >>> module.num_parameters
        8470
        >>> list(module.metric_directions.items())[:3]
        [('train/acc', 'max'), ('train/loss', 'min'), ('val/acc', 'max')]
    """

    def __init__(
        self,
        *,
        spec: DataSpec,
        net: BackboneFactory,
        criterion: nn.Module,
        number_criterion: nn.Module,
        optimizer: Callable[..., Optimizer],
        size: str | None = None,
        adapter: AdapterFactory | None = None,
        head: HeadFactory = nn.Linear,
        scheduler: Callable[[Optimizer], LRScheduler | ReduceLROnPlateau] | None = None,
        criteria: Mapping[str, nn.Module] | None = None,
        loss_weights: Mapping[str, float] | None = None,
        select: str = "auto",
        balancer: BalancerFactory = FixedWeights,
        compile: bool = False,
    ) -> None:
        super().__init__()
        self._spec = spec
        self.criteria = WeightedCriteria(spec.targets, criterion, number_criterion, criteria or {}, loss_weights or {})
        trained = {name: spec.targets[name] for name in self.criteria.weights}
        self._reported = reported_of(spec.targets, list(trained))
        backbone, num_outputs = build_backbone(net, spec, size), self.criteria.num_outputs
        self.network = MultiheadNetwork(backbone, num_outputs, adapter, head, self.criteria.read_heads)
        if self.network.backbone.is_convolutional:
            self.network = self.network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        # Behind the network: whatever a balancer draws, the network starts with the same weights.
        self.balance_by(balancer)
        self.stage_metrics = nn.ModuleDict(
            {f"{stage}_metrics": HeadMetrics(trained) for stage in ("train", "val", "test")}
        )
        self.selection = Selection(select, spec.targets, list(trained))
        self._optimizer, self._scheduler, self.is_compiled = optimizer, scheduler, compile

    @property
    def num_parameters(self) -> int:
        """How many parameters are trained, those of losses and balancer included."""
        return sum(p.numel() for p in self.parameters() if p.requires_grad)

    @property
    def untrained_heads(self) -> list[str]:
        """The heads of weight 0."""
        return [head for head in self._spec.targets if head not in self.criteria.weights]

    def count_flops(self) -> int:
        """Floating-point operations of one forward pass of one image; see `trainer_pkg.nets.flops`."""
        return count_flops(self.network, self._spec)

    @property
    def metric_directions(self) -> dict[str, str]:
        """Every metric that a fit and a test report, to `min` or `max`: the direction in which it is better.

        `val/selected_epoch` is reported, too: no epoch is better than another.
        """
        train, val, test = (
            {f"{stage}/{name}": DIRECTIONS[metric.kind] for name, metric in self._reported.items()}
            for stage in ("train", "val", "test")
        )
        return {**train, **val, SCORE: "max", SCORE_BEST: "max", **test}

    @property
    def metric_means(self) -> dict[str, list[str]]:
        """The scores, each with the metrics of the trained heads that it is a mean of; none if it is of all heads."""
        if self.selection.is_of_all_heads:
            return {}
        parts = [f"val/{list(self._reported)[position]}" for position in self.selection.positions]
        return {SCORE: parts, SCORE_BEST: parts}

    def forward(self, images_BCHW: Tensor, aux_BA: Tensor | None = None) -> dict[str, Tensor]:
        """Head name to output, (B, K), of images and, if the data has them, scalars (B, A)."""
        if self.network.backbone.is_convolutional:
            images_BCHW = images_BCHW.contiguous(memory_format=torch.channels_last)
        outputs: dict[str, Tensor] = self.network(images_BCHW, aux_BA)
        return outputs

    def setup(self, stage: str) -> None:
        self.selection.compare_with(getattr(self.trainer.datamodule, "constants", {}))  # type: ignore[attr-defined]

    def configure_model(self) -> None:
        if self.is_compiled:
            self.network.compile()

    def losses_of(self, batch: Batch) -> Tensor:
        return self._step("train", batch)[0]

    def validation_step(self, batch: Batch, batch_idx: int) -> None:
        self._step("val", batch)

    def test_step(self, batch: Batch, batch_idx: int) -> dict[str, Tensor]:
        """Name of each trained head to predicted labels (B,), for callbacks."""
        return self._step("test", batch)[1]

    def on_train_epoch_end(self) -> None:
        means = self._means("train")
        log_epoch(self, self._named("train", means))
        self.balance_after_epoch(means["loss"])
        self._step_schedulers()

    def on_validation_epoch_end(self) -> None:
        means = self._means("val")
        if not self.trainer.sanity_checking:
            log_epoch(self, {**self._named("val", means), **self.selection.update(means, self.current_epoch + 1)})

    def on_test_epoch_end(self) -> None:
        log_epoch(self, self._named("test", self._means("test")))

    def configure_optimizers(self) -> Any:
        optimizer = self._optimizer(self.parameters())
        if self._scheduler is None:
            return optimizer
        # One that reads the validation waits for it.
        every = getattr(self._trainer, "check_val_every_n_epoch", None) or 1
        scheduler = {"scheduler": self._scheduler(optimizer), "monitor": _MONITOR, "frequency": every}
        return {"optimizer": optimizer, "lr_scheduler": scheduler}

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        checkpoint["state_dict"] = as_today(checkpoint["state_dict"], self)

    def lr_scheduler_step(self, scheduler: Any, metric: Any) -> None:
        """Does nothing: `on_train_epoch_end` steps the schedulers.

        Lightning steps a metric-based scheduler after the epoch's checkpoint is written, and not at all in an epoch
        that was resumed in its middle: a resumed run would differ from an undisturbed one.
        """

    def _step_schedulers(self) -> None:
        metric = self.trainer.callback_metrics.get(_MONITOR)
        for config in self.trainer.lr_scheduler_configs:
            if not isinstance(config.scheduler, ReduceLROnPlateau):
                config.scheduler.step()
            elif metric is not None and (self.current_epoch + 1) % config.frequency == 0:
                config.scheduler.step(metric)

    def _step(self, stage: str, batch: Batch) -> tuple[Tensor, dict[str, Tensor]]:
        """Measure a batch for the report of the stage; the loss of each head, (H,), and its predictions."""
        outputs = self(batch["image"], batch.get("aux"))
        losses_H: Tensor = self.criteria(outputs, batch)
        predictions = self.criteria.predict(outputs)
        self._metrics_of(stage).update(losses_H, predictions, batch)
        return losses_H, predictions

    def _metrics_of(self, stage: str) -> HeadMetrics:
        metrics = self.stage_metrics[f"{stage}_metrics"]
        assert isinstance(metrics, HeadMetrics)
        return metrics

    def _means(self, stage: str) -> dict[str, Tensor]:
        """`loss`, `acc` and `mae` over the epoch that ends, each (H,); the metrics begin anew."""
        metrics = self._metrics_of(stage)
        # torchmetrics squeezes a vector of one.
        means = {kind: values_H.reshape(-1).float() for kind, values_H in metrics.compute().items()}
        metrics.reset()
        return means

    def _named(self, stage: str, means: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """What the stage reports."""
        total = self.criteria.total(means["loss"])
        return {
            f"{stage}/{name}": total if metric.heads is None else means[metric.kind][list(metric.heads)].mean()
            for name, metric in self._reported.items()
        }
