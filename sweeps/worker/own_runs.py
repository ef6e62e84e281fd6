"""An application's own calls of MLflow land in the run of its trial."""

import functools
import importlib.util
import json
import os
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType
from typing import Any

from sweeps.redact import text

_FLUENT, _TRACKING = "mlflow.tracking.fluent", "mlflow.tracking"
_EMBEDDED = "sqlite:///"
_PATIENCE_S = 10.0
"""How long a first `start_run` waits for the worker to have made the trial's run; nothing else waits for it."""
_PAUSE_S = 0.05


def bind(mark: Path, uri: str, experiment: str, *, is_alone: bool = True) -> None:
    """Give this process the tracking server of the study, and its first own run the trial's.

    A trial that never starts a run waits for nothing, and MLflow is not imported for it.

    Args:
        mark: Where the worker notes the run of the trial.
        uri: The study's tracking URI.
        experiment: Experiment of all studies.
        is_alone: Whether the trial has the process for itself; else nobody could tell whose a run is, and none is
            the trial's.
    """
    is_relative = uri.startswith(_EMBEDDED) and not uri.startswith(f"{_EMBEDDED}/")
    address = f"{_EMBEDDED}{Path.cwd()}/{uri.removeprefix(_EMBEDDED)}" if is_relative else uri
    os.environ.update(MLFLOW_TRACKING_URI=address, MLFLOW_EXPERIMENT_NAME=experiment)

    def patch(fluent: ModuleType) -> None:
        _choose_for_sure(fluent)
        if is_alone:
            _give_the_trials_run(fluent, address, functools.cache(lambda: _run_id(mark, text(uri))))

    if fluent := sys.modules.get(_FLUENT):
        patch(fluent)
        for name in ("start_run", "set_experiment"):
            setattr(sys.modules["mlflow"], name, getattr(fluent, name))
    else:
        sys.meta_path.insert(0, _AfterImport(patch))


def _choose_for_sure(fluent: ModuleType) -> None:
    """Let `set_experiment` choose its experiment where another process made it at the same moment, too.

    MLflow's own then returns the experiment without choosing it, and runs would land in that of the studies.
    """
    choose = fluent.set_experiment

    @functools.wraps(choose)
    def set_experiment(*args: Any, **kwargs: Any) -> Any:
        chosen = choose(*args, **kwargs)
        return chosen if fluent._active_experiment_id == chosen.experiment_id else choose(*args, **kwargs)

    fluent.set_experiment = set_experiment  # type: ignore[attr-defined]


def _give_the_trials_run(fluent: ModuleType, address: str, run_id_of_trial: Callable[[], str | None]) -> None:
    """Let the first run that is started without a choice of its own be the trial's."""
    start = fluent.start_run
    is_first = True

    @functools.wraps(start)
    def start_run(
        run_id: str | None = None,
        experiment_id: str | None = None,
        run_name: str | None = None,
        *args: Any,
        **kwargs: Any,
    ) -> Any:
        nonlocal is_first
        has_chosen = run_id or experiment_id or os.environ.get("MLFLOW_RUN_ID") or fluent._active_experiment_id
        if (
            is_first
            and not has_chosen
            and fluent.active_run() is None
            and sys.modules[_TRACKING].get_tracking_uri() == address
        ):
            is_first = False
            run_id = run_id_of_trial()
            run_name = None if run_id else run_name  # the trial's run keeps its name
        return start(run_id, experiment_id, run_name, *args, **kwargs)

    fluent.start_run = start_run  # type: ignore[attr-defined]


def _run_id(mark: Path, uri: str) -> str | None:
    """The run of the trial on that server, once the worker has made it; None where it does not come."""
    deadline = time.monotonic() + _PATIENCE_S
    while time.monotonic() < deadline:
        try:
            noted = json.loads(mark.read_text())
        except (OSError, ValueError):
            noted = {}
        if isinstance(noted, Mapping) and noted.get("uri") == uri and noted.get("run_id"):
            return str(noted["run_id"])
        time.sleep(_PAUSE_S)
    return None


class _AfterImport(MetaPathFinder):
    """Changes a module right after its import.

    Args:
        change: What is done to it.
    """

    def __init__(self, change: Callable[[ModuleType], None]) -> None:
        self._change = change

    def find_spec(self, name: str, path: Sequence[str] | None, target: ModuleType | None = None) -> ModuleSpec | None:
        if name != _FLUENT:
            return None
        sys.meta_path.remove(self)
        spec = importlib.util.find_spec(name)
        if spec is not None and spec.loader is not None:
            spec.loader = _ChangedLoader(spec.loader, self._change)
        return spec


class _ChangedLoader(Loader):
    def __init__(self, loader: Loader, change: Callable[[ModuleType], None]) -> None:
        self._loader, self._change = loader, change

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        return self._loader.create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        self._loader.exec_module(module)
        self._change(module)
