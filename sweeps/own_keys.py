"""Which keys of a configuration are ours: an application may have a `study` or a `tracking` of its own."""

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from omegaconf import DictConfig, ListConfig, OmegaConf

from sweeps.grammar import IN_SWEEPER
from sweeps.settings import StudySettings, TrackingSettings

_LIKE = 0.8
"""How alike two words must be for one to be the other, misspelt."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnKeys:
    """The keys of a configuration that say how a study runs.

    Attributes:
        study: Where the settings of the study are; None: the application uses that name for something else.
        tracking: Where the settings of the tracking server are; None likewise.
        seed: Where the application reads its seed.
        implied: Mappings of the application, to the value that their keys have where nobody writes them.
        others: Further keys that are no part of a point, such as the folders of an application.
    """

    study: str | None = "study"
    tracking: str | None = "tracking"
    others: tuple[str, ...] = ()
    seed: str = "seed"
    implied: Mapping[str, Any] = field(default_factory=dict)

    @property
    def operational(self) -> tuple[str, ...]:
        """All keys that are no part of a point."""
        return ("hydra", *(key for key in (self.study, self.tracking) if key), *self.others)

    def is_for_trials(self, override: str) -> bool:
        """Whether a trial is to know an override of ours: it speaks to no server, and Hydra writes it to a file."""
        key = override.lstrip("+~").partition("=")[0].replace("/", ".")
        return key.partition(".")[0] != "hydra" and key not in (
            f"{self.study}.storage",
            f"{self.study}.notify",
            f"{self.tracking}.uri",
        )


def own_keys(config: DictConfig) -> OwnKeys:
    """Find our keys: where `hydra.sweeper` says that they are, else by what is in them.

    Args:
        config: A composed configuration.
    """
    sweeper = OmegaConf.select(config, "hydra.sweeper") or {}
    study, tracking = sweeper.get("study_key"), sweeper.get("tracking_key")
    study = study or ("study" if _is_ours(config, "study", StudySettings) else None)
    places = (f"{IN_SWEEPER}study", *([study] if study else []))  # as the settings are read: the first wins
    others, seed, implied = (_said(config, places, key) for key in ("operational", "seed_key", "implied"))
    return OwnKeys(
        study=study,
        tracking=tracking or ("tracking" if _is_ours(config, "tracking", TrackingSettings) else None),
        others=(others,) if isinstance(others, str) else tuple(others) if isinstance(others, ListConfig) else (),
        seed=str(seed or "seed"),
        implied={str(key): value for key, value in implied.items()} if isinstance(implied, DictConfig) else {},
    )


def _said(config: DictConfig, places: Sequence[str], key: str) -> Any:
    """The first value of a setting that one of these places has."""
    found = (OmegaConf.select(config, f"{place}.{key}") for place in places)
    return next((value for value in found if value is not None), None)


def _is_ours(config: DictConfig, key: str, schema: type) -> bool:
    """Whether a group has our settings: all of its keys are ours, or nearly are, or were added by the command line."""
    if key not in config:
        return True
    known = list(schema.__dataclass_fields__)  # type: ignore[attr-defined]
    found = config._get_node(key)
    if not isinstance(found, DictConfig) or found._is_none() or found._is_interpolation():
        return found._value() is None  # type: ignore[union-attr]
    # As it was typed: what stands in braces is the application's, and may have no value yet.
    listed = OmegaConf.select(config, "hydra.overrides.task") or ListConfig([])
    typed: Any = OmegaConf.to_container(listed, resolve=False)
    added = {text.partition("=")[0].lstrip("+").partition(".")[2] for text in typed if text.lstrip("+") != text}
    names = [str(name) for name in found if str(name) not in added]
    unknown = [name for name in names if name not in known]
    if not unknown or len(names) - len(unknown) > len(known) // 2:
        return True
    return all(difflib.get_close_matches(name, known, 1, _LIKE) for name in unknown)
