"""The Hydra plugin behind `-m`: a shell over `sweeps.sweep`, which is imported when a sweep starts."""

import sys
from dataclasses import dataclass, field
from typing import Any

from hydra.core.config_store import ConfigStore
from hydra.plugins.sweeper import Sweeper
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig, OmegaConf

from sweeps.collection import collect_rarely
from sweeps.errors import StudyError
from sweeps.exits import guard_command_line, one_line_errors
from sweeps.guards import guard_terminal
from sweeps.launchers import LAUNCHERS
from sweeps.launchers.options import OPTIONS
from sweeps.preparing import preparing, shown_on_terminal
from sweeps.signals import exit_on_sigterm
from sweeps.spelling import SWEEPER_KEYS, TAKEN_KEYS, sweeper_key
from sweeps.versions import SWEEPER
from sweeps.worker.kinship import end_with_job
from sweeps.worker.part import is_part, run_part

_NAME = "sweeps"


@dataclass
class StudySweeperConfig:
    """Options that a configuration may set under `hydra.sweeper`; the rest is in the `study` group.

    Example:
        The primary config of an application whose `-m` runs studies::

            defaults:
              - study: sweeps
              - tracking: sweeps
              - _self_
              - override hydra/sweeper: sweeps

            lr: 0.1
            study:
              objective: loss
              direction: minimize
            hydra:
              sweeper:
                params:
                  lr: tag(log, interval(0.0001, 0.1))
    """

    _target_: str = SWEEPER
    # hydra/sweeper/pruner=asha and hydra/sweeper/sampler=tpe work in every application.
    defaults: list[Any] = field(default_factory=lambda: ["_self_", {"sampler": None}, {"pruner": None}])
    # What stands below is read as it is written; Hydra 1.3 would build a sampler of it.
    _recursive_: bool = False
    # Override key to a sweep, e.g. {model.optimizer.lr: "tag(log, interval(0.0001, 0.1))"}. The command line wins.
    params: dict[str, Any] = field(default_factory=dict)
    # Win over the groups `study` and `tracking`, which a configuration need not have.
    study: Any = field(default_factory=lambda: _open())
    tracking: Any = field(default_factory=lambda: _open())
    # Keys of Hydra's Optuna sweeper, which a project that comes from there may keep: `sweeps/spelling.py`.
    study_name: Any = None
    direction: Any = None
    n_trials: Any = None
    n_jobs: Any = None
    storage: Any = None
    sampler: Any = None
    pruner: Any = None
    search_space: Any = None
    custom_search_space: Any = None
    max_failure_rate: Any = None
    # Where these groups are; null: at `study` and `tracking`, unless the application has something else there.
    study_key: str | None = None
    tracking_key: str | None = None


class StudySweeper(Sweeper):
    """Runs the points of a sweep as the trials of a study."""

    def __init__(
        self,
        params: DictConfig | None = None,
        study: Any = None,
        tracking: Any = None,
        study_key: str | None = None,
        tracking_key: str | None = None,
        **others: Any,
    ) -> None:
        # What runs the study is read from the configuration: the command line says it, too.
        self._params, self._others = params, others

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        self._context, self._task, self._config = hydra_context, task_function, config

    def sweep(self, arguments: list[str]) -> None:
        if is_part():
            return run_part(self._context, self._config, self._task)
        end_with_job()
        collect_rarely()
        # Before and after the worker, which hands its trials back, an interruption just ends the command.
        guard_terminal()
        with one_line_errors(), exit_on_sigterm(), shown_on_terminal():
            try:
                preparing("Reading the line")
                from sweeps.asked import Asked
                from sweeps.repeated import repeated

                for key, value in self._others.items():
                    if key not in TAKEN_KEYS and (value is not None or key not in SWEEPER_KEYS):
                        raise StudyError(sweeper_key(key))
                params = OmegaConf.to_container(self._params, resolve=True) if self._params else {}
                asked = Asked(self._context, self._task, self._config, arguments, params)  # type: ignore[arg-type]
                if (code := repeated(asked)) is not None:
                    raise SystemExit(code)
                from sweeps.sweep import Sweep  # with Optuna

                Sweep(asked).run()
            finally:
                if "sweeps.worker.forkserver" in sys.modules:
                    sys.modules["sweeps.worker.forkserver"].end_server()


def _open() -> DictConfig:
    """A group whose keys `sweeps.settings` checks: a misspelt one is then answered with the nearest right one."""
    return DictConfig({}, flags={"struct": False})


# An application takes the groups over with `- study: sweeps` and `- tracking: sweeps` in its defaults: they are files
# of `sweeps/conf`, which set nothing and therefore may stand anywhere. A file cannot say that it takes further keys.
_STORE = ConfigStore.instance()
_STORE.store(group="hydra/sweeper", name=_NAME, node=StudySweeperConfig, provider="sweeps")
_STORE.store(name="_sweeps_open", node=_open(), provider="sweeps")
for _launcher, _module in LAUNCHERS.items():
    if _launcher != "basic":  # Hydra's own
        _STORE.store(
            group="hydra/launcher",
            name=_launcher,
            node=OPTIONS.get(_launcher, {"_target_": _module}),
            provider="sweeps",
        )
guard_command_line(_NAME)
