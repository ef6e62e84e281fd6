"""The Hydra application that a command sweeps: the same for all its trials, so it is handed to the fork server once."""

import functools
import os
import pickle
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cloudpickle

_PATH_VARIABLE = "SWEEPS_APPLICATION"


@dataclass(frozen=True, slots=True, kw_only=True)
class Application:
    """What a process needs to compose a trial's configuration and run it.

    Attributes:
        task: `module:function` of the task function.
        hydra_context: Hydra's context of the sweep.
        config: The composed configuration of the sweep.
        singletons: State of Hydra's singletons.
        sample: Overrides of one trial.
    """

    task: str
    hydra_context: Any
    config: Any
    singletons: Any
    sample: tuple[str, ...]

    def compose(self, overrides: Sequence[str]) -> Any:
        """The configuration with these overrides, as Hydra makes it for a job of a sweep."""
        from hydra.core.singleton import Singleton
        from hydra.core.utils import setup_globals

        setup_globals()
        Singleton.set_state(self.singletons)
        return self.hydra_context.config_loader.load_sweep_config(self.config, list(overrides))


def publish(application: Application, folder: Path) -> None:
    """Let the fork server, and all processes that come from it, find the application.

    Args:
        application: What they will find.
        folder: Exists as long as they may look.
    """
    path = folder / "application.pickle"
    # Hydra's state holds functions made at run time, which plain pickle refuses.
    path.write_bytes(cloudpickle.dumps(application))
    os.environ[_PATH_VARIABLE] = str(path)


@functools.cache
def published() -> Application:
    """The application of the command that this process belongs to."""
    application: Application = pickle.loads(Path(os.environ[_PATH_VARIABLE]).read_bytes())
    return application
