"""Another sweeper, typed for an application that says what its studies optimise."""

import contextlib
import inspect
import sys
from collections.abc import Callable
from typing import Any

from hydra.errors import CompactHydraException
from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException


def warn_of_another(step: Callable[[], Any], sweeper: str) -> None:
    """Say that a sweeper with a direction of its own does not read that of the application's studies.

    Args:
        step: A closure of Hydra's `_run_app`, which holds the invocation.
        sweeper: Name of our option in `hydra/sweeper`.
    """
    from hydra.types import RunMode

    held = inspect.getclosurevars(step).nonlocals
    typed = [text.partition("=")[2] for text in held.get("overrides") or () if str(text).startswith("hydra/sweeper=")]
    if not typed or typed[-1] == sweeper or "multirun" not in step.__code__.co_names:
        return
    with contextlib.suppress(CompactHydraException, OmegaConfBaseException):  # Hydra itself says what is wrong
        config = held["hydra"].compose_config(held["config_name"], held["overrides"], RunMode.MULTIRUN)
        ours, theirs = (OmegaConf.select(config, key) for key in ("study.direction", "hydra.sweeper.direction"))
        if ours is not None and theirs is not None:
            told = f"hydra/sweeper={typed[-1]} does not read study.direction={ours}, nor any other key of study"
            its = f"its own direction is hydra.sweeper.direction={getattr(theirs, 'name', theirs)}"
            sys.stderr.write(f"Warning: {told}; {its}. hydra/sweeper={sweeper} makes a study.\n")
