"""Points drawn by an Optuna sampler."""

from collections.abc import Callable

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra_plugins.hydra_optuna_sweeper._impl import create_optuna_distribution_from_override
from optuna import Study
from optuna.samplers import BaseSampler, RandomSampler, TPESampler

from sweeps.errors import StudyError
from sweeps.space import Point, Space

Draw = Callable[[Study, int], tuple[int, Point]]
"""Asks the sampler for the point of a trial number; returns Optuna's trial and the point."""


def drawer(space: Space, sampler: str, seed: int | None) -> Draw:
    """What draws the point of each trial number.

    A fresh sampler is seeded with the study's seed and the number, so that two workers never draw the same random
    points and the draws of a resumed study do not depend on how it was cut.
    """
    parser = OverridesParser.create()
    distributions = {
        axis.key: create_optuna_distribution_from_override(parser.parse_override(axis.text)) for axis in space.axes
    }

    def draw(study: Study, number: int) -> tuple[int, Point]:
        # A new one per draw: a sampler that was asked before has drawn numbers that a resumed study would not draw.
        study.sampler = _sampler(sampler, None if seed is None else hash((seed, number)) % 2**32)
        try:
            trial = study.ask(distributions)
        except ValueError as error:
            raise StudyError(f"study {study.study_name!r} was started with another search space: {error}") from error
        return trial._trial_id, space.point({key: str(value) for key, value in trial.params.items()})

    return draw


def _sampler(name: str, seed: int | None) -> BaseSampler:
    return RandomSampler(seed) if name == "random" else TPESampler(seed=seed)
