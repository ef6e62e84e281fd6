"""An application's own calls of MLflow land in the run of its trial."""

import functools
import json
import os
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

from sweeps.redact import text
from sweeps.worker.after_import import after_import

_FLUENT, _TRACKING = "mlflow.tracking.fluent", "mlflow.tracking"
_CHOSEN = ((_FLUENT, "_active_experiment_id"), ("mlflow.tracking._tracking_service.utils", "_tracking_uri"))
_IS_WRAPPED = "_is_wrapped_by_sweeps"
_EMBEDDED = "sqlite:///"
_OF_OUTER_RUN = ("MLFLOW_RUN_ID", "MLFLOW_EXPERIMENT_ID")
"""What `mlflow run` gives the command it starts: the run of the sweep as a whole, which is no trial's."""
_PATIENCE_S = 10.0
"""How long a first `start_run` waits for the worker to have made the trial's run; nothing else waits for it."""
_PAUSE_S = 0.05
_BEFORE_PARENT = 2
"""Of the arguments of `start_run` behind its `run_name`, the second is `parent_run_id`."""


class _Trial:
    """Whose the process is.

    Args:
        address: Tracking URI of its study.
        run_id: Its run on that server, once it is there.
        is_continued: Whether an earlier attempt may have logged to that run.
    """

    def __init__(self, address: str, run_id: Callable[[], str | None], is_continued: bool) -> None:
        self.address, self.run_id, self.is_continued, self.awaits_first = address, run_id, is_continued, True


_now: _Trial | None = None


class Held(NamedTuple):
    """What a process holds of MLflow for the trial that runs now.

    Attributes:
        trial: Whose the process is.
        runs: The runs that are open.
        chosen: What was chosen by `set_experiment` and `set_tracking_uri`; null before either is called.
    """

    trial: _Trial | None
    runs: Sequence[Any]
    chosen: Sequence[Any]

    @classmethod
    def here(cls) -> "Held":
        fluent = sys.modules.get(_FLUENT)
        chosen = [getattr(sys.modules.get(module), name, None) for module, name in _CHOSEN]
        return cls(_now, () if fluent is None else list(fluent._active_run_stack.get()), chosen)

    def restore(self) -> None:
        global _now
        _now = self.trial
        if (fluent := sys.modules.get(_FLUENT)) is not None:
            fluent._active_run_stack.set(list(self.runs))
        for (module, name), chosen in zip(_CHOSEN, self.chosen, strict=True):
            if module in sys.modules:
                setattr(sys.modules[module], name, chosen)


def bind(mark: Path, uri: str, experiment: str, attempt: int) -> None:
    """Give this process the tracking server of the study, and its first own run the trial's.

    A trial that never starts a run waits for nothing, and MLflow is not imported for it.

    Args:
        mark: Where the worker notes the run of the trial.
        uri: The study's tracking URI.
        experiment: Experiment of all studies.
        attempt: Of the trial, from 1.
    """
    global _now
    is_relative = uri.startswith(_EMBEDDED) and not uri.startswith(f"{_EMBEDDED}/")
    address = f"{_EMBEDDED}{Path.cwd()}/{uri.removeprefix(_EMBEDDED)}" if is_relative else uri
    os.environ.update(MLFLOW_TRACKING_URI=address, MLFLOW_EXPERIMENT_NAME=experiment)
    for outer in _OF_OUTER_RUN:
        os.environ.pop(outer, None)
    _now = _Trial(address, functools.cache(lambda: _run_id(mark, text(uri))), attempt > 1)
    if fluent := sys.modules.get(_FLUENT):
        _wrap(fluent)
        sys.modules["mlflow"].start_run = fluent.start_run  # type: ignore[attr-defined]
    else:
        after_import(_FLUENT, _wrap)


def _wrap(fluent: ModuleType) -> None:
    """Let MLflow's functions know whose the process is: once in a process, whoever comes next."""
    if getattr(fluent, _IS_WRAPPED, False):
        return
    fluent.start_run = _giving_the_trials_run(fluent)  # type: ignore[attr-defined]
    client = fluent.TrackingServiceClient
    client.log_param, client.log_batch = _keeping_param(client.log_param), _keeping_params(client.log_batch)
    setattr(fluent, _IS_WRAPPED, True)


def _giving_the_trials_run(fluent: ModuleType) -> Callable[..., Any]:
    """`start_run` that gives a trial its run as the first without a choice of its own; the others are its children."""
    start = fluent.start_run

    @functools.wraps(start)
    def start_run(
        run_id: str | None = None,
        experiment_id: str | None = None,
        run_name: str | None = None,
        *args: Any,
        **kwargs: Any,
    ) -> Any:
        has_chosen = run_id or experiment_id or os.environ.get("MLFLOW_RUN_ID") or fluent._active_experiment_id
        if (
            (trial := _now) is not None
            and not has_chosen
            and fluent.active_run() is None
            and sys.modules[_TRACKING].get_tracking_uri() == trial.address
        ):
            if trial.awaits_first:
                trial.awaits_first = False
                run_id = trial.run_id()
                run_name = None if run_id else run_name  # the trial's run keeps its name
            elif len(args) < _BEFORE_PARENT:
                kwargs.setdefault("parent_run_id", trial.run_id())
        return start(run_id, experiment_id, run_name, *args, **kwargs)

    return start_run  # type: ignore[no-any-return]


def _keeping_param(log: Callable[..., Any]) -> Callable[..., Any]:
    """`log_param` that leaves a parameter of the trial's run as an earlier attempt has logged it, and says so."""

    @functools.wraps(log)
    def log_param(self: Any, run_id: str, key: str, value: Any, *args: Any, **kwargs: Any) -> Any:
        try:
            return log(self, run_id, key, value, *args, **kwargs)
        except Exception as error:
            if not _is_of_earlier_attempt(error, run_id):
                raise
            _tell_kept([key])
            return value

    return log_param


def _keeping_params(log: Callable[..., Any]) -> Callable[..., Any]:
    """`log_batch`, likewise."""

    @functools.wraps(log)
    def log_batch(
        self: Any, run_id: str, metrics: Any = (), params: Any = (), tags: Any = (), *args: Any, **kwargs: Any
    ) -> Any:
        try:
            return log(self, run_id, metrics, params, tags, *args, **kwargs)
        except Exception as error:
            if not _is_of_earlier_attempt(error, run_id):
                raise
            known = self.get_run(run_id).data.params
            new = [param for param in params if param.key not in known]
            _tell_kept([param.key for param in params if known.get(param.key, param.value) != param.value])
            return log(self, run_id, metrics, new, tags, *args, **kwargs)

    return log_batch


def _is_of_earlier_attempt(error: Exception, run_id: str) -> bool:
    """Whether MLflow refuses another value for a parameter of this trial's run, which an earlier attempt has logged."""
    trial = _now
    return trial is not None and trial.is_continued and "Changing param" in str(error) and run_id == trial.run_id()


def _tell_kept(keys: Sequence[str]) -> None:
    sys.stdout.write(f"MLflow keeps what an earlier attempt has logged as {', '.join(keys)}.\n")


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
