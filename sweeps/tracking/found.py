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
def findings_of(
    studies: Sequence[Study], metrics: Sequence[str] = (), folders: Sequence[StudyFiles] | None = None
) -> Iterator[Findings]:
    """The findings of one study, or of several, with the journals that pictures read in folders for the time being.

    Args:
        studies: The studies.
        metrics: What the user has asked to see; empty: what tells most.
        folders: Where each is kept on this machine; None: where it was begun.

    Raises:
        StudyError: Several studies want different things.
    """
    trials = trials_of(studies)
    wanted = [one for _, one in followed(trials, cell_means(trials), rows_of(studies))]
    with contextlib.ExitStack() as stack:
        found = []
        for i, (study, files) in enumerate(zip(studies, folders or map(_begun_in, studies), strict=True)):
            numbers = {number for position, number in wanted if position == i}
            found.append(stack.enter_context(gathered(study, files, only=numbers)))
        yield Findings(studies=tuple(studies), trials=trials, files=tuple(found), metrics=tuple(metrics))


def _begun_in(study: Study) -> StudyFiles:
    return StudyFiles(Path(study.facts.get("directory") or study.name))
