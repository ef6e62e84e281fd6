"""The versions of what decides about results, without importing any of it."""

import contextlib
import functools
import importlib.metadata
import sys

_DISTRIBUTIONS = (
    "hydra-core", "omegaconf", "hydra-sweeps", "numpy", "torch", "torchvision", "lightning", "pytorch-lightning",
    "transformers", "jax", "tensorflow", "scikit-learn", "xgboost", "lightgbm",
)  # fmt: skip


@functools.cache
def installed_versions() -> dict[str, str]:
    """Name to version, of those that are installed; Python without its bug-fix number."""
    found = {"python": ".".join(map(str, sys.version_info[:2]))}
    for name in _DISTRIBUTIONS:
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            found[name] = importlib.metadata.version(name)
    return found
