"""The sweeper under the only name that Hydra 1.3 accepts, and the folder of its configurations.

Hydra 1.4 knows the sweeper by its entry point as well.
"""

from hydra.core.config_search_path import ConfigSearchPath
from hydra.plugins.search_path_plugin import SearchPathPlugin

import sweeps.sweeper


class StudySweeper(sweeps.sweeper.StudySweeper):
    """Runs the points of a sweep as the trials of a study."""


class StudySearchPath(SearchPathPlugin):
    """Lets every application find the groups `study` and `tracking` of `sweeps/conf`."""

    def manipulate_search_path(self, search_path: ConfigSearchPath) -> None:
        search_path.append("sweeps", "pkg://sweeps.conf")
