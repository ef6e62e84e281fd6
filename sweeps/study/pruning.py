"""Makes the pruner that a study's settings name, and says by which metric it judges."""

from collections.abc import Mapping, Sequence
from typing import Any, cast

import optuna
from optuna.pruners import BasePruner, WilcoxonPruner

from sweeps.checked import DIRECTIONS
from sweeps.choices import PRUNERS
from sweeps.chosen import told
from sweeps.errors import StudyError, did_you_mean
from sweeps.settings import StudySettings
from sweeps.space import Space, is_key
from sweeps.study.built import build
from sweeps.study.claims import Pruner
from sweeps.study.moasha import MoAsha
from sweeps.study.paired import check_replicates
from sweeps.versions import targets

_OURS = PRUNERS["moasha"]["_target_"]
_KNOWN = [*(f"optuna.pruners.{name}" for name in optuna.pruners.__all__), _OURS]
_OF_REPLICATES = "optuna.pruners.WilcoxonPruner"


def make_pruner(spec: Any, trusted: Any) -> Pruner:
    """Make the pruner of `study.pruner`, as `build` says.

    Args:
        spec: A name, or `_target_` and arguments.
        trusted: Constructors that the application trusts.

    Raises:
        StudyError: It cannot be.
    """
    kinds = cast(type[Pruner], (BasePruner, MoAsha))
    return build("pruner", spec, trusted, kinds, _KNOWN)


def judged_by(settings: StudySettings, num_values: int = 1) -> dict[str, str]:
    """The metrics that `study.prune_by` names, to their directions; else the objectives.

    Args:
        settings: The study's.
        num_values: How many values a result has, where the settings name no objective.

    Raises:
        StudyError: A direction is missing, or none.
    """
    ways = settings.directions or ("minimize",) * max(num_values, len(settings.objectives))
    objectives = dict(zip(settings.objectives, ways, strict=True)) if settings.objectives else {}
    asked = settings.prune_by
    if asked is None:
        return objectives
    given: Mapping[str, Any] = asked if isinstance(asked, dict) else dict.fromkeys(_names(asked))
    found = {str(name): way or objectives.get(str(name)) for name, way in given.items()}
    for name, way in found.items():
        if way is None and not objectives and len(ways) == 1:
            found[name] = ways[0]  # what the task returns has no other name
        elif way is None:
            typed = f"study.prune_by={name} is no objective, so it needs a direction"
            raise StudyError(f"{typed}: 'study.prune_by={{{name}: minimize}}' or maximize.")
        elif way not in DIRECTIONS:
            raise StudyError(f"study.prune_by.{name}={way} is unknown. Known: {did_you_mean(str(way), DIRECTIONS)}")
    return {name: str(way) for name, way in found.items()}


def check_pruner(settings: StudySettings, space: Space, trusted: Any) -> None:
    """Refuse a pruner that cannot be, or that could never stop anything, before there is a study.

    Args:
        settings: The study's.
        space: Its points.
        trusted: Constructors that the application trusts.

    Raises:
        StudyError: With what works.
    """
    pruner, by = make_pruner(settings.pruner, trusted), judged_by(settings)
    num_values = max(len(settings.objectives), len(settings.directions))
    name = told("pruner", settings.pruner)
    if isinstance(pruner, WilcoxonPruner):
        _check_one(name, settings.objectives, num_values)
        check_replicates(pruner, _num_replicates(settings, space))
        return
    if _OF_REPLICATES in list(targets(settings.pruner)):
        raise StudyError(f"study.pruner={name}: wilcoxon compares replicates, not reports, so nothing can wrap it.")
    if not by:
        raise StudyError(
            f"study.pruner={name} judges a metric that trials report, and none is named."
            " study.objective=METRIC names it, or study.prune_by=METRIC."
        )
    if not isinstance(pruner, MoAsha):
        _check_one(name, settings.objectives, num_values)
        _check_one(name, tuple(by), len(by))


def _check_one(name: str, names: Sequence[str], num: int) -> None:
    if num > 1:
        found = f"there are {num}" + (f": {', '.join(names)}" if names else " directions")
        raise StudyError(f"study.pruner={name} compares one number, and {found}. study.pruner=moasha compares several.")


def _num_replicates(settings: StudySettings, space: Space) -> int:
    """How many seeds a point has: as many as asked for, or as are swept."""
    swept = [len(axis.values) for axis in space.axes if is_key(axis.key, settings.seed_key)]
    return max([settings.replicates, *swept])


def _names(asked: Any) -> list[str]:
    return [str(name) for name in asked] if isinstance(asked, list) else [str(asked)]
