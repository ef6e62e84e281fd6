"""Every file that a study leaves on a machine, by name."""

import contextlib
import os
from dataclasses import dataclass
from pathlib import Path

from sweeps.redact import scrub
from sweeps.redact import text as redacted

_TAIL_BYTES = 4000


def write_text(path: Path, text: str) -> None:
    """Write a small file so that a crash leaves the old content or the new one, never a part."""
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        part.write_text(text, encoding="utf-8", errors="replace")
        part.replace(path)
    except BaseException:
        part.unlink(missing_ok=True)
        raise


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
        """The configuration of the latest attempt, interpolations as they are written."""
        return self.directory / "config.yaml"

    @property
    def artifacts(self) -> Path:
        """Copies of files that the task has asked to keep."""
        return self.directory / "artifacts"

    @property
    def confusion(self) -> Path:
        """How often each answer was given for each truth, where the task has left that."""
        return self.directory / "confusion.json"

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

    def scrub_log(self) -> None:
        """Take secrets out of what programs have printed that the trial had started; its own output has none.

        Nobody may write into the log meanwhile.
        """
        with contextlib.suppress(OSError):
            scrub(self.log)

    def log_tail(self) -> str:
        """The last lines the trial printed; empty where it has printed nothing on this machine."""
        try:
            with self.log.open("rb") as file:
                file.seek(0, os.SEEK_END)
                file.seek(max(0, file.tell() - _TAIL_BYTES))
                return redacted(file.read().decode(errors="replace").strip())
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
    def launched(self) -> Path:
        """A folder per batch of workers that a launcher has brought, with what they have printed."""
        return self.directory / "launched"

    @property
    def best(self) -> Path:
        """The best trial, or the Pareto set, with what repeats it."""
        return self.directory / "best.yaml"

    @property
    def answer(self) -> Path:
        """What the study's command has printed at its end, for the next time that it is typed."""
        return self.directory / "answer.json"

    @property
    def page(self) -> Path:
        """The study's page: table, pictures, what was asked."""
        return self.directory / "report.html"

    @property
    def plots(self) -> Path:
        """The first picture of each kind on that page, as files of their own."""
        return self.directory / "plots"

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
