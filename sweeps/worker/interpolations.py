"""Texts of interpolations, parsed once: OmegaConf parses a text each time that its value is read.

What the fork server has parsed serves all of its trials, and what a trial has parsed serves those that share its
process. Only trees of texts are kept, which whoever evaluates them reads and does not change; never a value.
"""

import contextlib
import functools
from typing import Any

from omegaconf import base, grammar_parser

_parse = functools.lru_cache(maxsize=2048)(grammar_parser.parse)


def parse_once() -> None:
    """Let OmegaConf find in this process what it has parsed before."""
    base.parse = _parse  # type: ignore[attr-defined]


def parse_all(plain: Any) -> None:
    """Parse what interpolations there are in plain containers; nothing is evaluated."""
    if isinstance(plain, dict | list | tuple):
        for inner in plain.values() if isinstance(plain, dict) else plain:
            parse_all(inner)
    elif isinstance(plain, str) and "${" in plain:
        with contextlib.suppress(Exception):  # whoever reads it is told
            _parse(plain)
