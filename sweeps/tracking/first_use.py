"""Before MLflow's first call: how its client behaves, and an embedded database that is whole."""

import functools
import logging
import os
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from sweeps.tracking import embedded
from sweeps.tracking.experiment import ARTIFACTS

# A server that does not answer is noticed within seconds; a user's own values stay.
_ENVIRONMENT = {
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0",
    "MLFLOW_HTTP_REQUEST_BACKOFF_FACTOR": "1",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "10",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
}

_making = threading.Lock()

_is_imported = threading.Event()
_is_imported.set()
"""Not set while a thread imports the client in the background."""


def set_up() -> None:
    """Set what MLflow's client is to do, unless the user has said otherwise; before its first import.

    A thread that imports it already is waited for: of two that import parts of it at once, one finds a half of it.
    """
    _say_how_it_behaves()
    _is_imported.wait()


def _say_how_it_behaves() -> None:
    for name, value in _ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    for noisy in ("alembic", "urllib3.connectionpool", "mlflow.store.db.utils", "mlflow.utils.autologging_utils"):
        logging.getLogger(noisy).setLevel(logging.ERROR)


def warm_up(uri: str) -> None:
    """Import the client and its store in the background, and make what a new embedded database holds.

    It takes a few seconds of a core that idles while the trials' server starts. Nothing is written.
    """

    def work() -> None:
        with suppress(Exception):  # whoever needs it next is told
            try:
                import mlflow

                if path := embedded.database_of(uri):
                    import mlflow.store.tracking.sqlalchemy_store  # noqa: F401
            finally:
                _is_imported.set()
            if path and not embedded.is_whole(path):
                _database(path)

    _say_how_it_behaves()  # before its import, which starts to report its use unless told otherwise
    _is_imported.clear()
    threading.Thread(target=work, daemon=True).start()


def prepare(uri: str, tell: Callable[[str], None]) -> None:
    """Return once an embedded database is there and whole; a half-made one is set aside, and the user told so.

    Args:
        uri: Tracking URI; nothing is done for a server's.
        tell: Shows the user one line.
    """
    embedded.prepare(uri, _database, tell)


def _database(path: Path) -> bytes:
    """What a new embedded database at that path holds."""
    with _making:
        return _database_with((path.parent / ARTIFACTS).as_uri())


@functools.cache
def _database_with(artifacts: str) -> bytes:
    set_up()
    from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore

    store: Any = SqlAlchemyStore("sqlite:///:memory:", artifacts)  # type: ignore[no-untyped-call]
    connection = store.engine.raw_connection()
    try:
        return bytes(connection.driver_connection.serialize())
    finally:
        connection.close()
