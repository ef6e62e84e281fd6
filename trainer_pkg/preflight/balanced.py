"""What a balancer cannot do, said before anything is made."""

import sys
from typing import TYPE_CHECKING

import torch
from lightning.pytorch.callbacks import GradientAccumulationScheduler
from lightning.pytorch.strategies import ParallelStrategy

from trainer_pkg.errors import ConfigError
from trainer_pkg.losses.gradient_balancer import GradientBalancer

if TYPE_CHECKING:
    from lightning.pytorch import Trainer
    from torch import Tensor

    from trainer_pkg.module import ImageModule

_EXACT = ("32-true", "64-true")


def try_balancer(rows: "dict[str, Tensor]", losses_H: "Tensor", module: "ImageModule") -> None:
    """Let the balancer see two rows: it must make one number of their losses, or fill the gradients.

    Args:
        rows: A batch of two rows.
        losses_H: The loss of each trained head on them, (H,).
        module: It is only for the check: its gradients stay.
    """
    shape = tuple(module.balancer(losses_H).shape)
    if shape != ():
        raise ConfigError(f"model.balancer makes {shape} of {tuple(losses_H.shape)} losses; one number, (), is needed.")
    if isinstance(module.balancer, GradientBalancer) and not module.is_compiled:
        with torch.enable_grad():
            module.backward(module.training_step(rows, 0))


def check_balancer(module: "ImageModule", trainer: "Trainer") -> None:
    """Compare what a balancer needs with how it is to train.

    Raises:
        ConfigError: It cannot train so.
    """
    balancer = module.balancer
    name = f"{type(balancer).__name__} (model/balancer)"
    if balancer.one_device_only and isinstance(trainer.strategy, ParallelStrategy):
        found = f"trainer.devices={trainer.num_devices} by {type(trainer.strategy).__name__}"
        raise ConfigError(f"{found}: {name} trains on one device; set trainer.devices=1 trainer.strategy=auto.")
    if isinstance(balancer, GradientBalancer):
        _check_gradients(name, module, trainer)
    if not balancer.uses_weights and len(set(module.criteria.weights.values())) > 1:
        told = "makes weights of its own; of model.loss_weights it takes only which are 0. `loss` is logged with all."
        print(f"Warning: {name} {told}", file=sys.stderr)


def _check_gradients(name: str, module: "ImageModule", trainer: "Trainer") -> None:
    if module.is_compiled:
        raise ConfigError(f"model.compile=true: {name} differentiates each loss alone; set model.compile=false.")
    if trainer.precision not in _EXACT:
        exact = " or ".join(_EXACT)
        raise ConfigError(f"trainer.precision={trainer.precision}: {name} needs {exact}: it compares gradients.")
    schedules = any(isinstance(callback, GradientAccumulationScheduler) for callback in trainer.callbacks)  # type: ignore[attr-defined]
    if trainer.accumulate_grad_batches != 1 or schedules:
        found = "a schedule" if schedules else trainer.accumulate_grad_batches
        raise ConfigError(f"trainer.accumulate_grad_batches={found}: {name} needs the gradients of a whole batch: 1.")
