"""Composes the configurations of a sweep's jobs: by Hydra, which does once what the jobs have in common.

Jobs differ in values and in choices of groups. Only the choices decide which files are merged, so the merged files are
kept for each combination of choices. What a job sets in them, Hydra itself sets, by its own code.
"""

import contextlib
import copy
import functools
import pickle
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from hydra._internal import config_loader_impl
from hydra._internal.defaults_list import Overrides
from hydra.core.override_parser.overrides_parser import OverridesParser
from omegaconf import DictConfig

Choices = tuple[Any, ...]
"""Where files are looked for, and what a job says of which files are merged."""

_HYDRA: Any = config_loader_impl
_LOADER: Any = config_loader_impl.ConfigLoaderImpl
_create_defaults_list, _merge = _HYDRA.create_defaults_list, _LOADER._compose_config_from_defaults_list
_parse_rule = OverridesParser.parse_rule


@dataclass(slots=True)
class Merged:
    """What jobs of the same choices share.

    Attributes:
        defaults: Hydra's list of the files, and the choices.
        content: The files merged, pickled; reading that is six times faster than a copy of the configuration.
    """

    defaults: Any
    content: bytes | None = None


@dataclass(slots=True)
class Memory:
    """What was merged so far.

    Attributes:
        known: Choices to what they give.
    """

    known: dict[Choices, Merged] = field(default_factory=dict)

    def defaults_list(self, repo: Any, config_name: str | None, overrides_list: list[Any], **options: Any) -> Any:
        """In the place of Hydra's function of that name."""
        places = tuple((source.provider, source.path) for source in repo.get_sources())
        shaping = tuple(each.input_line for each in overrides_list if _chooses(each, repo))
        key = (places, config_name, shaping, tuple(sorted(options.items())))
        if key not in self.known:
            found = _create_defaults_list(repo=repo, config_name=config_name, overrides_list=overrides_list, **options)
            self.known[key] = Merged(found)
            return found
        values = Overrides(repo=repo, overrides_list=overrides_list).config_overrides
        return replace(self.known[key].defaults, config_overrides=values)

    def config(self, loader: Any, defaults: list[Any], repo: Any) -> DictConfig:
        """In the place of the method by which Hydra's loader merges files."""
        merged = next((each for each in self.known.values() if each.defaults.defaults is defaults), None)
        if merged is not None and merged.content is not None:
            # A class of the script that was started has another name in a process of the fork server.
            with contextlib.suppress(AttributeError, ImportError):
                return pickle.loads(merged.content)  # type: ignore[no-any-return]
        made: DictConfig = _merge(loader, defaults=defaults, repo=repo)
        if merged is not None:
            with contextlib.suppress(Exception):  # a class that cannot be pickled: merged anew for each job
                merged.content = pickle.dumps(made)
        return made


def compose(loader: Any, config: DictConfig, overrides: Sequence[str]) -> DictConfig:
    """The configuration of a job of a sweep, as Hydra's `load_sweep_config` gives it.

    Args:
        loader: Hydra's, which reads from a snapshot; without one Hydra composes each job from its files.
        config: The configuration composed without the swept overrides.
        overrides: Those of the job.
    """
    memory = getattr(loader.repository, "merged", None)
    with _remembering(memory) if memory is not None else contextlib.nullcontext():
        return loader.load_sweep_config(config, list(overrides))  # type: ignore[no-any-return]


@contextlib.contextmanager
def _remembering(memory: Memory) -> Iterator[None]:
    def merge(loader: Any, defaults: list[Any], repo: Any) -> DictConfig:
        return memory.config(loader, defaults, repo)

    _HYDRA.create_defaults_list = memory.defaults_list
    OverridesParser.parse_rule = _remembered_rule  # type: ignore[assignment, method-assign]
    _LOADER._compose_config_from_defaults_list = merge
    try:
        yield
    finally:
        _HYDRA.create_defaults_list = _create_defaults_list
        _LOADER._compose_config_from_defaults_list = _merge
        OverridesParser.parse_rule = _parse_rule  # type: ignore[method-assign]


def _remembered_rule(parser: OverridesParser, text: str, rule: str) -> Any:
    """What Hydra's parser makes of a text; most overrides of a job are those of all jobs."""
    return copy.copy(_parsed(text)) if rule == "override" else _parse_rule(parser, text, rule)


@functools.lru_cache(maxsize=1024)
def _parsed(text: str) -> Any:
    return _parse_rule(OverridesParser.create(), text, "override")


def _chooses(override: Any, repo: Any) -> bool:
    """Whether it may say which files are merged; it sets a value otherwise, as Hydra's `Overrides` tells them apart."""
    if getattr(override, "is_value_path", False):
        return False
    key = override.key_or_group
    return bool(override.is_sweep_override() or repo.group_exists(key) or repo.config_exists(key))
