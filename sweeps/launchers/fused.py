"""Trials that share a process (`study.fuse`): what a worker claims together, and what a preview says of it."""

import itertools
from collections.abc import Callable, Sequence
from typing import Any

from omegaconf import DictConfig

from sweeps.alike import Kinds
from sweeps.errors import StudyError, first_line
from sweeps.fusion import Capacity, Fusion, groups_of, hindrance, largest
from sweeps.output import counted
from sweeps.settings import StudySettings
from sweeps.space import Point
from sweeps.study.built import fusion_of
from sweeps.study.study import Study
from sweeps.versions import trusted_by
from sweeps.worker.mates import Mates
from sweeps.worker.order import WorkOrder, trial_overrides
from sweeps.worker.placement import Place, places_of_this_machine


def check_fusion(settings: StudySettings, trusted: Any, config: DictConfig) -> None:
    """Refuse `study.fuse` where the application says nothing of it.

    Args:
        settings: The `study` group.
        trusted: Constructors that the application trusts, as Hydra keeps them.
        config: The configuration composed without the swept overrides.

    Raises:
        StudyError: It does not, or what it says cannot be built or used.
    """
    if settings.fuse == "off":
        return
    if settings.fusion is None:
        raise StudyError(
            f"study.fuse={settings.fuse}: this application does not say which of its trials may share a process"
            " (study.fusion, see docs/fused.md). Valid here: off."
        )
    _capacity(fusion_of(settings.fusion, trusted), config, "cpu")


def _capacity(fusion: Fusion, config: DictConfig, device: str) -> Capacity:
    """What the application says of trials like this one, checked: it is a stranger's code."""
    try:
        said = fusion.capacity(config, device)
    except Exception as error:
        raise StudyError(
            f"study.fusion: capacity() has failed ({type(error).__name__}: {first_line(error)}). Mend it, or leave"
            " study.fuse out."
        ) from error
    numbers = (getattr(said, "most", None), getattr(said, "pays", None))
    if not all(isinstance(number, int) and number >= 1 for number in numbers):
        raise StudyError(
            f"study.fusion: capacity() gave {said!r}. Valid: sweeps.fusion.Capacity(most=N, pays=N), with N of at"
            " least 1."
        )
    return Capacity(most=said.most, pays=said.pays, why=str(getattr(said, "why", "")))


def mates_of(order: WorkOrder, study: Study, places: Sequence[Place]) -> Mates | None:
    """Claims the trials that share a process; None where none does."""
    if order.settings.fuse == "off":
        return None

    def compose(point: Point) -> DictConfig:
        config: DictConfig = order.application.compose(trial_overrides(order.space, point.as_arguments()))
        return config

    fusion, device = fusion_of(order.settings.fusion, trusted_by(order.application.hydra_context)), _device(places)
    kinds = Kinds(fusion, compose)
    return Mates(
        study,
        kinds,
        lambda point: largest(_capacity(fusion, kinds.composed(point), device), order.settings.fuse),
    )


def fused_lines(
    points: Sequence[tuple[int, Point]],
    settings: StudySettings,
    trusted: Any,
    compose: Callable[[Point], DictConfig],
) -> list[str]:
    """Which trials would share a process, in which groups, and what hinders others.

    Args:
        points: Number and point of each trial that is to be run.
        settings: The `study` group.
        trusted: Constructors that the application trusts, as Hydra keeps them.
        compose: Composes the configuration of a point.
    """
    if settings.fuse == "off" or not points:
        return []
    fusion = fusion_of(settings.fusion, trusted)
    places, kinds = places_of_this_machine(settings.slots, len(points)), Kinds(fusion, compose)
    known: dict[str, Capacity] = {}
    for _, point in points:
        if (kind := kinds.of(point)) not in known:
            known[kind] = _capacity(fusion, kinds.composed(point), _device(places))
    most = {kind: largest(capacity, settings.fuse) for kind, capacity in known.items()}
    groups = groups_of([kinds.of(point) for _, point in points], most, len(places))
    told = [f"Fused:     trials {_span([points[place][0] for place in group])}" for group in groups if len(group) > 1]
    num_alone = sum(len(group) == 1 for group in groups)
    alone = f"Fused:     {counted(num_alone, 'trial')} alone" if told else "Fused:     none"
    limits = dict.fromkeys(capacity.why for kind, capacity in known.items() if capacity.why and most[kind] < 2)
    why = [*_hindrances([point for _, point in points], kinds), *limits]
    return [*told, *([alone] if num_alone else []), *(f"Not fused: {each}" for each in why)]


def _hindrances(points: Sequence[Point], kinds: Kinds) -> list[str]:
    """What keeps trials apart: axes, and what follows from an axis by an interpolation."""
    keys = dict.fromkeys(key for point in points for key in point.leaves.varied)
    axes = {key: list(dict.fromkeys(point.leaves.overrides.get(key, "") for point in points)) for key in keys}
    found = [why for key, texts in axes.items() if (why := hindrance(key, texts, kinds.fusion))]
    return [*found, *(f"{key}: it follows from a number that differs" for key in kinds.parted(list(points)))]


def _span(numbers: Sequence[int]) -> str:
    """`0 to 5`, or `0, 2 and 4`."""
    if len(numbers) > 2 and all(b - a == 1 for a, b in itertools.pairwise(numbers)):
        return f"{numbers[0]} to {numbers[-1]}"
    return f"{', '.join(map(str, numbers[:-1]))} and {numbers[-1]}"


def _device(places: Sequence[Place]) -> str:
    return "cpu" if places[0].device is None else "cuda"
