"""Where a run comes from, by the names that MLflow's pages read, and the data sets that a trial has named."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

_LONGEST_DIGEST, _LONGEST_NAME = 36, 500
"""What MLflow takes."""


def origin_tags(origin: Any) -> dict[str, str]:
    """Program, commit and user as tags, which fill columns of MLflow's table.

    Args:
        origin: What `Origin.as_facts` has given; whatever else it is, there are no tags.
    """
    known = origin if isinstance(origin, Mapping) else {}
    tags = {
        "mlflow.user": known.get("user"),
        "mlflow.source.name": known.get("source"),
        "mlflow.source.type": "LOCAL" if known.get("source") else None,
        "mlflow.source.git.commit": known.get("commit"),
        "mlflow.source.git.repoURL": known.get("repository"),
        "mlflow.source.git.dirty": json.dumps(bool(known.get("is_dirty"))) if known.get("commit") else None,
    }
    return {name: str(value) for name, value in tags.items() if value}


def attempt_tags(attempt: Mapping[str, Any]) -> dict[str, str]:
    """What an attempt ran: its origin, the versions of what it has imported, and its device.

    Args:
        attempt: The fields of its event in the journal, which a task may have spoilt.
    """
    versions = attempt.get("versions")
    tags = {f"version.{name}": str(value) for name, value in (versions.items() if isinstance(versions, dict) else ())}
    if device := attempt.get("device"):
        tags["device"] = str(device)
    return {**origin_tags(attempt.get("origin")), **tags}


@dataclass(frozen=True, slots=True, kw_only=True)
class NamedData:
    """A data set that a trial has read.

    Attributes:
        name: Its name.
        digest: Another one where its content is another.
        rows: Split to number of rows; one number stands under the empty name.
    """

    name: str
    digest: str
    rows: Mapping[str, int]

    @property
    def profile(self) -> str:
        """The number of rows, in all and per split, as MLflow's pages read it."""
        splits = {f"num_rows_{split}": number for split, number in self.rows.items() if split}
        return json.dumps({"num_rows": sum(self.rows.values()), **splits} if self.rows else {})


def data_of(records: Iterable[Mapping[str, Any]]) -> list[NamedData]:
    """The data sets in the records of a journal, each once; a line that a task has spoilt is left out."""
    found = {}
    for record in records:
        if record.get("event") != "dataset":
            continue
        name, digest, rows = record.get("name"), record.get("digest"), record.get("rows")
        if isinstance(name, str) and isinstance(digest, str) and name and digest:
            counted = {k: v for k, v in rows.items() if type(v) is int} if isinstance(rows, dict) else {}
            data = NamedData(name=name[:_LONGEST_NAME], digest=digest[:_LONGEST_DIGEST], rows=counted)
            found[data.name, data.digest] = data
    return list(found.values())
