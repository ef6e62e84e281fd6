"""What makes two points one: the configuration that they compose to, not the words that were typed.

A configuration is the sum of its leaves' hashes. So a point that differs from another in one number costs one hash,
and the seed can be taken out again; composing each of ten thousand points would take minutes.
"""

import functools
import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from hydra.errors import HydraException
from omegaconf import DictConfig, ListConfig, OmegaConf
from omegaconf._utils import split_key
from omegaconf.errors import OmegaConfBaseException

from sweeps.errors import pass_on_end
from sweeps.space import REPLICATE_KEY, Point
from sweeps.values import typed, value_of

_MODULUS = 2**256
UNFIT = (HydraException, OmegaConfBaseException, ValueError)
"""What composing raises where values do not fit together; their trial will fail with the whole story."""

Path = tuple[str, ...]

Compose = Callable[[Sequence[str]], DictConfig]
"""The configuration of a trial with these overrides."""


@dataclass(slots=True, kw_only=True)
class _Skeleton:
    """A composed configuration of which only plain values change.

    Attributes:
        config: The configuration; its plain values are overwritten again and again.
        total: Sum of the leaves without the plain values.
        seed: The part of `total` that is the seed.
        plain: Override keys whose value is one leaf, to the path of that leaf.
        implied: Mappings, to the value of their keys that says nothing.
    """

    config: DictConfig
    total: int
    seed: int
    plain: Mapping[str, Path]
    implied: Mapping[Path, Any]
    leaves: dict[tuple[str, str], int] = field(default_factory=dict)

    def leaf(self, key: str, text: str) -> int:
        """The leaf that an override makes, with its value as the configuration's types have it."""
        if (key, text) not in self.leaves:
            path = self.plain[key]
            try:
                OmegaConf.update(self.config, key.lstrip("+"), value_of(key, text), merge=True, force_add=True)
                made = dict(_leaves(_plain(_node(self.config, path)), path))
                self.leaves[key, text] = sum(_weight(*leaf) for leaf in made.items() if _counts(*leaf, self.implied))
            except UNFIT as error:
                pass_on_end(error)
                self.leaves[key, text] = _weight(path, ["unfit", text])
        return self.leaves[key, text]


