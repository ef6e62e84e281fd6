"""Which way the networks of trials are trained together."""

from collections.abc import Sequence

from trainer_pkg.fused.draws import JointDraws
from trainer_pkg.fused.networks import Network, OneByOne, layered
from trainer_pkg.fused.stack import Stack
from trainer_pkg.fused.tried import Tried
from trainer_pkg.fused.vmapped import Vmapped
from trainer_pkg.module import ImageModule

VMAPPED = ("cuda",)
"""Kinds of devices on which vmap serves. On a CPU our layers cost less and are exact, and so is one by one."""


def network_of(modules: Sequence[ImageModule], stack: Stack, draws: JointDraws) -> Network:
    """The networks of trials, as one.

    Args:
        modules: The modules.
        stack: Their stack.
        draws: Their random numbers.
    """
    network, right = modules[0].network, OneByOne(modules, stack, draws.each)
    if stack.all_values.device.type in VMAPPED:
        return Tried(Vmapped(network, stack, draws), right, stack, draws)
    return layered(network, stack, draws) or right
