"""Points drawn by an Optuna sampler."""

from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from typing import Any

import optuna
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    IntDistribution,
    check_distribution_compatibility,
)
from optuna.samplers import BaseSampler, RandomSampler, TPESampler

from sweeps.errors import StudyError
from sweeps.space import Space
from sweeps.study.built import build
from sweeps.study.configurations import Identify
from sweeps.study.distributions import distribution_of
from sweeps.study.draws import Draws
from sweeps.study.warm import first_points

_OPTUNAS = [f"optuna.samplers.{name}" for name in optuna.samplers.__all__]

_NEEDED = {"CmaEsSampler": ("cmaes",), "GPSampler": ("scipy", "torch"), "QMCSampler": ("scipy",)}
"""Packages of Optuna's samplers that do not come with Optuna."""


def drawer(
    space: Space,
    sampler: Any,
    seed: int | None,
    identify: Identify = lambda point: point,
    trusted: Any = None,
    first: Any = None,
    like: Sequence[Any] = (),
) -> Draws:
    """What draws the points of a search.

    Args:
        space: The dimensions.
        sampler: Its name, or `_target_` and arguments.
        seed: The study's; a seed among the arguments of the sampler wins.
        identify: Gives a point its identity.
        trusted: Constructors that the application trusts.
        first: Points that are drawn first, as in `study.first`.
        like: Rows of another study that the sampler learns from.

    Raises:
        StudyError: There is nothing to draw on an axis, or no such sampler.
    """
    own = sampler.get("seed") if isinstance(sampler, dict) else None
    seed = seed if own is None else own
    _sampler(sampler, seed, trusted)
    distributions = distributions_of(space)
    begun = first_points(first, distributions, {axis.key: axis.text for axis in space.axes})
    return Draws(space, distributions, lambda one: _sampler(sampler, one, trusted), seed, identify, begun, like)


def check_space(space: Space, study: str, known: Mapping[str, Sequence[BaseDistribution]]) -> None:
    """Refuse dimensions of which Optuna takes no further point, before there is one to draw.

    Wider intervals and new keys are fine; another kind, scale or set of choices is not.

    Args:
        space: What the command line says.
        study: Name of the study.
        known: The distributions that its trials have, by key.

    Raises:
        StudyError: A dimension does not fit to one of the study.
    """
    for key, new in distributions_of(space).items():
        for old in known.get(key, ()):
            try:
                check_distribution_compatibility(old, new)
            except ValueError as error:
                why = "and Optuna takes neither other choices nor another kind or scale of a key"
                raise StudyError(
                    f"{key}={_told(new)}: study {study!r} has {key}={_told(old)}, {why}. Use another study.name."
                ) from error


def distributions_of(space: Space) -> dict[str, BaseDistribution]:
    """What there is to draw from, by key."""
    return {axis.key: distribution_of(axis) for axis in space.axes}


def _check_packages(asked: Any) -> None:
    """Refuse a sampler whose package is missing: Optuna would find out at the second draw.

    Raises:
        StudyError: With what installs it.
    """
    nodes = asked.values() if isinstance(asked, Mapping) else asked if isinstance(asked, list) else ()
    for node in nodes:
        _check_packages(node)
    name = str(asked.get("_target_")).rpartition(".")[2] if isinstance(asked, Mapping) else ""
    missing = [package for package in _NEEDED.get(name, ()) if find_spec(package) is None]
    if missing:
        raise StudyError(f"study.sampler: {name} needs {missing[0]}, which is not installed: pip install {missing[0]}.")


def _told(distribution: Any) -> str:
    """As it is typed."""
    if isinstance(distribution, CategoricalDistribution):
        return f"choice({','.join(map(str, distribution.choices))})"
    kind = "range" if isinstance(distribution, IntDistribution) else "interval"
    told = f"{kind}({distribution.low},{distribution.high})"
    return f"tag(log, {told})" if distribution.log else told


def _sampler(asked: Any, seed: int | None, trusted: Any) -> BaseSampler:
    if isinstance(asked, dict):
        _check_packages(asked)
        return build("sampler", {**asked, "seed": seed}, trusted, BaseSampler, _OPTUNAS)  # type: ignore[type-abstract]
    return RandomSampler(seed) if asked == "random" else TPESampler(seed=seed)
