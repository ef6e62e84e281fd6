"""What is slow the first time, done once in the fork server: its trials find parsers and type tables filled."""

import os
from collections.abc import Sequence
from pathlib import Path

from hydra.core.hydra_config import HydraConfig
from hydra.core.override_parser.overrides_parser import OverridesParser

from sweeps.worker import child, copies, interpolations, written
from sweeps.worker.job import Job

_GRAMMAR = (
    "a.b_c=0123456789", "++a/b@c=-1.5e-10", "+a=2.75E+6", "~a", "a='x y'", 'a="z"', "a=[1,2.5,x]", "a={b:1,c:[d]}",
    "a=b/c.d-e:f", "a=true", "a=null", "a=${b.c}", "a=inf",
    "++a.b_c=0.075", "++a.b=10.5", "++a=0", "++a=1e-05",
)  # fmt: skip
"""Overrides of every kind; the parser remembers the ways that it has gone."""


def rehearse(overrides: Sequence[str]) -> None:
    """Compose, copy and write a job as a trial does, to nowhere.

    Args:
        overrides: Those of a trial.
    """
    OverridesParser.create().parse_overrides(list(_GRAMMAR))
    config = child._compose(Job(overrides=tuple(overrides), directory=Path(os.devnull), number=0, attempt=0))
    copies._deepcopy(config)
    written._yaml(config)
    interpolations.parse_all(written._plain(config))
    HydraConfig.instance().cfg = None
