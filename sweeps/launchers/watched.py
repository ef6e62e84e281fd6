"""What a command that brings workers elsewhere shows of its study, and how it ends."""

import sys
import threading
import time
from collections.abc import Callable, Sequence
from typing import Self

from sweeps.display import Display, print_summary
from sweeps.errors import SweepsError, first_line
from sweeps.launchers.here import tell_of_rest
from sweeps.report.best import keep_best
from sweeps.report.typed import shown_by_mlflow
from sweeps.study.storage import Database
from sweeps.study.study import Study
from sweeps.trial.files import StudyFiles
from sweeps.trial.ownership import study_files
from sweeps.worker.order import WorkOrder

_LOOK_S = 0.5

_STARTING_S = 60.0
"""How long nobody may work on a study after its launcher has failed: jobs wait in queues, and start slowly."""


class Watched:
    """A study that others work on: shows it while it is entered.

    Args:
        study: The study.
        files: Its files.
        order: What its workers work on.
    """

    def __init__(self, study: Study, files: StudyFiles, order: WorkOrder) -> None:
        self.study, self._files, self._order = study, files, order
        self._display = Display(study)
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._show, daemon=True)

    @classmethod
    def of(cls, order: WorkOrder) -> Self:
        """The study of an order."""
        study = Study(Database(order.storage), order.study)
        study.configuration = order.configuration
        files = study_files(order.settings.directory, order.study, order.key, study.facts.get("directory"))
        return cls(study, files, order)

    def __enter__(self) -> Self:
        self._display.__enter__()
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, *exc_info: object) -> None:
        self._is_over.set()
        self._thread.join()
        self._display.__exit__()
        if kind in (KeyboardInterrupt, SystemExit):
            self.say("Interrupted. The same command continues the study.")

    def say(self, line: str) -> None:
        """Print a line beside the display."""
        sys.stderr.write(f"{line}\n")

    def outlast(self, error: Exception) -> None:
        """Wait for the workers that are left after a launcher has failed.

        Raises:
            SweepsError: Nobody works on the study, which is not finished.
        """
        told = f"{type(error).__name__}: {first_line(error)}"
        if not self.study.is_at_rest():
            self.say(f"Warning: the launcher has lost a worker ({told}). Waits for the others.")
        idle_since = time.monotonic()
        while not self.study.is_at_rest():
            if self.study.counts()["running"]:
                idle_since = time.monotonic()
            elif time.monotonic() - idle_since > _STARTING_S:
                raise SweepsError(f"Nobody works on {self.study.name!r} any more. The launcher has failed: {told}")
            time.sleep(_LOOK_S)

    def end(self, codes: Sequence[int], last_line: Callable[[], str]) -> int:
        """Show what has come out; returns the command's exit code.

        Args:
            codes: Exit codes of the workers.
            last_line: Gives the last thing that a worker has said.
        """
        self.study.reconcile()
        keep_best(self.study, self._files)
        uri = self._order.tracking.uri
        print_summary(self.study, self._files.directory, shown_by_mlflow(self.study, uri) if uri else None)
        if not self.study.is_at_rest():
            failed = [code for code in codes if code]
            told = f"Their exit codes: {', '.join(map(str, codes))}. {last_line()}"
            self.say(f"The workers have ended before the study. {told}\nThe same command continues the study.")
            return max(failed, default=1)
        tell_of_rest(self.study)
        return int(any(trial.state == "failed" for trial in self.study.current_trials()))

    def _show(self) -> None:
        while not self._is_over.wait(_LOOK_S):
            try:
                self._display.tick()
            except Exception as error:  # the work goes on; the summary reads the study once more
                self.say(f"Warning: the study cannot be shown: {type(error).__name__}: {first_line(error)}")
                return
