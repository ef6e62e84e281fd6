"""The models that a configuration may choose, one for each backbone, and the balancers of their losses."""

from pathlib import Path
from typing import Any

from hydra.core.config_store import ConfigStore
from omegaconf import DictConfig, OmegaConf

from trainer_pkg.config_folder import config_dir

# The other parts of a model; null: none.
_MODEL_DEFAULTS = (
    {"adapter": None},
    {"head": None},
    {"balancer": None},
    {"optimizer": "adam"},
    {"scheduler": "plateau"},
)

_WEIGHTINGS: dict[str, tuple[str, dict[str, Any]]] = {
    "log_ratio": ("LogRatio", {"levels": 3, "max_ratio": 10}),
    "simplex": ("Simplex", {"levels": 5}),
    "grid": ("Grid", {"values": [0.1, 1]}),
    "dirichlet": ("Dirichlet", {"num": 20, "alpha": 1.0, "seed": 0}),
}
"""Option of `study/weighting` to its class in `trainer_pkg.weightings.vectors`, with its usual arguments."""

_BALANCERS = {
    "uw": "scalarizers.UW",
    "dwa": "scalarizers.DWA",
    "random": "scalarizers.Random",
    "famo": "scalarizers.FAMO",
    "gls": "scalarizers.GLS",
    "imtl_l": "scalarizers.IMTLL",
    "stch": "scalarizers.STCH",
    "pcgrad": "gradients.PCGrad",
    "mgda": "gradients.MGDA",
    "cagrad": "gradients.CAGrad",
    "nash": "nash.NashMTL",
    "upgrad": "gradients.UPGrad",
    "imtl_g": "gradients.IMTLG",
    "aligned": "gradients.AlignedMTL",
    "gradnorm": "gradnorm.GradNorm",
}
"""Option of `model/balancer` to its class in `trainer_pkg.losses`; `fixed`, and your own, are files."""


def register_models() -> None:
    """Make a model of every backbone, its open nodes, and the options of `model/balancer` and `study/weighting`.

    `model=cnn` is `model/parts/image_module` with `model/backbone=cnn`, so a family of networks is one file.
    `model.loss_weights.<head>=` needs no plus: the data alone knows its heads, so no config can list them; the names
    are checked against the data. `model/balancer=none` is the configuration without a balancer, and so the same point.
    """
    store = ConfigStore.instance()
    node = {name: DictConfig({}, flags={"struct": False}) for name in ("loss_weights", "criteria")}
    # replace: `python -m trainer_pkg.train` imports that module twice, once as the main one
    store.store(group="model/parts", name="open_nodes", node=OmegaConf.create(node), replace=True)
    for path in Path(config_dir(), "model", "backbone").glob("*.yaml"):
        defaults = ["parts/image_module@_here_", {"backbone": path.stem}, *_MODEL_DEFAULTS]
        store.store(group="model", name=path.stem, node=OmegaConf.create({"defaults": defaults}), replace=True)
    for name, (kind, arguments) in _WEIGHTINGS.items():
        layout = {"_target_": f"trainer_pkg.weightings.vectors.{kind}", **arguments}
        package = "study.points.weighting"
        store.store(group="study/weighting", name=name, node=OmegaConf.create(layout), package=package, replace=True)
    store.store(group="model/balancer", name="none", node=OmegaConf.create({}), package="_global_", replace=True)
    for name, target in _BALANCERS.items():
        balancer = OmegaConf.create({"_target_": f"trainer_pkg.losses.{target}", "_partial_": True})
        store.store(group="model/balancer", name=name, node=balancer, replace=True)
