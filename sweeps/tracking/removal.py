"""Takes a study off a tracking server."""

import contextlib
import re

from sweeps.errors import StudyError
from sweeps.tracking import embedded
from sweeps.tracking.cards import StudyCard
from sweeps.tracking.mlflow import MlflowView
from sweeps.tracking.saved_views import id_of


def check_key(key: str) -> None:
    """Refuse what is no study's key: the server is asked by it which runs are meant.

    Raises:
        StudyError: It is none.
    """
    if not re.fullmatch(r"[0-9a-f]{32}", key):
        raise StudyError(
            f"--runs-of={key} is no key of a study: 32 hexadecimal digits, as `sweeps delete` has told it."
        )


def delete_runs(uri: str, experiment: str, name: str, key: str) -> int:
    """Delete a study's runs and its kept view; returns how many runs there were. It may be repeated.

    MLflow keeps deleted runs until `mlflow gc`.

    Args:
        uri: Tracking URI.
        experiment: Experiment of all studies.
        name: The study's name.
        key: The study's key.
    """
    path = embedded.database_of(uri)
    if path is not None and not embedded.is_whole(path):
        return 0
    view = MlflowView(uri, experiment, StudyCard(key=key, name=name), lambda _: contextlib.nullcontext())
    num_runs = view.delete()
    view.experiment.drop(id_of(key))
    return num_runs
