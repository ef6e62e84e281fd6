"""The end of a worker's command: its exit code, and its answer for the next time that the line is typed."""

import sys
from collections.abc import Sequence

from sweeps.answers import keep_answer
from sweeps.display import opening_of_finished
from sweeps.granted import requeue
from sweeps.ran import place_of
from sweeps.report.typed import looked_at
from sweeps.study.codes import Codes
from sweeps.study.study import Study
from sweeps.trial.files import StudyFiles
from sweeps.worker.interruption import TIME_IS_OVER
from sweeps.worker.order import WorkOrder

TIME_OVER = 75
"""Exit code of a worker whose time is over; sysexits.h calls it a temporary failure: start it again."""


def exit_code(
    study: Study,
    order: WorkOrder,
    files: StudyFiles,
    said: Sequence[tuple[int, str]],
    interrupted_by: int | None,
    cut_off: int | None,
) -> int:
    """Say why a command ends early, if it does: 128 + signal; else 1 where trials have failed.

    Args:
        study: The study.
        order: What was asked for.
        files: The study's files.
        said: What has been printed of it; empty where another command prints it.
        interrupted_by: The signal that ended the work, or None.
        cut_off: The exit code where the wait for a server was ended; None: it was not.
    """
    if interrupted_by in TIME_IS_OVER:
        print("The time of this worker is over. The same command continues the study.", file=sys.stderr)
        requeue()
        return TIME_OVER
    if interrupted_by is not None:
        print("Interrupted. The same command continues the study.", file=sys.stderr)
        return 128 + interrupted_by
    if cut_off is not None:
        print(f"Interrupted. `{looked_at('sync', study)}` sends what the server may lack.", file=sys.stderr)
        return cut_off
    code = int(any(trial.state == "failed" for trial in study.current_trials()))
    if said:
        again = [(1, opening_of_finished(study)), *said]
        read = [place_of(order.root, name) for name in Codes.of([(study.facts, study.current_trials())]).names()]
        keep_answer(study.database, order.study, order.line, files, again, code, uri=order.tracking.uri, read=read)
    return code
