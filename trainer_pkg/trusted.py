"""Which constructors a configuration may name."""

import os

# Anything else that a `_target_` names is refused, also in a configuration read from a checkpoint.
WHITELIST = (
    "trainer_pkg.*",
    "sweeps.*",
    "torch.nn.*",
    "torch.optim.*",
    "torchvision.transforms.v2.*",
    "lightning.pytorch.*",
    "optuna.samplers.*",
    "optuna.pruners.*",
    *filter(None, os.environ.get("SWEEPS_TRUSTED", "").split(",")),  # the user's own: my_package.*
)
"""Patterns of dotted names, as `hydra.main(execution_whitelist=...)` takes them."""
