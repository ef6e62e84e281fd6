"""What of the settings cannot work, said before there is a study."""

from dataclasses import dataclass
from typing import Any

from omegaconf import DictConfig

from sweeps.command import check_joinable
from sweeps.errors import StudyError
from sweeps.launchers import check_launcher
from sweeps.launchers.fused import check_fusion
from sweeps.plan import Plan
from sweeps.study.limits import Limits
from sweeps.study.pruning import check_pruner
from sweeps.study.sampling import check_space, drawer
from sweeps.study.storage import Database
from sweeps.study.study import Study
from sweeps.study.terminating import make_terminator
from sweeps.study.warm import check_like
from sweeps.trial.disk import lack_of
from sweeps.trial.files import StudyFiles
from sweeps.trial.mirrored import check_place
from sweeps.worker.modules import check_preload


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """What is started.

    Attributes:
        task: `module:function` of the task function.
        launcher: The choice of `hydra/launcher`.
        config: The configuration composed without the swept overrides.
        trusted: Constructors that the application trusts, as Hydra keeps them.
    """

    task: str
    launcher: str
    config: DictConfig
    trusted: Any


def check_settings(plan: Plan, known: Study | None, database: Database | None, command: Command) -> None:
    """Refuse what cannot work.

    Args:
        plan: The command line.
        known: The study, where there is one.
        database: The storage, where there is one.
        command: What is started.

    Raises:
        StudyError: A setting cannot work.
    """
    settings, trusted = plan.settings, command.trusted
    Limits.of(settings, len(known.directions if known else settings.directions or settings.objectives or "1"))
    if settings.terminator:
        make_terminator(settings.terminator, trusted, len(settings.directions))
    check_launcher(command.launcher, settings, command.config)
    if command.launcher != "basic" or settings.submit:  # other workers join
        check_joinable(plan.name, command.task, plan.space.withheld)
    if settings.pruner:
        check_pruner(settings, plan.space, trusted)
    if not plan.is_grid:
        _check_search(plan, known, database, trusted)
    elif found := next((key for key in ("first", "like") if getattr(settings, key)), None):
        raise StudyError(f"study.{found} is for a search, and this is a grid, which trains each point. Leave it out.")
    check_fusion(settings, trusted, command.config)
    check_preload(settings.preload, command.task, trusted)
    check_place(settings.checkpoints)
    if not settings.preview and (lack := lack_of(StudyFiles.of(settings.directory, plan.name).directory)):
        raise StudyError(f"study.directory: {lack}.")


def _check_search(plan: Plan, known: Study | None, database: Database | None, trusted: Any) -> None:
    settings = plan.settings
    drawn = drawer(plan.space, settings.sampler, settings.seed, trusted=trusted, first=settings.first)
    drawn.check(len(settings.aims))
    if len(settings.first or ()) > plan.num_draws:
        num = len(settings.first)
        raise StudyError(f"study.first has {num} points, and {plan.num_draws} are drawn (study.n_trials).")
    if settings.like:
        check_like(database, plan.name, settings.like, settings.aims)
    if known:
        check_space(plan.space, plan.name, known.distributions())
