"""A line that is typed again for a finished study: the answer is kept, and all that could change it is looked at."""

import sys

from sweeps.answers import Answer
from sweeps.asked import Asked
from sweeps.composed import Composed
from sweeps.identity.provenance import Provenance
from sweeps.preparing import prepared, preparing
from sweeps.study.glance import Glance
from sweeps.trial.files import StudyFiles
from sweeps.trial.ownership import is_own_study


def repeated(asked: Asked) -> int | None:
    """Print what a command has printed before, where nothing of it has changed.

    Neither Optuna nor pandas is imported for that, nor the application.

    Args:
        asked: The command.

    Returns:
        The exit code; None where the study is to be looked at.
    """
    settings, name = asked.plan.settings, asked.plan.name
    if settings.preview or settings.submit or settings.retry_failed or settings.refine or asked.launcher != "basic":
        return None
    files = StudyFiles.of(settings.directory, name)
    answer = Answer.read(files, asked.digest)
    found = Glance.at(settings.storage_url, name) if answer else None
    if answer is None or found is None or found.digest != answer.study or not is_own_study(files, found.key):
        return None
    preparing("Composing the study's points")
    if not _is_same(asked, found):
        return None
    prepared()
    if asked.plan.cut:
        sys.stderr.write(f"{asked.plan.cut}\n")
    for stream, text in answer.said:
        print(text, file=sys.stdout if stream == 1 else sys.stderr)
    return answer.code


def _is_same(asked: Asked, found: Glance) -> bool:
    """Whether code, files and libraries are those of the study, and its points compose to what they have run."""
    told = found.facts.get("provenance")
    if not told:
        return False
    before = Provenance.from_facts(told)
    composed = Composed.of(asked, asked.plan, before)
    identify = composed.fingerprints.of
    points = found.points()
    are_same = all(identify(point).identity == identity for point, identity in points)
    has_all = {point.identity for point in composed.points} <= {identity for _, identity in points}
    return composed.provenance == before and are_same and has_all
