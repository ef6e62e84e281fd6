"""Configurations of jobs that differ in plain values only, made of one that Hydra has composed.

Hydra takes 10 ms for the configuration of a job. Where a job has the keys of an earlier one, and plain values in their
places, its configuration is a copy of the earlier one with these values. Once per set of keys both are made and
compared node by node; where they differ in anything, Hydra composes all.
"""

import pickle
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from omegaconf import DictConfig, OmegaConf
from omegaconf._utils import split_key

from sweeps.values import value_of

Compose = Callable[[Sequence[str]], DictConfig]


@dataclass(slots=True)
class Template:
    """A configuration that others are made of.

    Attributes:
        overrides: What it was composed with.
        content: The configuration, pickled; None: none can be made of it.
        is_proven: Whether one made of it was what Hydra composes.
    """

    overrides: Sequence[str]
    content: bytes | None
    is_proven: bool = False

    @classmethod
    def of(cls, overrides: Sequence[str], config: DictConfig) -> "Template":
        """That of a composed configuration."""
        try:
            # Variables that are copied into the configuration may be others in the next process.
            content = None if config.hydra.job.env_copy else pickle.dumps(config)
        except Exception:  # it holds what cannot be pickled
            content = None
        return cls(tuple(overrides), content)

    def config(self, overrides: Sequence[str], is_group: Callable[[str], bool], compose: Compose) -> DictConfig:
        """The configuration with these overrides, which have the keys of the template.

        Args:
            overrides: Those of a job.
            is_group: Whether a key is that of a group of configurations.
            compose: Composes by Hydra.
        """
        made = self._made(overrides, is_group)
        if made is not None and self.is_proven:
            return made
        composed = compose(overrides)
        if made is not None:
            self.is_proven = list(_nodes(made)) == list(_nodes(composed))
            self.content = self.content if self.is_proven else None
        return composed

    def _made(self, overrides: Sequence[str], is_group: Callable[[str], bool]) -> DictConfig | None:
        pairs = zip(self.overrides, overrides, strict=True)
        differing = [pair for pair in pairs if pair[0] != pair[1]]
        changed = [after for _, after in differing]
        keys = [text.partition("=")[0] for text in overrides]
        if self.content is None or not all(_is_plain(text, keys, is_group) for pair in differing for text in pair):
            return None
        try:
            made: DictConfig = pickle.loads(self.content)
            for text in changed:
                key, _, value = text.partition("=")
                OmegaConf.update(made, key, value_of(key, value), merge=True)
            task = made.hydra.overrides.task
            for place, before in enumerate(list(task)):
                task[place] = overrides[self.overrides.index(before)] if before in self.overrides else before
        except Exception:  # Hydra says what is wrong with a value
            return None
        return made


def _is_plain(text: str, keys: Sequence[str], is_group: Callable[[str], bool]) -> bool:
    """Whether an override sets one value, and nothing else of the job's lies in its way.

    What `null` and an interpolation become depends on what was there, which may be a mapping.
    """
    key, _, value = text.partition("=")
    if "${" in value or key.startswith(("+", "~", "hydra")) or any(sign in key for sign in "@:/") or is_group(key):
        return False
    path = split_key(key)
    others = [split_key(other.lstrip("+~").replace("/", ".")) for other in keys if other != key]
    is_alone = keys.count(key) == 1 and not any(path[: len(o)] == o or o[: len(path)] == path for o in others)
    return is_alone and not isinstance(value_of(key, value), dict | list | None)


def _nodes(node: Any, path: str = "") -> Iterator[tuple[Any, ...]]:
    """Every node below one: its type, what is said of it, and its value or the names below it."""
    content = node.__dict__.get("_content", node.__dict__.get("_val"))
    inner = content if isinstance(content, dict) else dict(enumerate(content)) if isinstance(content, list) else {}
    about = {**vars(node._metadata), "resolver_cache": None}  # that of the command, which each job gets
    yield path, type(node), about, type(content), list(inner) if inner else content
    for key, each in inner.items():
        yield from _nodes(each, f"{path}.{key}")
