"""Every file that a study leaves on a machine, by name."""

import os
from dataclasses import dataclass
from pathlib import Path

_TAIL_BYTES = 4000


@dataclass(frozen=True, slots=True)
class TrialFiles:
    """The files of one trial, in its own directory. Its task may put others beside them.

    Attributes:
        directory: The trial's directory.
    """

    directory: Path

    @property
    def journal(self) -> Path:
        """Metrics and events, JSON lines."""
        return self.directory / "journal.jsonl"

    @property
    def config(self) -> Path:
        """The resolved configuration of the latest attempt."""
        return self.directory / "config.yaml"

    @property
    def log(self) -> Path:
        """What the trial printed, over all attempts."""
        return self.directory / "trial.log"

    @property
    def lock(self) -> Path:
        """Held by the attempt that works in this directory; names its machine and process group."""
        return self.directory / "lock"

    @property
    def owner(self) -> Path:
        """Which point the directory belongs to."""
        return self.directory / "owner.json"

    @property
    def upload_mark(self) -> Path:
        """How much of the journal a tracking server has."""
        return self.directory / "tracked.json"

    def log_tail(self) -> str:
        """The last lines the trial printed; empty where it has printed nothing on this machine."""
        try:
            with self.log.open("rb") as file:
                file.seek(0, os.SEEK_END)
                file.seek(max(0, file.tell() - _TAIL_BYTES))
                return file.read().decode(errors="replace").strip()
        except OSError:
            return ""


@dataclass(frozen=True, slots=True)
class StudyFiles:
    """The files of one study.

    Attributes:
        directory: The study's directory on this machine.
    """

    directory: Path

    @classmethod
    def of(cls, studies: str | Path, name: str) -> "StudyFiles":
        """The files of a study of that name.

        Args:
            studies: The folder of all studies, `study.directory`.
            name: The study's name.
        """
        return cls(Path(studies).resolve() / name)

    def trial(self, number: int) -> TrialFiles:
        """The files of the trial of that number."""
        return TrialFiles(self.trials / f"{number:03d}")

    @property
    def trials(self) -> Path:
        """The folder of the trials' directories."""
        return self.directory / "trials"

    @property
    def owner(self) -> Path:
        """Which study the directory belongs to."""
        return self.directory / "owner.json"

    @property
    def upload_mark(self) -> Path:
        """Which tracking server has the finished study."""
        return self.directory / "tracked.json"

    def worker_log(self, worker: str) -> Path:
        """What a worker did, a line per event; the name is free of characters that file systems refuse."""
        return self.directory / f"worker-{worker.replace(':', '-')}.log"
