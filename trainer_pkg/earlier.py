"""What a checkpoint holds beside its weights, of this version and of an earlier one."""

from typing import Any

from torch import nn

_BEST = "best"
"""The best value so far of the first head, by which those versions selected an epoch."""

SUMS = "stage_metrics."
"""How the names begin of the sums of the epoch that goes on, which a module keeps beside its weights."""

_MEASURES = ("selection.", SUMS)
"""All that it keeps beside them today: the best epoch, too."""


def is_earlier(state: dict[str, Any]) -> bool:
    """Whether the state of a module was kept by an earlier version."""
    return _BEST in state


def as_today(state: dict[str, Any], module: nn.Module) -> dict[str, Any]:
    """The weights of a checkpoint as this version names them; what an earlier one kept beside them starts anew."""
    if not is_earlier(state):
        return state
    weights = {name: value for name, value in state.items() if name != _BEST and not name.startswith(_MEASURES)}
    return weights | {name: value for name, value in module.state_dict().items() if name.startswith(_MEASURES)}
