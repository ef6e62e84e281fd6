"""A study that only a tracking server has."""

from collections.abc import Sequence

from sweeps.errors import StudyError, SweepsError
from sweeps.report.portable import FILE, Portable, of_name
from sweeps.study.urls import shown
from sweeps.tracking.complaints import told
from sweeps.tracking.mlflow import file_of_study


def study_on(uri: str, names: Sequence[str]) -> Portable:
    """What a server has of an ended study, as it was when it ended.

    Args:
        uri: Tracking URI.
        names: The study's name alone.

    Raises:
        StudyError: There are several names, or the server has no such study.
        SweepsError: The server does not answer.
    """
    if names[1:]:
        raise StudyError(f"--from-mlflow reads one study at a time, not {', '.join(names)}.")
    try:
        content, known = file_of_study(uri, names[0], FILE)
    except SweepsError:
        raise
    # MLflow's client raises many kinds, of modules that are not to be imported here.
    except Exception as error:
        raise SweepsError(f"--from-mlflow={shown(uri)} {told(error)}") from error
    if content is None:
        raise of_name(known, names[0])
    return Portable.from_json(content)
