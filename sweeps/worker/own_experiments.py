"""Experiments that trials of one study want to make at the same moment."""

import functools
from collections.abc import Callable
from typing import Any

_EXISTS = "RESOURCE_ALREADY_EXISTS"  # MLflow's code


def share_creation(client: type) -> None:
    """Let a trial that loses the race for an experiment have the one that the winner has made.

    An application looks for its experiment, finds none, and makes it; Lightning's `MLFlowLogger` does, and
    `set_experiment` of MLflow. Alone it does so once. The trials of a study do it side by side, and all but one are
    told that the experiment exists by now.

    Args:
        client: `TrackingServiceClient` of MLflow, through which all its interfaces look for experiments and make them.
    """
    missed: set[tuple[str, str]] = set()
    client.get_experiment_by_name = _noting(client.get_experiment_by_name, missed)  # type: ignore[attr-defined]
    client.create_experiment = _yielding(client.create_experiment, missed)  # type: ignore[attr-defined]


def _noting(look: Callable[..., Any], missed: set[tuple[str, str]]) -> Callable[..., Any]:
    @functools.wraps(look)
    def get_experiment_by_name(self: Any, name: str) -> Any:
        found = look(self, name)
        if found is None:
            missed.add((self.tracking_uri, name))
        return found

    return get_experiment_by_name


def _yielding(create: Callable[..., Any], missed: set[tuple[str, str]]) -> Callable[..., Any]:
    """`create_experiment` whose name may be taken if it was free when this process looked; else it raises as ever."""

    @functools.wraps(create)
    def create_experiment(self: Any, name: str, *args: Any, **kwargs: Any) -> Any:
        was_free = (self.tracking_uri, name) in missed
        missed.discard((self.tracking_uri, name))
        try:
            return create(self, name, *args, **kwargs)
        except Exception as error:
            if not was_free or getattr(error, "error_code", None) != _EXISTS:
                raise
            return self.get_experiment_by_name(name).experiment_id

    return create_experiment
