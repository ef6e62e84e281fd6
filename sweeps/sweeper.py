"""The Hydra plugin behind `-m`: a shell over `sweeps.sweep`, which is imported when a sweep starts."""

import signal
import sys
from dataclasses import dataclass, field
from typing import Any

from hydra.core.config_store import ConfigStore
from hydra.plugins.sweeper import Sweeper
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig, OmegaConf

from sweeps.settings import StudySettings, TrackingSettings


@dataclass
class StudySweeperConfig:
    """Options that a configuration may set under `hydra.sweeper`; the rest is in the `study` group."""

    _target_: str = "sweeps.sweeper.StudySweeper"
    # Override key to a sweep, e.g. {model.optimizer.lr: "tag(log, interval(0.0001, 0.1))"}. The command line wins.
    params: dict[str, Any] = field(default_factory=dict)


class StudySweeper(Sweeper):
    """Runs the points of a sweep as the trials of a study."""

    def __init__(self, params: DictConfig | None = None) -> None:
        self._params = params

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        self._context, self._task, self._config = hydra_context, task_function, config

    def sweep(self, arguments: list[str]) -> Any:
        # Before and after the worker, which hands its trials back, an interruption just ends the command.
        previous = signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))
        try:
            from sweeps.sweep import Sweep

            params = OmegaConf.to_container(self._params, resolve=True) if self._params else {}
            Sweep(self._context, self._task, self._config, arguments, params).run()  # type: ignore[arg-type]
        except KeyboardInterrupt:
            raise SystemExit(128 + signal.SIGINT) from None
        finally:
            signal.signal(signal.SIGTERM, previous)
            if "sweeps.worker.process" in sys.modules:
                sys.modules["sweeps.worker.process"].end_server()


# An application takes the groups over with `- study: sweeps` and `- tracking: sweeps` in its defaults.
_STORE = ConfigStore.instance()
_STORE.store(group="hydra/sweeper", name="sweeps", node=StudySweeperConfig, provider="sweeps")
_STORE.store(group="study", name="sweeps", node=StudySettings, provider="sweeps")
_STORE.store(group="tracking", name="sweeps", node=TrackingSettings, provider="sweeps")
