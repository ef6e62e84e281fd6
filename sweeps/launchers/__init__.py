"""Launchers: each brings a number of workers to a study, on some engine. They never see a trial.

Another launcher is a module with a function `launch` and a line in `LAUNCHERS`.
"""

import importlib
from typing import TYPE_CHECKING, Protocol, cast

from sweeps.errors import StudyError, did_you_mean
from sweeps.spelling import no_launcher

if TYPE_CHECKING:
    from sweeps.worker.order import WorkOrder

LAUNCHERS = {
    "basic": "sweeps.launchers.here",
}
"""Choice of `hydra/launcher` to the module that serves it. A new name becomes an option of that group by itself."""


class Launcher(Protocol):
    """Brings workers to a study, and returns when each of them has ended."""

    def __call__(self, order: "WorkOrder", num_workers: int) -> list[int]:
        """Start the workers and wait for them.

        Ctrl-C and SIGTERM are for the launcher to pass on: a worker that gets SIGTERM hands its trials back.

        Args:
            order: What each worker works on.
            num_workers: How many there are.

        Returns:
            The exit code of each, as `sweeps.exits` lists them.
        """
        ...


def launcher_of(choice: str) -> Launcher:
    """The launcher that a choice of `hydra/launcher` names.

    Raises:
        StudyError: There is none of that name.
    """
    if choice not in LAUNCHERS:
        raise StudyError(f"{no_launcher(choice)} Known: {did_you_mean(choice, LAUNCHERS)}")
    return cast(Launcher, importlib.import_module(LAUNCHERS[choice]).launch)
