"""Which points are alike but for numbers that may differ, by what they compose to."""

import re
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from sweeps.fusion import Fusion, kind_of, may_differ, may_differ_as
from sweeps.own_keys import own_keys
from sweeps.space import Point
from sweeps.values import digest, leaves_of

_SIMPLE = re.compile(r"(?:(?P<path>[\w.]+)|(?:oc\.env|hydra|now):[^${}]*)}[^{}]*", re.DOTALL)
"""What follows `${`: the path of another value, or a resolver that reads no other one."""


class Kinds:
    """The kinds of the points of a study.

    Two points whose overrides are alike need not be so themselves: an interpolation may lead from a number that may
    differ to something that may not, such as the seed of a split. One of them is composed, and where its interpolations
    may lead to such a number, each is, once.

    Args:
        fusion: What the application says.
        compose: Composes the configuration of a point.
    """

    def __init__(self, fusion: Fusion, compose: Callable[[Point], DictConfig]) -> None:
        self.fusion, self._compose = fusion, compose
        self._last: tuple[str, DictConfig] | None = None
        self._known: dict[str, str] = {}
        self._common: dict[tuple[str, ...], str | None] = {}

    def composed(self, point: Point) -> DictConfig:
        """The configuration of a point, which is the caller's; that of the point which was looked at last is there."""
        last, self._last = self._last, None
        return last[1] if last and last[0] == point.key else self._compose(point)

    def of(self, point: Point) -> str:
        """What it has in common with all that are alike."""
        if point.key not in self._known:
            leaves = [leaf for key, text in point.overrides.items() for leaf in leaves_of(key, text)]
            numbers = sorted(key.lstrip("+") for key, text in leaves if may_differ(key, text, self.fusion))
            kind = (kind_of(point.overrides, self.fusion), *numbers)
            common = self._common.get(kind)
            if common is None:
                config = self._compose(point)
                self._last = point.key, config
                common = digest(self._rest(config))
                if kind not in self._common:
                    self._common[kind] = None if may_follow(config, numbers) else common
            self._known[point.key] = common
        return self._known[point.key]

    def are_alike(self, one: Point, other: Point) -> bool:
        """Whether they may be fused with each other; those are composed alone whose overrides are alike."""
        overrides = (kind_of(point.overrides, self.fusion) for point in (one, other))
        return len(set(overrides)) == 1 and self.of(one) == self.of(other)

    def parted(self, points: list[Point]) -> list[str]:
        """Keys that keep points apart whose overrides are alike."""
        found: dict[str, None] = {}
        firsts: dict[str, Point] = {}
        for point in points:
            first = firsts.setdefault(kind_of(point.overrides, self.fusion), point)
            if self.of(first) == self.of(point):
                continue
            one, other = self._rest(self._compose(first)), self._rest(self._compose(point))
            found.update(dict.fromkeys(key for key in {**one, **other} if one.get(key) != other.get(key)))
        return list(found)

    def _rest(self, config: DictConfig) -> dict[str, Any]:
        """A composed point without the numbers that may differ. It is not kept: a study may have many points."""
        ours = own_keys(config).operational
        leaves = (leaf for key in config if key not in ours for leaf in _leaves(config, key, str(key)))
        return {key: value for key, value in leaves if not may_differ_as(key, value, self.fusion)}


def may_follow(config: DictConfig, keys: Sequence[str]) -> bool:
    """Whether a value may follow from one of these keys by an interpolation: if in doubt, it may.

    Example:
        >>> config = OmegaConf.create({"seed": 1, "data": {"split": "${seed}", "dir": "${oc.env:HOME}/x"}})
        >>> [may_follow(config, [key]) for key in ("seed", "data.size")]
        [True, False]
    """
    plain: Any = OmegaConf.to_container(config, resolve=False)
    texts = [text for key, value in plain.items() if key != "hydra" for text in _texts(value) if "${" in text]
    return any(_may_lead(text, key) for text in texts for key in keys)


def _may_lead(text: str, key: str) -> bool:
    for part in text.split("${")[1:]:
        found = _SIMPLE.fullmatch(part)
        if found is None:
            return True  # one within another, a resolver that may read anything, or brackets
        if (path := found["path"]) is None:
            continue
        names = {name for name in path.split(".") if name}
        is_near = path.startswith(".") and (not names or names & set(key.split(".")))
        if is_near or f"{key}.".startswith(f"{path}.") or path.partition(".")[0] == "hydra":
            return True
    return False


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list | tuple):
        for inner in value.values() if isinstance(value, dict) else value:
            yield from _texts(inner)


def _leaves(node: Any, key: Any, path: str) -> Iterator[tuple[str, Any]]:
    """The values below a key by their paths, resolved; as written where nobody can resolve them yet."""
    try:
        value = node[key]
    except OmegaConfBaseException:
        value = str(node._get_node(key))
    if not OmegaConf.is_config(value):
        yield path, value if isinstance(value, str | int | float | bool | None) else str(value)
        return
    keys = list(value) if isinstance(value, DictConfig) else range(len(value))  # a list, or a tuple
    for inner in keys:
        yield from _leaves(value, inner, f"{path}.{inner}")
