"""The states of an application's code that the trials of studies have run."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sweeps.ran import Files, agree
from sweeps.study.records import TrialRow

FACT = "code/"
"""Beginning of a study's facts that are the files of a digest."""

_CHARS = 8
THEN = ", then "


@dataclass(slots=True)
class Codes:
    """The states of the code, as far as trials tell them apart.

    Two trials have run the same code where the files are the same that both have imported. One that trains another
    network has imported another file, and an edit of a file that no trial imports is no other code.

    Attributes:
        files: Digest to the files that it is of.
        labels: Digest to the short name of its state of the code.
    """

    files: dict[str, Files] = field(default_factory=dict)
    labels: dict[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, studies: Iterable[tuple[Mapping[str, Any], Sequence[TrialRow]]]) -> "Codes":
        """Those of studies.

        Args:
            studies: The facts of each, and its trials.
        """
        found, states = cls(), dict[str, dict[str, str]]()
        for facts, trials in studies:
            for digest in dict.fromkeys(d for trial in trials if trial.outcome for d in trial.outcome.ran.code):
                files = facts.get(f"{FACT}{digest}")
                if digest in found.files or not isinstance(files, Mapping):
                    continue
                found.files[digest] = files
                label = next((label for label, known in states.items() if agree(known, files)), digest[:_CHARS])
                states.setdefault(label, {}).update(files)
                found.labels[digest] = label
        return found

    def of_trial(self, trial: TrialRow) -> str:
        """The short name of the code that has run a trial, of several one after the other; empty: nobody knows."""
        told = [self.labels.get(digest, "") for digest in trial.outcome.ran.code] if trial.outcome else []
        return THEN.join(dict.fromkeys(told)) if all(told) else ""

    def changed(self, now: Files) -> dict[str, list[str]]:
        """Digest to the names of its files that are others now, where any is."""
        found = {
            digest: [name for name, told in files.items() if now.get(name, told) != told]
            for digest, files in self.files.items()
        }
        return {digest: names for digest, names in found.items() if names}

    def names(self) -> set[str]:
        """Of all files that trials have run."""
        return {name for files in self.files.values() for name in files}
