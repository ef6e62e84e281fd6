"""What a command makes of a study that was stopped, was paused, or has reached a limit before."""

import sys

from sweeps.report.typed import looked_at
from sweeps.settings import StudySettings
from sweeps.study.limits import Limits
from sweeps.study.study import Study


def go_on(study: Study, settings: StudySettings) -> None:
    """Set the limits of this command, and let a study run that was stopped or has reached earlier ones.

    Args:
        study: The study.
        settings: The `study` group of the command.
    """
    limits = Limits.of(settings, len(study.directions))
    study.will.set_limits(limits.as_facts())
    before = study.look()
    if before.wanted in ("end", "stop") and not before.is_finished:
        if reached := limits.reached(before):
            study.will.restate(reached.wanted, reached.why)
        elif study.will.want("run", "a new command", only_if=before.wanted):
            sys.stderr.write(f"The study had ended, and goes on: {before.why}.\n")
    if before.wanted == "pause":
        then = looked_at("resume", study)
        sys.stderr.write(f"The study is paused ({before.why}); this command waits for `{then}`.\n")
