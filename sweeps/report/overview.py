"""The studies of a storage, one line each, mostly without Optuna and SQLAlchemy, which take most of a second."""

from collections.abc import Iterable

from tabulate import tabulate

from sweeps.settings import default_storage
from sweeps.study.glance import Listed, listed


def studies_listing(storage: str | None) -> str:
    """One line per study: how far it is.

    Args:
        storage: `--storage`; None: the usual place.

    Raises:
        StudyError: There is no storage.
    """
    url = storage if storage and "://" in storage else default_storage() if storage is None else ""
    found = listed(url)
    return _table(_opened(storage) if found is None else found)


def _opened(storage: str | None) -> Iterable[Listed]:
    """The same, of a storage that is opened as every other command opens it: it may be a folder, or none."""
    from sweeps.report.opened import open_database
    from sweeps.study.study import Study

    database = open_database(storage)
    for name in database.study_names():
        study = Study(database, name)
        yield Listed(name=name, objectives=study.objectives, counts=study.counts())


def _table(studies: Iterable[Listed]) -> str:
    rows = []
    for each in studies:
        of_states = (each.counts[state] for state in ("done", "running", "open"))
        rows.append([each.name, sum(each.counts.values()), *of_states, ", ".join(each.objectives)])
    return tabulate(rows, headers=["study", "trials", "done", "running", "open", "objective"])
