"""Launchers: each brings a number of workers to a study, on some engine. They never see a trial.

A launcher of Hydra's carries workers as it is. One of ours is a module with a function `launch` and a line in
`LAUNCHERS`.
"""

import importlib
from typing import TYPE_CHECKING, Any, Protocol, cast

from sweeps.errors import StudyError

if TYPE_CHECKING:
    from sweeps.settings import StudySettings
    from sweeps.worker.order import WorkOrder

_CARRIED = "sweeps.launchers.carried"

LAUNCHERS = {
    "basic": "sweeps.launchers.here",
    "ray_workers": "sweeps.launchers.ray_workers",
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

    Any that Hydra knows, and ours does not, is carried: Hydra has refused a name that it does not know.
    """
    return cast(Launcher, importlib.import_module(LAUNCHERS.get(choice, _CARRIED)).launch)


def check_launcher(choice: str, settings: "StudySettings", config: Any) -> None:
    """Refuse what a launcher cannot do before there is a study.

    Raises:
        StudyError: With what to type instead.
    """
    if settings.num_workers < 1:
        raise StudyError(f"study.num_workers={settings.num_workers} must be a whole number of at least 1.")
    if choice == "basic":
        if settings.num_workers > 1:
            raise StudyError(
                f"study.num_workers={settings.num_workers} needs a launcher that brings them, such as"
                " hydra/launcher=joblib. Here study.slots=N runs N trials at a time."
            )
        return
    module = importlib.import_module(LAUNCHERS.get(choice, _CARRIED))
    if hasattr(module, "check"):
        module.check(choice, settings.storage_url, config)
