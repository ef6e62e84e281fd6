"""What a user can get wrong, and how the nearest right thing is found."""

from collections.abc import Iterable
from difflib import get_close_matches

from hydra.errors import CompactHydraException


class ConfigError(CompactHydraException):
    """A configuration that cannot be trained: one line with rule, value found and nearest valid ones."""


def did_you_mean(found: object, known: Iterable[str]) -> str:
    """List the known names, and the nearest one if any is near."""
    names = [str(name) for name in known]
    near = get_close_matches(str(found), names, n=1, cutoff=0.5)
    hint = f" Did you mean {near[0]!r}?" if near else ""
    return f"{', '.join(names) or 'none'}.{hint}"


def first_line(error: BaseException) -> str:
    """The first line of what an error says, or its kind if it says nothing."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
