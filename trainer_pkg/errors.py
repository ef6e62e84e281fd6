"""The error for a user's mistake, and the words for it."""

from collections.abc import Iterable
from difflib import get_close_matches

from hydra.errors import CompactHydraException


class ConfigError(CompactHydraException):
    """A configuration that cannot be trained: one line with the rule, the value found and the nearest valid ones.

    Whoever writes a data set, a network or a loss raises it for a value that can never work:

    >>> raise ConfigError("data.num_val=0 must be a whole number of at least 1.")
    Traceback (most recent call last):
        ...
    trainer_pkg.errors.ConfigError: data.num_val=0 must be a whole number of at least 1.
    """


class Diverged(FloatingPointError):
    """A training whose loss is no finite number; whoever runs many trainings knows it by its base class."""


def did_you_mean(found: object, known: Iterable[str]) -> str:
    """List the known names, and the nearest one if any is near.

    >>> did_you_mean("tinny", ["tiny", "small"])
    "tiny, small. Did you mean 'tiny'?"
    """
    names = [str(name) for name in known]
    near = get_close_matches(str(found), names, n=1, cutoff=0.5)
    hint = f" Did you mean {near[0]!r}?" if near else ""
    return f"{', '.join(names) or 'none'}.{hint}"


def first_line(error: BaseException) -> str:
    """The first line of what an error says, or its kind if it says nothing."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
