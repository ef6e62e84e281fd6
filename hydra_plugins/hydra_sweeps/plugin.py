"""The sweeper under the only name that Hydra 1.3 accepts, and the folder of its configurations.

Hydra 1.4 knows the sweeper by its entry point as well.
"""

import builtins
import functools
from importlib.util import find_spec
from typing import Any

from hydra._internal.core_plugins.importlib_resources_config_source import ImportlibResourcesConfigSource
from hydra.core.config_search_path import ConfigSearchPath
from hydra.core.object_type import ObjectType
from hydra.plugins.config_source import ConfigResult
from hydra.plugins.search_path_plugin import SearchPathPlugin
from omegaconf import DictConfig

import sweeps.sweeper
from sweeps.choices import PRUNERS, SAMPLERS
from sweeps.frozen import put_in_place

_STOCK = "hydra_plugins.hydra_optuna_sweeper"


class StudySweeper(sweeps.sweeper.StudySweeper):
    """Runs the points of a sweep as the trials of a study."""


class StudySource(ImportlibResourcesConfigSource):
    """The files of `sweeps/conf`, by their names, and the named samplers and pruners as options of groups.

    For the sake of the files alone `study` and `tracking` are no groups. Where there is a group `study`, Hydra takes
    `study=a` for the choice of an option: an application that has a text of its own there could not set it, under any
    sweeper. `study/pruner` can be a group although `study` is none.
    """

    @staticmethod
    def scheme() -> str:
        return "sweeps"

    def is_group(self, config_path: str) -> bool:
        place = config_path.strip("/")
        return place in _choices() or (place not in ("study", "tracking") and super().is_group(config_path))

    def is_config(self, config_path: str) -> bool:
        return _chosen(config_path) is not None or super().is_config(config_path)

    def load_config(self, config_path: str) -> ConfigResult:
        node = _chosen(config_path)
        if node is None:
            return super().load_config(config_path)
        # A class has more options than a configuration would list: what is none, its constructor refuses.
        made = DictConfig(dict(node), flags={"struct": False})
        where = f"{self.scheme()}://{self.path}"
        return ConfigResult(config=made, path=where, provider=self.provider, header={"package": None})

    def list(self, config_path: str, results_filter: ObjectType | None) -> builtins.list[str]:
        names = _choices().get(config_path.strip("/"))
        if names is None:
            return super().list(config_path, results_filter)
        return [] if results_filter is ObjectType.GROUP else sorted(names)


@functools.cache
def _choices() -> dict[str, dict[str, Any]]:
    """Group to its options. Hydra's own Optuna sweeper brings most samplers of its group, where it is installed."""
    theirs = {"grid", "random", "tpe", "gp", "cmaes", "nsgaii", "nsgaiii", "qmc"} if find_spec(_STOCK) else set()
    samplers, pruners = dict(SAMPLERS), dict(PRUNERS)
    left = {name: node for name, node in samplers.items() if name not in theirs}
    return {
        "study/sampler": samplers, "study/pruner": pruners,
        "hydra/sweeper/sampler": left, "hydra/sweeper/pruner": pruners,
    }  # fmt: skip


def _chosen(config_path: str) -> Any:
    """The option of that name; None where there is none."""
    group, _, name = config_path.strip("/").removesuffix(".yaml").rpartition("/")
    return _choices().get(group, {}).get(name)


class StudySearchPath(SearchPathPlugin):
    """Lets every application find the groups `study` and `tracking`, and a worker the files of its study."""

    def manipulate_search_path(self, search_path: ConfigSearchPath) -> None:
        search_path.append("sweeps", "sweeps://sweeps.conf")
        put_in_place(search_path)
