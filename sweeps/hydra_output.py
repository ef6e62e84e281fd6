"""Where Hydra would keep the jobs of a sweep: a study keeps its trials elsewhere, and says so."""

from typing import Any

from omegaconf import DictConfig, OmegaConf

from sweeps.errors import StudyError
from sweeps.own_keys import own_keys

KEPT = "a study keeps its trials where it finds them again, in study.directory/NAME/trials/NUMBER"

_OUTPUT = {"dir": "multirun/${now:%Y-%m-%d}/${now:%H-%M-%S}", "subdir": "${hydra.job.num}"}
"""What Hydra has in `hydra.sweep` where nobody sets it."""


def check_output(config: DictConfig) -> None:
    """Refuse another place for trials that is typed; the one in an application's files may be for other sweepers.

    Raises:
        StudyError: With what to type instead.
    """
    for override in config.hydra.overrides.hydra:
        key, _, value = override.lstrip("+").partition("=")
        if key in ("hydra.sweep.dir", "hydra.sweep.subdir"):
            place = value if key == "hydra.sweep.dir" else "FOLDER"
            raise StudyError(f"{override}: {KEPT}. Type study.directory={place}.")


def unused_output(config: DictConfig) -> str | None:
    """The key of an application's files that says where Hydra keeps the jobs of a sweep.

    None where no key does, or the same configuration says where our trials are kept.
    """
    if OmegaConf.select(config, f"{own_keys(config).study}.directory") is not None:
        return None
    keys = {f"hydra.sweep.{key}": usual for key, usual in _OUTPUT.items()}
    return next((key for key, usual in keys.items() if _written(config, key) != usual), None)


def _written(config: DictConfig, key: str) -> Any:
    """A value with its interpolations as they are written; None where there is none."""
    group, _, name = key.rpartition(".")
    parent: Any = OmegaConf.select(config, group)
    node = parent._get_node(name, validate_access=False) if OmegaConf.is_dict(parent) else None
    return None if node is None else node._value()
