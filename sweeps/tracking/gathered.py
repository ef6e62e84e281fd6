"""The files of all ended trials of a study in one folder, whichever machine has run them."""

import contextlib
import tempfile
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path

from sweeps.outcome import Failed
from sweeps.study.bundles import Known
from sweeps.study.records import TrialRow
from sweeps.study.study import Study
from sweeps.trial import journal
from sweeps.trial.bundle import digest, unpack
from sweeps.trial.files import StudyFiles, TrialFiles
from sweeps.trial.ownership import is_own

_AT_ONCE = 100
"""Bundles that are read at once."""


@contextlib.contextmanager
def gathered(
    study: Study, files: StudyFiles, *, keeps: bool = False, only: Collection[int] | None = None
) -> Iterator[StudyFiles]:
    """A folder, for the time being, that has a directory for each ended trial whose files are known.

    What the database has is what the attempt has left that ended the trial. A directory on this machine counts where it
    is equal to that, or where the database has nothing.

    Args:
        study: The study.
        files: Its files on this machine.
        keeps: Whether what the database lacks is added to it, from this machine.
        only: Numbers of the trials that are wanted; None: all.
    """
    with tempfile.TemporaryDirectory(prefix="sweeps-") as folder:
        found = StudyFiles(Path(folder))
        found.trials.mkdir()
        known = study.bundles.known()
        elsewhere = []
        for trial in study.trials():
            own = files.trial(trial.number)
            bundle = _bundle_of(trial, known)
            if trial.outcome is None or (only is not None and trial.number not in only):
                continue
            if bundle is not None and not _is_equal(own, bundle):
                elsewhere.append(trial.number)
            elif has_left(trial, own):
                found.trial(trial.number).directory.symlink_to(own.directory.resolve())
                if keeps and bundle is None:
                    study.bundles.keep(trial.number, trial.attempt, own)
        _fetch(study, elsewhere, found)
        yield found


def has_left(trial: TrialRow, own: TrialFiles) -> bool:
    """Whether a directory of this machine is what an ended trial has left, not what an earlier attempt of it has."""
    if trial.point is None or not own.directory.is_dir() or not is_own(own, trial.point.key):
        return False
    attempts = journal.events(own.journal, "attempt")
    last = attempts[-1].get("attempt") if attempts else None
    # A trial may fail before it writes anything; what has a result has written.
    is_later = isinstance(last, int) and last < trial.attempt
    return not is_later or isinstance(trial.outcome, Failed)


def _bundle_of(trial: TrialRow, known: dict[int, Known]) -> Known | None:
    bundle = known.get(trial.number)
    return bundle if bundle is not None and bundle.attempt == trial.attempt else None


def _is_equal(own: TrialFiles, bundle: Known) -> bool:
    try:
        return digest(own) == bundle.digest
    except (OSError, ValueError):
        return False


def _fetch(study: Study, numbers: Sequence[int], found: StudyFiles) -> None:
    for start in range(0, len(numbers), _AT_ONCE):
        for number, archive in study.bundles.contents(numbers[start : start + _AT_ONCE]).items():
            unpack(archive, found.trial(number).directory)
