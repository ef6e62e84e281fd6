"""Reads the `study` and `tracking` groups of a configuration, and checks them."""

import math
from typing import Any, TypeVar, cast

from omegaconf import DictConfig, Node, OmegaConf
from omegaconf.errors import MissingMandatoryValue, OmegaConfBaseException

from sweeps.choices import resolved
from sweeps.chosen import check_groups, set_alone, told
from sweeps.errors import StudyError, did_you_mean, first_line
from sweeps.grammar import IN_SWEEPER
from sweeps.settings import StudySettings, TrackingSettings
from sweeps.spelling import TAKEN_KEYS, settings_of

DIRECTIONS, ON_CHANGE, MODELS = ("maximize", "minimize"), ("new", "refuse"), ("best", "all", "none")
ISOLATION = ("process", "inline")

Settings = TypeVar("Settings")


def study_settings(config: DictConfig, key: str | None = "study") -> StudySettings:
    """Read and check `study`.

    Args:
        config: A composed configuration.
        key: Where the settings are; None: nowhere.

    Raises:
        StudyError: An unknown key, or a value that cannot be.
    """
    settings = _read(config, key, "study", StudySettings)
    _take_over(settings, config, key)
    settings.sampler, settings.pruner = resolved("sampler", settings.sampler), resolved("pruner", settings.pruner)
    check_groups(config, key, {"sampler": settings.sampler, "pruner": settings.pruner})
    if settings.direction is not None and not settings.directions:
        raise StudyError(f"study.direction=[] names no direction. Known: {', '.join(DIRECTIONS)}.")
    _one_of("on_change", settings.on_change, ON_CHANGE)
    _one_of("isolation", settings.isolation, ISOLATION)
    if settings.isolation == "inline" and settings.trial_memory_gb is not None:
        raise StudyError(
            f"study.trial_memory_gb={settings.trial_memory_gb} needs a process of its own for each trial: with"
            " study.isolation=inline its memory holds what earlier trials have left. Leave one of them out."
        )
    for direction in settings.directions:
        _one_of("direction", direction, DIRECTIONS)
    if settings.objectives and settings.directions and len(settings.directions) != len(settings.objectives):
        raise StudyError(
            f"study.direction={list(settings.directions)} names {len(settings.directions)} directions for"
            f" {len(settings.objectives)} objectives."
        )
    _at_least(settings, {"n_trials": 1, "refine": 1, "replicates": 1, "max_retries": 0, "max_failures": 1})
    _at_least(
        settings,
        {"trial_timeout_s": 0.1, "stall_timeout_s": 0.1, "trial_memory_gb": 0.1, "lease_s": 1, "stop_grace_s": 0},
    )
    settings.fuse = _fuse(settings.fuse)
    if settings.slots != "auto" and (not isinstance(settings.slots, int) or settings.slots < 1):
        raise StudyError(f"study.slots={settings.slots} must be auto or a whole number of at least 1.")
    if settings.name is not None:
        _check_name(settings.name)
    return settings


def _fuse(asked: Any) -> str | int:
    """`off`, `auto` or the largest group. YAML reads `off` as false."""
    if asked is None or asked is False:
        return "off"
    if asked in ("off", "auto") or (isinstance(asked, int) and not isinstance(asked, bool) and asked >= 2):
        return asked  # type: ignore[no-any-return]
    raise StudyError(f"study.fuse={asked} must be auto, off or a whole number of at least 2: the largest group.")


def _check_name(name: str) -> None:
    if not name.strip() or "/" in name or name[0] == ".":
        raise StudyError(f"study.name={name!r} must be usable as a folder name: no slash, no leading dot.")
    if any("\ud800" <= sign <= "\udfff" for sign in name):
        raise StudyError(f"study.name={name!r} must be text in UTF-8.")


def tracking_settings(config: DictConfig, key: str | None = "tracking") -> TrackingSettings:
    """Read and check `tracking`."""
    settings = _read(config, key, "tracking", TrackingSettings)
    _one_of("models", settings.models, MODELS, group="tracking")
    return settings


