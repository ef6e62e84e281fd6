"""The configuration that a trial has left, read quickly."""

import re
from typing import Any

import yaml

_FAST: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_NESTS, _MAX_NESTS = re.compile(r"[\[{]|[-?] "), 1000


def config_in(text: str) -> Any:
    """A configuration; by the fast parser, unless it may be nested so deep that this one would break.

    Raises:
        yaml.YAMLError: It is damaged.
        RecursionError: It is nested deeper than anything that is composed.
    """
    may_be_deep = len(_NESTS.findall(text)) > _MAX_NESTS
    return yaml.load(text, yaml.SafeLoader if may_be_deep else _FAST)
