"""Random numbers of a task that seeds nothing: each trial has others, as each run has in a process of its own.

A child begins with the generators of the fork server. Those of NumPy and PyTorch would give all trials the same
numbers; Python's is seeded anew by each fork, also where the application has seeded it in its modules.
"""

import random
import sys
from collections.abc import Callable
from types import ModuleType
from typing import Any, NamedTuple

from sweeps.worker.after_import import after_import


class _Kind(NamedTuple):
    """Functions of the module that has a generator; `mark` differs once somebody has seeded it."""

    mark: Callable[[ModuleType], Any]
    state: Callable[[ModuleType], Any]
    set: Callable[[ModuleType, Any], None]
    renew: Callable[[ModuleType], None]


def _renew_torch(torch: ModuleType) -> None:
    torch.default_generator.seed()
    if torch.cuda.is_initialized():  # by the trial before
        for generator in torch.cuda.default_generators:
            generator.seed()


def _set_torch(torch: ModuleType, state: Any) -> None:
    torch.default_generator.set_state(state)
    if torch.cuda.is_initialized():
        torch.cuda.manual_seed_all(torch.initial_seed())


def _key_of_numpy(numpy_random: ModuleType) -> Any:
    """What seeding changes and drawing does not, but rarely; of another kind than NumPy's own its whole state."""
    found = numpy_random.get_state(legacy=False)
    return found["state"]["key"].tobytes() if found["bit_generator"] == "MT19937" else str(found)


def _renew_numpy(numpy_random: ModuleType) -> None:
    if numpy_random.get_state(legacy=False)["bit_generator"] == "MT19937":
        numpy_random.seed()
    else:  # which the trial before has chosen
        numpy_random.set_bit_generator(numpy_random.MT19937())


_KINDS = {
    "random": _Kind(
        lambda _: _num_seeds, lambda it: it.getstate(), lambda it, state: it.setstate(state), lambda it: it.seed()
    ),
    "numpy.random": _Kind(
        _key_of_numpy, lambda it: it.get_state(legacy=False), lambda it, state: it.set_state(state), _renew_numpy
    ),
    "torch": _Kind(lambda it: it.initial_seed(), lambda it: it.default_generator.get_state(), _set_torch, _renew_torch),
}
_num_seeds = 0
_fresh: dict[str, Any] = {}
"""Of each module that is imported, the mark as it was right after that."""
_seeded: dict[str, Any] = {}
"""The state of each generator that the application has seeded in the fork server."""


def watch() -> None:
    """Begin, in the fork server, to see which generators are seeded by modules of the application."""
    _fresh["random"] = _num_seeds
    seed = random.seed

    def noted(*args: Any, **kwargs: Any) -> None:
        global _num_seeds
        _num_seeds += 1
        seed(*args, **kwargs)

    random.seed = noted
    for name in ("numpy.random", "torch"):
        after_import(name, _note)


def hold() -> None:
    """Keep the states of those that were seeded, once the fork server has imported everything."""
    random.seed = random._inst.seed  # type: ignore[attr-defined]
    for name, mark in _fresh.items():
        module, kind = sys.modules[name], _KINDS[name]
        if kind.mark(module) != mark:
            _seeded[name] = kind.state(module)


def give_random_numbers() -> None:
    """Give a trial what the application has seeded in its modules, and otherwise numbers of its own."""
    for name, kind in _KINDS.items():
        module = sys.modules.get(name)
        if module is None:
            continue
        if name in _seeded:
            kind.set(module, _seeded[name])
        else:
            kind.renew(module)


def _note(module: ModuleType) -> None:
    _fresh[module.__name__] = _KINDS[module.__name__].mark(module)
