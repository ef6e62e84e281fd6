"""Tensors that share their storage with others."""

import copy
from typing import Any

import torch
from torch.nn.parameter import is_lazy


def without_neighbours(value: Any) -> Any:
    """Tables and lists of tensors, with copies of those that are parts of larger ones.

    Of a part torch would write the whole. The parameters of trials that train together are such parts.

    Example:
        >>> whole = torch.zeros(100)
        >>> without_neighbours({"part": whole[:2]})["part"].untyped_storage().nbytes()
        8
    """
    if isinstance(value, torch.Tensor):
        is_part = not is_lazy(value) and value.untyped_storage().nbytes() > value.numel() * value.element_size()
        return value.clone() if is_part else value
    if isinstance(value, dict):
        same = copy.copy(value)  # with the attributes of a state dict
        same.update((key, without_neighbours(item)) for key, item in value.items())
        return same
    return type(value)(map(without_neighbours, value)) if type(value) in (list, tuple) else value
