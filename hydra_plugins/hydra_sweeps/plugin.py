"""The sweeper under the only name that Hydra 1.3 accepts; Hydra 1.4 knows it by its entry point as well."""

import sweeps.sweeper


class StudySweeper(sweeps.sweeper.StudySweeper):
    """Runs the points of a sweep as the trials of a study."""
