"""Turns any Hydra application into a study: every point of a sweep is run exactly once, whatever crashes."""

from sweeps.trial.handle import Trial, TrialPruned, current_trial

__all__ = ["Trial", "TrialPruned", "current_trial"]
