"""Turns any Hydra application into a study: every point of a sweep is run exactly once, whatever crashes."""

from typing import TYPE_CHECKING, Any

from sweeps.trial.handle import Trial, TrialPruned, current_trial

if TYPE_CHECKING:
    from sweeps.report.loaded import load_study

__all__ = ["Trial", "TrialPruned", "current_trial", "load_study"]


def __getattr__(name: str) -> Any:
    """`load_study` once it is asked for: a task that only reports needs neither pandas nor a database."""
    if name != "load_study":
        raise AttributeError(f"module 'sweeps' has no attribute {name!r}")
    from importlib import import_module

    return import_module("sweeps.report.loaded").load_study
