"""How the fuzzers draw: first whatever once failed, then anew on each run.

What failed is kept in `.hypothesis`. The head of a run names its seed: with `--hypothesis-seed=N` a run draws the same
again, and replays nothing.
"""

import os
from collections.abc import Callable
from typing import Any

from hypothesis import HealthCheck, seed, settings
from hypothesis.database import DirectoryBasedExampleDatabase

from tests.conftest import FUZZ_SEED, REPOSITORY


def drawn_anew(max_examples: int, **options: Any) -> Callable[[Any], Any]:
    """Decorates a test that `hypothesis.given` has decorated."""
    chosen = settings(
        max_examples=max_examples,
        deadline=None,
        # Not left to hypothesis: where the variable CI is set, it draws the same each time and keeps nothing.
        derandomize=False,
        database=DirectoryBasedExampleDatabase(REPOSITORY / ".hypothesis" / "examples"),
        suppress_health_check=list(HealthCheck),
        **options,
    )
    # `seed` takes the database away, as hypothesis' own option does: the settings come after it.
    return lambda test: chosen(seed(int(os.environ[FUZZ_SEED]))(test))