def _read(config: DictConfig, key: str | None, group: str, schema: type[Settings]) -> Settings:
    if key is None:
        _check_no_text(config, group)
    known = list(schema.__dataclass_fields__)  # type: ignore[attr-defined]
    merged = OmegaConf.structured(schema)
    for place in (*([key] if key else []), f"{IN_SWEEPER}{group}"):
        given = OmegaConf.select(config, place)
        plain = OmegaConf.to_container(given, resolve=True) if given is not None else {}
        for name in map(str, plain if isinstance(plain, dict) else ()):
            if name not in known:
                raise StudyError(f"{place}.{name} does not exist. Known here: {did_you_mean(name, known)}")
        merged = _merged(merged, plain, place)
    try:
        return cast(Settings, OmegaConf.to_object(merged))
    except MissingMandatoryValue as error:
        raise StudyError(f"{group}.{error.full_key} has no value.") from None


def _check_no_text(config: DictConfig, group: str) -> None:
    """Refuse a typed text in place of settings: where `study` is no group, `study=sweeps` chooses no option of it."""
    found, choices = config._get_node(group), OmegaConf.select(config, "hydra.runtime.choices") or {}
    text = found._value() if isinstance(found, Node) else None
    typed = OmegaConf.select(config, "hydra.overrides.task") or ()
    if choices.get(group) and isinstance(text, str) and f"{group}={text}" in typed:
        raise StudyError(
            f"{group}={text} would replace all settings of {group} by a text. Valid: {group}.KEY=VALUE, such as"
            f" {group}.{'uri' if group == 'tracking' else 'name'}={text}."
        )


def _merged(merged: Any, plain: Any, place: str) -> Any:
    """The settings with what is written in that place."""
    try:
        return OmegaConf.merge(merged, plain)
    except OmegaConfBaseException as error:
        named = getattr(error, "full_key", None) or place
        raise StudyError(f"{place}.{named}: {first_line(error)}") from error


def _take_over(settings: StudySettings, config: DictConfig, key: str | None) -> None:
    """Set what keys of Hydra's Optuna sweeper say, where the settings themselves do not say it.

    Raises:
        StudyError: Both say it, and differ; or there is no such value.
    """
    nodes = {theirs: OmegaConf.select(config, IN_SWEEPER + theirs) for theirs in TAKEN_KEYS}
    given = {
        theirs: OmegaConf.to_container(node) if OmegaConf.is_config(node) else node for theirs, node in nodes.items()
    }
    given["sampler"] = set_alone(config, given["sampler"])
    found = settings_of(given)
    usual = StudySettings()
    taken = OmegaConf.to_object(_merged(OmegaConf.structured(StudySettings), found, IN_SWEEPER[:-1]))
    for theirs, ours in TAKEN_KEYS.items():
        value, said = getattr(taken, ours), getattr(settings, ours)
        if ours in found and said in (None, getattr(usual, ours)):
            setattr(settings, ours, value)
        elif given.get(theirs) is not None and said != value:
            place = key if key and OmegaConf.select(config, f"{key}.{ours}") is not None else f"{IN_SWEEPER}study"
            raise StudyError(
                f"{IN_SWEEPER}{theirs}={told(ours, value)} and {place}.{ours}={told(ours, said)}"
                " are one setting with two values. Leave one of them out."
            )


def _one_of(key: str, value: Any, known: tuple[str, ...], group: str = "study") -> None:
    if value not in known:
        raise StudyError(f"{group}.{key}={value} is unknown. Known: {did_you_mean(str(value), known)}")


def _at_least(settings: StudySettings, limits: dict[str, float]) -> None:
    for key, least in limits.items():
        value = getattr(settings, key)
        if value is not None and not least <= value < math.inf:  # also refuses nan
            raise StudyError(f"study.{key}={value} must be a finite number of at least {least}.")
