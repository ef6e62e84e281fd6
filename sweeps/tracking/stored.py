"""The files of runs, where the tracking server keeps them."""

import tempfile
from pathlib import Path
from typing import Any

from sweeps.redact import text


def put(place: str, uri: str, name: str, content: str | bytes | Path) -> None:
    """Keep a file with a run, or a copy of one.

    Args:
        place: Where the run's files are: its `artifact_uri`.
        uri: Tracking URI.
        name: The file's name; it may have folders in front.
        content: A text, from which secrets are taken, or bytes, or a file as it is.
    """
    folder, _, file_name = name.rpartition("/")
    with tempfile.TemporaryDirectory() as made:
        path = content if isinstance(content, Path) else Path(made) / file_name
        if not isinstance(content, Path):
            path.write_bytes(as_kept(content))
        _store(place, uri).log_artifact(str(path), folder or None)


def get(place: str, uri: str, name: str) -> bytes:
    """The content of a file of a run."""
    with tempfile.TemporaryDirectory() as made:
        return Path(_store(place, uri).download_artifacts(name, made)).read_bytes()


def sizes(place: str, uri: str, folder: str) -> dict[str, int | None]:
    """Name and size in bytes of each file of a run that lies in one folder; the empty name is the run's own."""
    found = _store(place, uri).list_artifacts(folder or None)
    return {item.path: item.file_size for item in found if not item.is_dir}


def as_kept(content: str | bytes) -> bytes:
    """What is kept of a text, or of bytes."""
    return text(content).encode() if isinstance(content, str) else content


def _store(place: str, uri: str) -> Any:
    from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository

    return get_artifact_repository(place, tracking_uri=uri)
