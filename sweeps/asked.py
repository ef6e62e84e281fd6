"""What a command asks for, as far as the line and the configuration say it: no database is looked at."""

import os
import shutil
import sys
from collections.abc import Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig, OmegaConf

from sweeps.command import started_by
from sweeps.errors import StudyError
from sweeps.hydra_output import check_output
from sweeps.identity.origin import Origin
from sweeps.identity.program import program_of
from sweeps.identity.snapshot import take_snapshot
from sweeps.plan import read_plan
from sweeps.redact import text
from sweeps.values import digest, typed
from sweeps.versions import trusted_by
from sweeps.worker.script import Script
from sweeps.worker.task import Task
from sweeps.worker.written import learn_secrets

_DECIDE = ("PATH", "HOME", "COLUMNS", "PYTHONPATH", "LANG", "LC_ALL", "NO_COLOR", "FORCE_COLOR", "TERM")
_DECIDE_ALL = ("SWEEPS_", "MLFLOW_", "HYDRA_")
"""Variables by which what a command prints may differ, and beginnings of the names of others."""


class Asked:
    """One `-m` command, read and checked.

    Args:
        context: Hydra's context.
        task: The application's task function.
        config: The configuration composed without the swept overrides.
        arguments: The overrides as typed.
        params: Sweeps from the configuration.

    Raises:
        StudyError: The command asks for something that cannot be.
    """

    def __init__(
        self,
        context: HydraContext,
        task: TaskFunction,
        config: DictConfig,
        arguments: Sequence[str],
        params: dict[str, Any],
    ) -> None:
        learn_secrets(config)
        self.context, self.config, self.arguments = context, config, list(arguments)
        self.function = Task.of(task, Script.running())
        self.task = self.function.name
        check_output(config)
        self.snapshot = take_snapshot(context.config_loader)
        self.program = program_of(self.task)
        self.origin = Origin.of(self.program, self.task)
        self.launcher: str = config.hydra.runtime.choices.get("hydra/launcher", "basic")
        self.plan = read_plan(
            config, self.arguments, params, context.config_loader, self.program.name, trusted_by(context)
        )
        if not self.plan.is_grid and self.function.returns_nothing and not self.plan.settings.objectives:
            raise StudyError(
                f"A sampler needs a number per trial, and {self.task} returns nothing. Return the number, or report it"
                " and name it in study.objective."
            )

    @cached_property
    def digest(self) -> str:
        """Of all that decides what the command does and prints, but for the study itself and its points' files."""
        plan, composed = self.plan, OmegaConf.to_container(self.config, resolve=False)
        of_screen = [(os.isatty(number), shutil.get_terminal_size()) for number in (1, 2)]
        variables = sorted(
            (name, value) for name, value in os.environ.items() if name in _DECIDE or name.startswith(_DECIDE_ALL)
        )
        said = [repr(part) for part in (plan.settings, plan.tracking, plan.space, plan.name, of_screen, variables)]
        program = [started_by(self.task), self.origin.as_facts(), self.launcher, sys.argv, sys.executable]
        told = typed([said, program, self.arguments, composed, sorted(_state_of_sweeps())])
        return digest(text(told))  # no hash of a secret leaves the process


def _state_of_sweeps() -> Iterator[tuple[str, int, int]]:
    """File, size and time of each module of this package: another version may print something else."""
    for path in Path(__file__).parent.rglob("*.py"):
        found = path.stat()
        yield str(path), found.st_size, found.st_mtime_ns
