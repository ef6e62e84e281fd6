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
        shape: What `shape_of` says of these.
        content: The configuration, pickled; None: none can be made of it.
        is_proven: Whether one made of it was what Hydra composes.
    """

    overrides: Sequence[str]
    shape: Sequence[str]
    content: bytes | None
    is_proven: bool = False

    @classmethod
    def of(cls, overrides: Sequence[str], shape: Sequence[str], config: DictConfig) -> "Template":
        """That of a composed configuration."""
        try:
            # Variables that are copied into the configuration may be others in the next process.
            content = None if config.hydra.job.env_copy else pickle.dumps(config)
        except Exception:  # it holds what cannot be pickled
            content = None
        return cls(tuple(overrides), shape, content)

    def config(self, overrides: Sequence[str], compose: Compose) -> DictConfig:
        """The configuration with these overrides, which have the shape of the template's.

        Args:
            overrides: Those of a job.
            compose: Composes by Hydra.
        """
        made = self._made(overrides)
        if made is not None and self.is_proven:
            return made
        composed = compose(overrides)
        if made is not None:
            self.is_proven = list(_nodes(made)) == list(_nodes(composed))
            self.content = self.content if self.is_proven else None
        return composed

    def _made(self, overrides: Sequence[str]) -> DictConfig | None:
        pairs = zip(self.overrides, overrides, strict=True)
        differing = [pair for pair in pairs if pair[0] != pair[1]]
        changed = [after for _, after in differing]
        if self.content is None or not all(
            _is_plain(text, overrides, self.shape) for pair in differing for text in pair
        ):
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


def shape_of(overrides: Sequence[str], is_group: Callable[[str], bool]) -> tuple[str, ...]:
    """What jobs have in common that are made of one template: the keys of values, and all else as it is typed.

    Args:
        overrides: Those of a job.
        is_group: Whether a key is that of a group of configurations.
    """

    def shape(text: str) -> str:
        key = text.partition("=")[0]
        return key if _sets_a_value(key) and not is_group(key) else text

    return tuple(map(shape, overrides))


def _sets_a_value(key: str) -> bool:
    return not key.startswith(("+", "~", "hydra")) and not any(sign in key for sign in "@:/")


def _is_plain(text: str, overrides: Sequence[str], shape: Sequence[str]) -> bool:
    """Whether an override sets one value, and no other of the job's lies in its way.

    What `null` and an interpolation become depends on what was there, which may be a mapping. Groups are merged before
    any value is set.
    """
    key, _, value = text.partition("=")
    keys, path = [other.partition("=")[0] for other in overrides], split_key(key)
    are_groups = [_sets_a_value(other) and said != other for other, said in zip(keys, shape, strict=True)]
    others = [other for other, is_group in zip(keys, are_groups, strict=True) if other != key and not is_group]
    paths = [split_key(other.lstrip("+~")) for other in others if not any(sign in other for sign in "@/")]
    is_alone = keys.count(key) == 1 and not any(path[: len(p)] == p or p[: len(path)] == path for p in paths)
    return is_alone and "${" not in value and not isinstance(value_of(key, value), dict | list | None)


def _nodes(node: Any, path: str = "") -> Iterator[tuple[Any, ...]]:
    """Every node below one: its type, what is said of it, and its value or the names below it."""
    content = node.__dict__.get("_content", node.__dict__.get("_val"))
    inner = content if isinstance(content, dict) else dict(enumerate(content)) if isinstance(content, list) else {}
    about = {**vars(node._metadata), "resolver_cache": None}  # that of the command, which each job gets
    yield path, type(node), about, type(content), list(inner) if inner else content
    for key, each in inner.items():
        yield from _nodes(each, f"{path}.{key}")
