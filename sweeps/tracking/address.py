"""Where a study is tracked."""

import os

from sweeps.errors import StudyError
from sweeps.secret_names import HIDDEN
from sweeps.settings import tracking_uri
from sweeps.study.study import Study


def where(study: Study, asked: str | None) -> tuple[str, str]:
    """URI and experiment: `--tracking`, the environment, or what the study was started with; empty: untracked.

    Raises:
        StudyError: The study has the address without its password.
    """
    known = study.facts.get("tracking") or {}
    is_untracked = known.get("uri") == ""  # by tracking.uri=null, whatever else is tracked on this machine
    environment = None if is_untracked else os.environ.get("MLFLOW_TRACKING_URI")
    uri = asked or environment or known.get("uri", tracking_uri())
    if HIDDEN in uri:
        why = f"Study {study.name!r} is tracked at {uri} and does not keep the password."
        raise StudyError(f"{why} Give the address by MLFLOW_TRACKING_URI or --tracking.")
    return uri, known.get("experiment") or "sweeps"
