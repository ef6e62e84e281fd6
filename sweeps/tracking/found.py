"""What reports are made of, for studies whose trials may have run on any machine."""

import contextlib
from collections.abc import Iterator, Sequence
from pathlib import Path

from sweeps.report.averages import cell_means
from sweeps.report.findings import Findings, followed, rows_of, trials_of
from sweeps.study.study import Study
from sweeps.tracking.gathered import gathered
from sweeps.trial.files import StudyFiles


@contextlib.contextmanager
def findings_of(studies: Sequence[Study], metrics: Sequence[str] = ()) -> Iterator[Findings]:
    """The findings of one study, or of several, with the journals that pictures read in folders for the time being.

    Args:
        studies: The studies.
        metrics: What the user has asked to see; empty: what tells most.

    Raises:
        StudyError: Several studies want different things.
    """
    trials = trials_of(studies)
    wanted = [one for _, one in followed(trials, cell_means(trials), rows_of(studies))]
    with contextlib.ExitStack() as stack:
        folders = []
        for i, study in enumerate(studies):
            numbers = {number for position, number in wanted if position == i}
            files = StudyFiles(Path(study.facts.get("directory") or study.name))
            folders.append(stack.enter_context(gathered(study, files, only=numbers)))
        yield Findings(studies=tuple(studies), trials=trials, files=tuple(folders), metrics=tuple(metrics))
