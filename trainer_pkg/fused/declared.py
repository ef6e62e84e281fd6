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

_PAYS_ON_GPU: Mapping[str, Collection[str]] = {
    "dense": ("tiny", "small", "base"),
    "cnn": ("tiny", "small", "base"),
    "vit": ("tiny",),
}
"""Family to the sizes up to the largest that was measured to pay on a GPU, in groups of 32; docs/fused.md likewise."""

_SMALL_IMAGES = ("Digits", "TorchvisionImages")
"""The data whose images are as small as those that were measured on a GPU, where memory is the limit."""

_MOST_ON_GPU, _MOST_IMAGES = 32, 4096
"""The largest group that was measured on a GPU, and how many images its step had."""

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
        is_on_gpu = device == "cuda" and plain["trainer"].get("accelerator", "auto") != "cpu"
        pays, why = (_paying_on_gpu if is_on_gpu else _paying_on_cpu)(plain)
        return Capacity(most=_UNLIMITED, pays=pays, why=why)

    def join(self, config: DictConfig, seat: "Seat") -> None:
        """Let the next run in this context train together with others.

        Args:
            config: Its configuration.
            seat: Where they meet.
        """
        from trainer_pkg.fused import places  # needs torch

        places.take(seat)


def _paying_on_cpu(plain: Mapping[str, Any]) -> tuple[int, str]:
    """The largest group that was measured to pay, and why it is no more."""
    family = _name_of(plain["model"]["net"]).lower()
    pays = _PAYS.get(family, 1)
    return pays, "" if pays > 1 else f"{family} was not measured to pay on a CPU"


def _paying_on_gpu(plain: Mapping[str, Any]) -> tuple[int, str]:
    """The same for a GPU: with as many images in a step as were measured, of a size as was measured."""
    family, size, data = _name_of(plain["model"]["net"]).lower(), plain["model"].get("size") or "base", plain["data"]
    if size not in _PAYS_ON_GPU.get(family, ()):
        of_size = f" of size {size}" if family in _PAYS_ON_GPU else ""
        return 1, f"{family}{of_size} was not measured to pay on a GPU"
    source = _name_of(data.get("source") or {})
    if source not in _SMALL_IMAGES:
        return 1, f"{source or 'this data'} may have larger images than were measured to pay on a GPU"
    pays = min(_MOST_ON_GPU, _MOST_IMAGES // int(data.get("batch_size") or _MOST_IMAGES))
    return (pays, "") if pays > 1 else (1, f"data.batch_size={data.get('batch_size')} fills a GPU alone")


def _name_of(node: Mapping[str, Any]) -> str:
    """The name of the class that a node builds."""
    return str(node.get("_target_", "")).rpartition(".")[2]


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