class Fingerprints:
    """Gives points their identity.

    Args:
        compose: The configuration of a trial with these overrides.
        is_group: Whether a key is that of a group of configurations.
        left_out: First parts of the keys that say how a study runs.
        replicate_key: The key of the seed.
        application: Tells applications with equal configurations apart.
        implied: Mappings, to the value that their keys have where nobody writes them: written or not, it is one point.
    """

    def __init__(
        self,
        compose: Compose,
        is_group: Callable[[str], bool],
        left_out: Sequence[str],
        replicate_key: str = REPLICATE_KEY,
        application: str = "",
        implied: Mapping[str, Any] | None = None,
    ) -> None:
        self._compose, self._is_group = compose, functools.cache(is_group)
        self._left_out, self._application = left_out, application
        self._seed: Path = tuple(split_key(replicate_key))
        self._implied = {tuple(split_key(key)): value for key, value in (implied or {}).items()}
        self._skeletons: dict[tuple[Any, ...], _Skeleton] = {}
        self._behind: set[str] = set()  # keys whose value lies elsewhere, behind an interpolation

    def of(self, point: Point) -> Point:
        """The point with its identity and its cell; one that does not compose is known by its overrides."""
        try:
            total, seed = self._sums(point)
        except UNFIT as error:
            pass_on_end(error)
            words = _weight(("unfit",), sorted(point.as_arguments()))
            return replace(point, identity=self._hash(words), cell="")
        return replace(point, identity=self._hash(total), cell=self._hash(total - seed))

    def distinct(self, points: Iterable[Point]) -> list[Point]:
        """The points with their identities; of equal ones the first."""
        found: dict[str, Point] = {}
        for point in map(self.of, points):
            found.setdefault(point.identity, point)
        return list(found.values())

    def _sums(self, point: Point) -> tuple[int, int]:
        """The sum of all leaves, and of those that are the seed."""
        skeleton = self._skeleton(point)
        total, seed = skeleton.total, skeleton.seed
        for key, path in skeleton.plain.items():
            leaf = skeleton.leaf(key, point.overrides[key])
            total += leaf
            seed += leaf if path == self._seed else 0
        return total, seed

    def _skeleton(self, point: Point) -> _Skeleton:
        plain = self._plain_keys(point.overrides)
        shape = tuple((key, None if key in plain else text) for key, text in point.overrides.items())
        if shape not in self._skeletons:
            made = self._made(point, plain)
            if made is None:
                return self._skeleton(point)
            self._skeletons[shape] = made
        return self._skeletons[shape]

    def _made(self, point: Point, plain: Mapping[str, Path]) -> _Skeleton | None:
        """Compose; None where a value that seemed plain is not at its path."""
        config = self._compose(point.as_arguments())
        own = {str(key): _plain(config._get_node(key)) for key in config if key not in self._left_out}
        leaves = dict(_leaves(own))
        elsewhere = {key for key, path in plain.items() if not isinstance(leaves.get(path), list)}
        self._behind |= elsewhere
        if elsewhere:
            return None
        rest = {
            path: value
            for path, value in leaves.items()
            if path not in plain.values() and _counts(path, value, self._implied)
        }
        total = sum(_weight(*leaf) for leaf in rest.items())
        seed = sum(_weight(*leaf) for leaf in rest.items() if leaf[0][: len(self._seed)] == self._seed)
        return _Skeleton(config=config, total=total, seed=seed, plain=dict(plain), implied=self._implied)

    def _plain_keys(self, overrides: Mapping[str, str]) -> dict[str, Path]:
        """The keys whose values replace one leaf each, whatever the other overrides say."""
        # Whatever the groups choose is composed first, and values are set in the result.
        values = [key for key in overrides if "@" not in key and not self._is_group(key.lstrip("+~"))]
        paths = {key: tuple(split_key(key.lstrip("+~"))) for key in values}
        return {
            key: path
            for key, path in paths.items()
            if not (key.startswith("~") or ":" in key or key in self._behind)
            and not isinstance(value_of(key, overrides[key]), dict | list)
            and not any(_overlap(path, other) for name, other in paths.items() if name != key)
        }

    def _hash(self, total: int) -> str:
        return hashlib.sha256(f"{self._application}\n{total % _MODULUS:x}".encode()).hexdigest()[:16]


def _overlap(path: Path, other: Path) -> bool:
    """Whether one lies inside the other."""
    return path == other[: len(path)] or other == path[: len(other)]


def _leaves(value: Any, path: Path = ()) -> Iterator[tuple[Path, Any]]:
    """Every value with its path; a container is one too, so that an empty one is seen."""
    if isinstance(value, dict):
        yield path, "{}"
        for key, item in value.items():
            yield from _leaves(item, (*path, str(key)))
    elif isinstance(value, list):
        yield path, "[]"
        for position, item in enumerate(value):
            yield from _leaves(item, (*path, str(position)))
    else:
        yield path, [value]


def _counts(path: Path, value: Any, implied: Mapping[Path, Any]) -> bool:
    """Whether a leaf says more than its absence would."""
    usual = implied.get(path[:-1])
    return usual is None or value != [usual] or isinstance(value[0], bool) is not isinstance(usual, bool)


def _weight(path: Path, value: Any) -> int:
    return int.from_bytes(hashlib.sha256(f"{typed(list(path))}{typed(value)}".encode()).digest(), "big")


def _plain(node: Any) -> Any:
    """Plain containers and values, interpolations as written."""
    return OmegaConf.to_container(node, resolve=False) if OmegaConf.is_config(node) else node._value()


def _node(config: DictConfig, path: Path) -> Any:
    """The node at a path, which may be an interpolation."""
    node: Any = config
    for part in path:
        node = node._get_node(int(part) if isinstance(node, ListConfig) else part)
    return node
