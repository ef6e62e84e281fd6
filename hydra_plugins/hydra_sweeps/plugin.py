"""The sweeper under the only name that Hydra 1.3 accepts, and the folder of its configurations.

Hydra 1.4 knows the sweeper by its entry point as well.
"""

from hydra._internal.core_plugins.importlib_resources_config_source import ImportlibResourcesConfigSource
from hydra.core.config_search_path import ConfigSearchPath
from hydra.plugins.search_path_plugin import SearchPathPlugin

import sweeps.sweeper


class StudySweeper(sweeps.sweeper.StudySweeper):
    """Runs the points of a sweep as the trials of a study."""


class StudySource(ImportlibResourcesConfigSource):
    """The files of `sweeps/conf`, by their names; for their sake alone `study` and `tracking` are no groups.

    Where there is a group `study`, Hydra takes `study=a` for the choice of an option. An application that has a text of
    its own there could not set it, under any sweeper.
    """

    @staticmethod
    def scheme() -> str:
        return "sweeps"

    def is_group(self, config_path: str) -> bool:
        return config_path.strip("/") not in ("study", "tracking") and super().is_group(config_path)


class StudySearchPath(SearchPathPlugin):
    """Lets every application find the groups `study` and `tracking` of `sweeps/conf`."""

    def manipulate_search_path(self, search_path: ConfigSearchPath) -> None:
        search_path.append("sweeps", "sweeps://sweeps.conf")
