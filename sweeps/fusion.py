"""Which trials of a study may share a process; what an application says of that, and what follows from it."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from sweeps.values import canonical, digest, leaves_of

if TYPE_CHECKING:
    from omegaconf import DictConfig

    from sweeps.trial.group import Seat

UNLIMITED = 2**31


@dataclass(frozen=True, slots=True, kw_only=True)
class Capacity:
    """How many trials of one kind may be fused.

    Attributes:
        most: The most that can be; 1: none.
        pays: The most that were measured to pay, which `study.fuse=auto` takes; 1: none.
        why: Why it is no more, for the preview; empty where nothing hinders.
    """

    most: int = UNLIMITED
    pays: int = 1
    why: str = ""


@runtime_checkable
class Fusion(Protocol):
    """What `study.fusion._target_` gives: it says which trials of an application can be fused, and lets them meet.

    Attributes:
        differing: Patterns of override keys, with `*`, whose numbers may differ within a group.
        apart: Such a pattern to the numbers for which that is not so: trials with one are fused among themselves.
    """

    differing: Sequence[str]
    apart: Mapping[str, Sequence[float]]

    def capacity(self, config: "DictConfig", device: str) -> Capacity:
        """How many trials like this one may be fused.

        Args:
            config: The configuration of one of them.
            device: `cpu`, or `cuda`.
        """
        ...

    def join(self, config: "DictConfig", seat: "Seat") -> None:
        """Tell the task that is called next, with this configuration, that its trial has others beside it.

        Args:
            config: The trial's configuration.
            seat: Where the trials meet.
        """
        ...


def may_differ(key: str, text: str, fusion: Fusion) -> bool:
    """Whether trials of one group may have other values of this override."""
    return may_differ_as(key, canonical(key, text), fusion)


def may_differ_as(key: str, value: Any, fusion: Fusion) -> bool:
    """The same of a value in a configuration, or of an override that adds it (`+key`)."""
    key = key.lstrip("+")
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    patterns = [pattern for pattern in fusion.differing if fnmatchcase(key, pattern)]
    held = [numbers for pattern, numbers in fusion.apart.items() if fnmatchcase(key, pattern)]
    return bool(patterns) and not any(value in numbers for numbers in held)


def kind_of(overrides: Mapping[str, str], fusion: Fusion) -> str:
    """What the overrides of trials have in common that may be fused: equal for two that differ in nothing else.

    Args:
        overrides: Override key to value text.
        fusion: What the application says.

    Example:
        >>> class Weights:
        ...     differing, apart = ["loss_weights.*", "seed"], {"loss_weights.*": [0]}
        >>> points = [{"model": "cnn", "loss_weights.a": "0.1"}, {"model": "cnn", "loss_weights.a": "3", "seed": "1"}]
        >>> len({kind_of(point, Weights()) for point in points})
        1
        >>> len({kind_of(point, Weights()) for point in [*points, {"model": "cnn", "loss_weights.a": "0.0"}]})
        2
    """
    leaves = (leaf for key, text in overrides.items() for leaf in leaves_of(key, text))
    return digest({key: canonical(key, text) for key, text in leaves if not may_differ(key, text, fusion)})


def size_of(num_alike: int, num_places: int, most: int) -> int:
    """How many trials the next group has: as many groups as places, if that is enough, and all of one size.

    Args:
        num_alike: Open trials that may be fused with each other.
        num_places: Places of the worker that are to be filled with them.
        most: The largest group.

    Example:
        >>> [size_of(12, places, 8) for places in (1, 2, 3)]
        [6, 6, 4]
    """
    if num_alike < 1:
        return 0
    num_groups = max(math.ceil(num_alike / max(1, most)), min(num_places, num_alike))
    return math.ceil(num_alike / num_groups)


def largest(capacity: Capacity, asked: str | int) -> int:
    """The largest group of trials of one kind.

    Args:
        capacity: What the application says of them.
        asked: `study.fuse`: `off`, `auto` or a number.

    Example:
        >>> capacity = Capacity(most=8, pays=4)
        >>> [largest(capacity, asked) for asked in ("off", "auto", 6, 12)]
        [1, 4, 6, 8]
    """
    if asked == "off":
        return 1
    return min(capacity.most, capacity.pays if asked == "auto" else int(asked))


def groups_of(kinds: Iterable[str], most: Mapping[str, int], num_places: int) -> list[list[int]]:
    """The groups in which trials would be run, each the positions of its trials.

    Args:
        kinds: The kind of each.
        most: Kind to its largest group; one that is left out is not fused.
        num_places: Places of the worker.
    """
    alike: dict[str, list[int]] = {}
    for position, kind in enumerate(kinds):
        alike.setdefault(kind, []).append(position)
    groups: list[list[int]] = []
    for kind, positions in alike.items():
        size = size_of(len(positions), num_places, most.get(kind, 1))
        groups += [positions[start : start + size] for start in range(0, len(positions), size)]
    return sorted(groups)


def hindrance(key: str, texts: Sequence[str], fusion: Fusion) -> str | None:
    """Why an axis keeps trials apart; None where it does not.

    Args:
        key: Override key.
        texts: The values of the axis.
        fusion: What the application says.
    """
    kept = [text for text in texts if not may_differ(key, text, fusion)]
    if not kept or len(texts) < 2:
        return None
    if len(kept) == len(texts):
        return f"{key}: trials that differ in it are not fused"
    return f"{key}={','.join(kept)}: fused among themselves only"
