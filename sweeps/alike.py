"""Which points are alike but for numbers that may differ, by what they compose to."""

from collections.abc import Callable, Iterator
from typing import Any

from omegaconf import DictConfig, ListConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from sweeps.fusion import Fusion, kind_of, may_differ_as
from sweeps.own_keys import own_keys
from sweeps.space import Point
from sweeps.values import digest


class Kinds:
    """The kinds of the points of a study.

    Two points whose overrides are alike need not be so themselves: an interpolation may lead from a number that may
    differ to something that may not, such as the seed of a split. So each point is composed, once.

    Args:
        fusion: What the application says.
        compose: Composes the configuration of a point.
    """

    def __init__(self, fusion: Fusion, compose: Callable[[Point], DictConfig]) -> None:
        self.fusion, self.compose = fusion, compose
        self._known: dict[str, str] = {}

    def of(self, point: Point) -> str:
        """What it has in common with all that are alike."""
        if point.key not in self._known:
            self._known[point.key] = digest(self._rest(point))
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
            one, other = self._rest(first), self._rest(point)
            found.update(dict.fromkeys(key for key in {**one, **other} if one.get(key) != other.get(key)))
        return list(found)

    def _rest(self, point: Point) -> dict[str, Any]:
        """What it composes to, without the numbers that may differ. It is not kept: a study may have many points."""
        config = self.compose(point)
        ours = own_keys(config).operational
        leaves = (leaf for key in config if key not in ours for leaf in _leaves(config, key, str(key)))
        return {key: value for key, value in leaves if not may_differ_as(key, value, self.fusion)}


def _leaves(node: DictConfig | ListConfig, key: Any, path: str) -> Iterator[tuple[str, Any]]:
    """The values below a key by their paths, resolved; as written where nobody can resolve them yet."""
    try:
        value = node[key]
    except OmegaConfBaseException:
        value = str(node._get_node(key))
    if not OmegaConf.is_config(value):
        yield path, value if isinstance(value, str | int | float | bool | None) else str(value)
        return
    keys = range(len(value)) if isinstance(value, ListConfig) else list(value)
    for inner in keys:
        yield from _leaves(value, inner, f"{path}.{inner}")
