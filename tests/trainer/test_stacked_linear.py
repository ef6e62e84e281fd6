"""Stacked linear layers give each network what it would get alone, to the last bit."""

import pytest
import torch
from torch import nn

from trainer_pkg.fused.linear import Linear


@pytest.fixture(autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)
    torch.manual_seed(0)


@pytest.mark.parametrize("num_out", [3, 10, 64, 100, 128, 192, 200, 256, 512])
@pytest.mark.parametrize(("num_rows", "num_in"), [(128, 784), (31, 64), (1, 784)])
def test_shared_inputs_give_each_network_its_own_outputs_and_slopes(num_out: int, num_rows: int, num_in: int) -> None:
    layers = [nn.Linear(num_in, num_out) for _ in range(5)]
    weights, biases = (torch.stack([getattr(layer, name).data for layer in layers]) for name in ("weight", "bias"))
    stacked = Linear(weights, biases, torch.empty_like(weights), torch.empty_like(biases))
    inputs_BF, slopes_BnG = torch.rand(num_rows, num_in), torch.randn(num_rows, 5, num_out)
    outputs_BnG = stacked.forward(inputs_BF)
    stacked.backward(slopes_BnG, wants_inputs=False)
    for position, layer in enumerate(layers):
        output_BG = layer(inputs_BF)
        output_BG.backward(slopes_BnG[:, position].contiguous())
        assert torch.equal(outputs_BnG[:, position], output_BG)
        assert layer.weight.grad is not None and torch.equal(stacked._weight_slope_nGF[position], layer.weight.grad)
