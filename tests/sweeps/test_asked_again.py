"""What is done again where the database has lost a connection: every question that a study asks through Optuna."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import optuna
import psycopg
import pytest
from optuna.exceptions import StorageInternalError
from optuna.storages import RDBStorage
from sqlalchemy.exc import OperationalError, PendingRollbackError

from sweeps.study.outages import is_passing, reason
from sweeps.study.study import Study
from tests.sweeps.test_study import claim, finish, grid, make

CUT = "terminating connection due to administrator command"


def cut() -> OperationalError:
    return OperationalError("SELECT 1", {}, psycopg.errors.AdminShutdown(CUT))


def asked_once_more() -> StorageInternalError:
    """What Optuna makes of it where it asks in another way, in the transaction whose connection was gone."""
    try:
        try:
            raise cut()
        except OperationalError:
            raise PendingRollbackError("Can't reconnect until invalid transaction is rolled back.")  # noqa: B904
    except PendingRollbackError as pending:
        made = StorageInternalError("An exception is raised during the commit.")
        made.__cause__ = pending
        return made


def test_a_lost_connection_passes_whoever_has_asked() -> None:
    for error in (cut(), asked_once_more()):
        assert is_passing(error) and reason(error) == CUT
    assert is_passing(PendingRollbackError("Can't reconnect until invalid transaction is rolled back."))


class Faltering:
    """Fails the next call of each method of Optuna's storage, once."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, error: Callable[[], Exception]) -> None:
        kinds = ("get_", "set_", "create_", "delete_", "_get_trials")
        self.names = [name for name in vars(RDBStorage) if name.startswith(kinds) and "version" not in name]
        self.failed: set[str] = set()
        self._next: set[str] = set()
        self._error = error
        for name in self.names:
            monkeypatch.setattr(RDBStorage, name, self._of(getattr(RDBStorage, name), name))

    def __call__(self) -> None:
        self._next = set(self.names)

    def _of(self, method: Callable[..., Any], name: str) -> Callable[..., Any]:
        def called(*args: Any, **kwargs: Any) -> Any:
            if name in self._next:
                self._next.remove(name)
                self.failed.add(name)
                raise self._error()
            return method(*args, **kwargs)

        return called


@pytest.mark.parametrize("error", [cut, asked_once_more])
def test_each_question_to_optuna_is_asked_again(
    error: Callable[[], Exception], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = f"sqlite:///{tmp_path}/studies.db"
    study = make(url, 1, 2)
    fail = Faltering(monkeypatch, error)
    monkeypatch.setattr(time, "sleep", lambda _: None)
    held = [claim(study), claim(study)]
    # Of a worker that has died before it could note its trial.
    study.database.storage.create_new_trial(study._optuna._study_id)
    for step in (
        lambda: make(url, 1, 2, name="other"),
        lambda: study.remember("command", {"a": 1}),
        lambda: finish(study, held[0]),
        lambda: finish(study, held[1]),
        study.reconcile,
        lambda: study.add(grid(3)),
        study.importances,
    ):
        fail()
        step()
    fail()
    again = Study(study.database, "s")
    for found, wanted in (
        (lambda: again.facts["command"], {"a": 1}),
        (lambda: again.directions, ["minimize"]),
        (lambda: list(again.value_names), ["loss"]),
        (lambda: [trial.state for trial in again.trials()], ["completed", "completed", "open"]),
        (study.database.study_names, ["s", "other"]),
        (lambda: len(study.database.study_keys()), 2),
    ):
        fail()
        assert found() == wanted
    monkeypatch.undo()
    states = [trial.state.name for trial in optuna.load_study(study_name="s", storage=url).trials]
    assert sorted(states) == ["COMPLETE", "COMPLETE", "FAIL"]
    assert {"_get_trials", "get_study_user_attrs", "get_study_system_attrs"} <= fail.failed
