"""Tables and lists of tensors, and where in memory these lie."""

import copy
import hashlib
from collections.abc import Iterator, Mapping
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


def moment_of(value: Any) -> Any:
    """What is equal of two checkpoints that were made at one moment of a training, of one network.

    Large tensors count by where they lie and how often they have changed. Their numbers may have changed all the same,
    through another view of them: the counters of a training, which are plain values, tell that it went on.

    Example:
        >>> weight = torch.zeros(10000)
        >>> before = moment_of({"weight": weight, "step": 1})
        >>> before == moment_of({"weight": weight, "step": 1})
        True
        >>> before == moment_of({"weight": weight.add_(1), "step": 1})
        False
    """
    return _moment_of(value, _near(value))


def _moment_of(value: Any, near: Mapping[int, torch.Tensor]) -> Any:
    if isinstance(value, torch.Tensor):
        return _moment_of_tensor(value, near)
    if isinstance(value, dict):
        return {key: _moment_of(item, near) for key, item in value.items()}
    if isinstance(value, list | tuple):
        is_flat = not any(isinstance(item, _NESTED) for item in value)
        return list(value) if is_flat else [_moment_of(item, near) for item in value]
    return value if isinstance(value, _PLAIN) else id(value)


def _near(value: Any) -> dict[int, torch.Tensor]:
    """The bytes of all small tensors on a GPU, by `id`: to fetch each by itself would be to wait for it."""
    if not torch.cuda.is_initialized():  # type: ignore[no-untyped-call]
        return {}
    far: dict[torch.device, dict[int, torch.Tensor]] = {}
    for tensor in _tensors_of(value):
        is_far = tensor.device.type == "cuda" and tensor.layout is torch.strided and not is_lazy(tensor)
        if is_far and tensor.numel() <= _SMALL:
            far.setdefault(tensor.device, {})[id(tensor)] = tensor.detach().reshape(-1).view(torch.uint8)
    found: dict[int, torch.Tensor] = {}
    for parts in far.values():
        whole = torch.cat(list(parts.values())).cpu()
        found.update(zip(parts, torch.split(whole, [len(part) for part in parts.values()]), strict=True))
    return found


def _tensors_of(value: Any) -> Iterator[torch.Tensor]:
    if isinstance(value, torch.Tensor):
        yield value
    elif isinstance(value, dict | list | tuple):
        for item in value.values() if isinstance(value, dict) else value:
            if isinstance(item, _NESTED):
                yield from _tensors_of(item)


def _moment_of_tensor(tensor: torch.Tensor, near: Mapping[int, torch.Tensor]) -> tuple[Any, ...]:
    kind = (tensor.dtype, tensor.device, tensor.layout)
    if is_lazy(tensor) or tensor.layout is not torch.strided or tensor.is_meta:
        return (*kind, id(tensor))
    if tensor.numel() > _SMALL:
        return (*kind, tensor.shape, tensor.data_ptr(), -1 if tensor.is_inference() else tensor._version)
    numbers = near[id(tensor)] if id(tensor) in near else tensor.detach().cpu().reshape(-1).view(torch.uint8)
    digest = hashlib.sha256(numbers.numpy().data).digest()  # a moment is kept as long as the training
    return (*kind, tensor.shape, digest)


_SMALL = 8192
"""Most numbers of a tensor that counts by its numbers: random generators give a new one each time they are asked."""
_PLAIN = (int, float, str, bytes, type(None))
_NESTED = (torch.Tensor, dict, list, tuple)
