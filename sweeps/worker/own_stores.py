"""Stores of MLflow that trials of one study first use at the same moment.

An application looks for its database and its experiment, finds none, and makes them; Lightning's `MLFlowLogger` does,
and `set_experiment` of MLflow. Alone it does so once. The trials of a study do it side by side, and all but one would
fail.
"""

import fcntl
import functools
import hashlib
import os
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

from sweeps.worker.after_import import after_import

_EXISTS = "RESOURCE_ALREADY_EXISTS"  # MLflow's code
_EMBEDDED = "sqlite:///"
_shared: set[str] = set()


def share_stores() -> None:
    """Let the trials of this process have what others make of MLflow's while they look for it."""
    for name in _CHANGES:
        module = sys.modules.get(name)
        if module is None:
            after_import(name, _share)
        elif name not in _shared:
            _share(module)


def _share(module: ModuleType) -> None:
    _shared.add(module.__name__)
    _CHANGES[module.__name__](module)


def _make_in_turn(stores: ModuleType) -> None:
    """One process after the other opens a database: who opens it first makes its tables, in dozens of steps."""
    make = stores.SqlAlchemyStore.__init__

    @functools.wraps(make)
    def made(self: Any, db_uri: str, *args: Any, **kwargs: Any) -> None:
        with _turn_at(db_uri):
            make(self, db_uri, *args, **kwargs)

    stores.SqlAlchemyStore.__init__ = made


@contextmanager
def _turn_at(uri: str) -> Iterator[None]:
    where = str(Path(uri.removeprefix(_EMBEDDED)).resolve()) if uri.startswith(_EMBEDDED) else uri
    name = f"sweeps-{os.getuid()}-{hashlib.sha256(where.encode()).hexdigest()[:16]}.lock"
    with (Path(tempfile.gettempdir()) / name).open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _share_creation(clients: ModuleType) -> None:
    """Let a trial that loses the race for an experiment have the one that the winner has made.

    All of MLflow's interfaces look for experiments and make them through this class.
    """
    client, missed = clients.TrackingServiceClient, set[tuple[str, str]]()
    client.get_experiment_by_name = _noting(client.get_experiment_by_name, missed)
    client.create_experiment = _yielding(client.create_experiment, missed)


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


_CHANGES: dict[str, Callable[[ModuleType], None]] = {
    "mlflow.tracking._tracking_service.client": _share_creation,
    "mlflow.store.tracking.sqlalchemy_store": _make_in_turn,
    "mlflow.store.model_registry.sqlalchemy_store": _make_in_turn,
}
