"""The database and the study that a command of `sweeps` names."""

import contextlib
from collections.abc import Iterator, Sequence

from sweeps.errors import StudyError
from sweeps.settings import default_storage
from sweeps.study.storage import Database
from sweeps.study.study import Study
from sweeps.study.urls import url_of


def open_database(storage: str | None, is_view: bool = True) -> Database:
    """The database: to look at, which needs no right to write, or to change.

    Args:
        storage: `--storage`: a storage URL, or the folder of the studies; None: the usual place.
        is_view: Whether it is only looked at.
    """
    with _pointing_elsewhere(storage):
        url = url_of(storage) if storage else default_storage()
        return Database(url, is_view=is_view, create=False, patience_s=5)


def open_study(name: str, storage: str | None, is_view: bool = True) -> Study:
    """The study of that name in the database that `open_database` opens."""
    database = open_database(storage, is_view)
    with _pointing_elsewhere(storage):
        return Study(database, name)


def open_studies(names: Sequence[str], storage: str | None) -> list[Study]:
    """The studies of these names, to look at, in the database that `open_database` opens."""
    database = open_database(storage)
    with _pointing_elsewhere(storage):
        return [Study(database, name) for name in names]


@contextlib.contextmanager
def _pointing_elsewhere(storage: str | None) -> Iterator[None]:
    """Say how a study is found that is not at the usual place."""
    try:
        yield
    except StudyError as error:
        if storage is not None:
            raise
        where = "--storage=URL, or the study.directory it was started with, finds a study that is kept elsewhere."
        raise StudyError(f"{error} {where}") from error
