"""Names of runs that a server's table shows whole."""

import re
from collections.abc import Sequence

from sweeps.values import canonical

LONGEST = 22
"""Characters that the column has room for."""

_SHORTEST = 4
_PATH = re.compile(r"[\w.~@+-]*(/[\w.@+-]+)+")


def run_name(number: int, values: Sequence[str]) -> str:
    """A trial's number and what varies, in at most 22 characters: the longest values lose their ends first.

    Args:
        number: The trial's number.
        values: What varies, in the order of the command line.
    """
    parts = [f"{number:03d}", *values]
    while len(" ".join(parts)) > LONGEST:
        longest = max(range(1, len(parts)), key=lambda i: len(parts[i]), default=0)
        if len(parts[longest]) <= _SHORTEST:
            return f"{' '.join(parts)[: LONGEST - 1]}…"
        parts[longest] = f"{parts[longest].removesuffix('…')[:-1]}…"
    return " ".join(parts)


def rounded(key: str, text: str) -> str:
    """The value of an override, short: floats to three digits, of a path its end."""
    value = canonical(key, text)
    if isinstance(value, float):
        return f"{value:.3g}"
    shown = value if isinstance(value, str) else text
    return shown.rsplit("/", 1)[-1] if _PATH.fullmatch(shown) else shown


def short(key: str) -> str:
    """The last part of a dotted key."""
    return key.lstrip("+~").rsplit(".", 1)[-1]
