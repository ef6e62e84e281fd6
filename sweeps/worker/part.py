"""A process that a trial has started by repeating its command line, as Lightning does for several devices.

The command line is that of a sweep. The process must not become a worker of it: it runs its part of that trial.
"""

import sys
from pathlib import Path
from typing import Any

from sweeps.trial.announced import announced


def is_part() -> bool:
    """Whether a trial has started this process by its own command line, with whatever else behind it."""
    command: list[str] = announced().get("command") or []
    own = [Path(sys.argv[0]).name, *sys.argv[1 : len(command)]]
    return bool(command) and own == [Path(command[0]).name, *command[1:]]


def run_part(context: Any, config: Any, task: Any) -> None:
    """Run the task with the configuration of the trial.

    Args:
        context: Hydra's context.
        config: The configuration composed without the swept overrides.
        task: The application's task function.
    """
    from hydra.core.hydra_config import HydraConfig
    from omegaconf import open_dict

    from sweeps.worker.application import published

    told = announced()
    # The files may have been edited since the sweep has read them.
    context.config_loader.repository = published().hydra_context.config_loader.repository
    composed = context.config_loader.load_sweep_config(config, told["overrides"])
    directory = Path(told["directory"])
    with open_dict(composed):
        composed.hydra.job.id, composed.hydra.job.num = str(told["number"]), told["number"]
        composed.hydra.sweep.dir, composed.hydra.sweep.subdir = str(directory.parent), directory.name
        composed.hydra.runtime.output_dir = str(directory)
    HydraConfig.instance().set_config(composed)
    task(composed)
