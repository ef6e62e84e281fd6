"""What this application says of trials that may train together: a study reads it, without torch."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from omegaconf import DictConfig, ListConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from trainer_pkg.fused.hindrances import hindrance

if TYPE_CHECKING:
    from trainer_pkg.fused.places import Seat

_UNLIMITED = 2**31

_PAYS: Mapping[str, int] = {"dense": 12, "mlp": 8}
"""Family to the largest group that was measured to pay on a CPU; docs/fused.md has the figures."""

_ASIDE = frozenset({"hydra", "study", "tracking"})
"""What of a configuration says nothing of a run; resolving it takes longer than all the rest."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Capacity:
    """How many trials of one kind may train together.

    Attributes:
        most: The most that can; 1: none.
        pays: The most that were measured to pay; 1: none.
        why: Why it is no more; empty where nothing hinders.
    """

    most: int
    pays: int
    why: str = ""


class Fusion:
    """Which trials may train together, and how many.

    A number may differ within a group if it changes neither a shape nor which parameters are trained.

    Attributes:
        differing: Patterns of override keys whose numbers may differ.
        apart: Such a pattern to numbers for which that is not so: a weight of 0 trains another network, and momentum
            is something that an optimizer remembers.

    Example:
        >>> from omegaconf import OmegaConf
        >>> net = {"_target_": "trainer_pkg.nets.dense.Dense"}
        >>> trainer = {"_target_": "lightning.pytorch.Trainer", "max_epochs": 3}
        >>> model = {"net": net, "optimizer": {"_target_": "torch.optim.Adam"}}
        >>> config = OmegaConf.create({"trainer": trainer, "data": {"num_workers": 2}, "model": model})
        >>> Fusion().capacity(config, "cpu").why
        'data.num_workers=2'
    """

    differing = (
        "seed",
        "data.shuffle_seed",
        "model.loss_weights.*",
        "model.optimizer.*",
        "model.scheduler.*",
        "model.criterion.*",
        "model.number_criterion.*",
        "model.criteria.*",
    )
    apart: Mapping[str, tuple[float, ...]] = {"model.loss_weights.*": (0,), "model.optimizer.momentum": (0,)}

    def capacity(self, config: DictConfig, device: str) -> Capacity:
        """How many trials of a configuration may train together.

        Args:
            config: The configuration of one of them.
            device: `cpu`, or `cuda`.
        """
        plain: Any = _plain(config, _ASIDE)
        if reason := hindrance(plain, device):
            return Capacity(most=1, pays=1, why=reason)
        family = str(plain["model"]["net"].get("_target_")).rpartition(".")[2].lower()
        is_on_gpu = device == "cuda" and plain["trainer"].get("accelerator", "auto") != "cpu"
        pays = 1 if is_on_gpu else _PAYS.get(family, 1)
        why = "" if pays > 1 else f"{family} was not measured to pay on a {'GPU' if is_on_gpu else 'CPU'}"
        return Capacity(most=_UNLIMITED, pays=pays, why=why)

    def join(self, config: DictConfig, seat: "Seat") -> None:
        """Let the next run in this context train together with others.

        Args:
            config: Its configuration.
            seat: Where they meet.
        """
        from trainer_pkg.fused import places  # needs torch

        places.take(seat)


def _plain(node: Any, aside: Collection[str] = ()) -> Any:
    """Plain values, resolved where that is possible: what a run alone knows, such as its folder, has none yet.

    Args:
        node: Any node of a configuration.
        aside: Which of its keys are left out.
    """
    if isinstance(node, ListConfig):
        return OmegaConf.to_container(node, resolve=False)
    if not isinstance(node, DictConfig):
        return node
    plain = {}
    for key in (key for key in node if key not in aside):
        try:
            plain[key] = _plain(node[key])
        except OmegaConfBaseException:
            plain[key] = None
    return plain
