"""What one forward pass of a network costs."""

import torch

from trainer_pkg.nets.heads import MultiheadNetwork
from trainer_pkg.spec import DataSpec


def count_flops(network: MultiheadNetwork, spec: DataSpec) -> int:
    """Floating-point operations of one forward pass of one image, measured by torch.

    Matrix products and convolutions are counted, a multiplication and its addition as two operations; biases,
    activations and the like are not. Statistics, gradients and random numbers stay as they are.
    """
    from torch.utils.flop_counter import FlopCounterMode

    was_training = network.training
    network.eval()  # a batch of one has no statistics
    aux_BA = torch.zeros(1, spec.num_aux) if spec.num_aux else None
    # With gradients: torch counts the fused layers that it takes without them as nothing.
    with torch.enable_grad(), FlopCounterMode(display=False) as counter:
        network(torch.zeros(1, *spec.input_shape), aux_BA)
    network.train(was_training)
    return int(counter.get_total_flops())
