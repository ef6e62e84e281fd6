"""Takes trials out of a study that nobody wants any more."""

from typing import Any

from sweeps.errors import StudyError
from sweeps.study.events import Note
from sweeps.study.ledger import Ledger
from sweeps.study.mirror import Mirror
from sweeps.study.records import Claim
from sweeps.study.schema import rows

_MAX_TRIES = 5


class Skipping:
    """Rows whose state is `skipped`: nobody runs them, and they have no outcome.

    Args:
        ledger: The rows.
        mirror: Optuna's trials of them.
    """

    def __init__(self, ledger: Ledger, mirror: Mirror) -> None:
        self._ledger, self._mirror = ledger, mirror

    def skip(self, number: int, why: str) -> str:
        """Take a trial out that has not ended; a worker that runs it ends it within two seconds.

        Args:
            number: The trial's number.
            why: Who wants that.

        Returns:
            Its state before, `open` or `running`.

        Raises:
            StudyError: There is no such trial, or it has ended.
        """
        none = {"worker": None, "beat_at": None, "progress": None, "trial_id": None}
        state = ""
        for _ in range(_MAX_TRIES):  # a worker may change the row between the look and the change
            row: Any = next(iter(self._ledger.rows(rows.c.number == number)), None)
            if row is None:
                last = max((row.number for row in self._ledger.rows()), default=-1)
                raise StudyError(
                    f"--trial={number}: there is no such trial. Known: {f'0 to {last}' if last else last}."
                )
            state = str(row.state)
            if state not in ("open", "running"):
                break
            self._ledger.relabel([(row, {"state": "skipped", **none}, Note(what="skipped", why=why))])
            if self._ledger.rows(rows.c.id == row.id)[0].state == "skipped":
                if row.trial_id is not None:
                    self._mirror.skip(row.trial_id)
                return state
        raise StudyError(f"--trial={number}: the trial is {state}. One that is open or runs can be skipped.")

    def has(self, claim: Claim) -> bool:
        """Whether the trial of a claim was taken out."""
        return any(row.state == "skipped" for row in self._ledger.rows(rows.c.id == claim.id))
