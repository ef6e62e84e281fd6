"""Stacked linear layers give each network what it would get alone, to the last bit, on whatever processor."""

from collections.abc import Iterator

import pytest
import torch
from torch import Tensor, nn

from trainer_pkg.fused.linear import Linear
from trainer_pkg.fused.products import NotApplicableError, Product
from trainer_pkg.fused.room import Room, room_for
from trainer_pkg.fused.stack import Stack

NUM = 5


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    yield
    torch.set_num_threads(before)


def as_layers_give(values_nBF: Tensor) -> Tensor:
    """The same, where a layer would leave it, (B, n, F)."""
    num, num_rows, num_features = values_nBF.shape
    room = room_for(values_nBF.new_empty(num_rows, 0), num, num_features, Room())
    return room.copy_(values_nBF.transpose(0, 1))


@pytest.mark.parametrize("has_bias", [True, False])
@pytest.mark.parametrize("num_out", [1, 3, 10, 20, 64, 80, 128, 192, 200, 512])
@pytest.mark.parametrize(("num_rows", "num_in"), [(128, 784), (31, 64), (128, 10), (70, 20), (1, 784)])
def test_each_network_gets_its_own_outputs_and_slopes(num_out: int, num_rows: int, num_in: int, has_bias: bool) -> None:
    layers = [nn.Linear(num_in, num_out, bias=has_bias) for _ in range(NUM)]
    alone = [nn.Linear(num_in, num_out, bias=has_bias) for _ in range(NUM)]
    for layer, lone in zip(layers, alone, strict=True):
        lone.load_state_dict(layer.state_dict())
        layer(torch.rand(1, num_in)).sum().backward()  # it has trained
    stack = Stack(layers, [name for name, _ in layers[0].named_parameters()])
    stack.hand_gradients()
    tables = (stack.values, stack.gradients)
    stacked = Linear(*(table.get(name) for table in tables for name in ("weight", "bias")))  # type: ignore[arg-type]
    for is_shared in (True, False):
        inputs_nBF, slopes_nBG = torch.rand(NUM, num_rows, num_in), torch.randn(NUM, num_rows, num_out)
        inputs = inputs_nBF[0] if is_shared else as_layers_give(inputs_nBF)
        outputs_BnG = stacked.forward(inputs)
        slopes_BnF = stacked.backward(as_layers_give(slopes_nBG), wants_inputs=True)
        assert slopes_BnF is not None
        outputs_BnG = outputs_BnG.clone()
        assert torch.equal(stacked.evaluate(inputs), outputs_BnG)
        for position, layer in enumerate(alone):
            mine = inputs_nBF[0 if is_shared else position].clone().requires_grad_()
            output_BG = layer(mine)
            layer.zero_grad()
            output_BG.backward(slopes_nBG[position])
            assert torch.equal(outputs_BnG[:, position], output_BG)
            assert mine.grad is not None and torch.equal(slopes_BnF[:, position], mine.grad)
            for name, parameter in layer.named_parameters():
                assert parameter.grad is not None and torch.equal(stack.gradients[name][position], parameter.grad)


def test_a_parameter_of_a_stack_begins_where_its_own_tensor_would() -> None:
    modules = [nn.Sequential(nn.Linear(7, 3), nn.BatchNorm1d(3)) for _ in range(3)]
    networks = [nn.ModuleDict({"network": module}) for module in modules]
    for network in networks:
        network["network"](torch.rand(2, 7)).sum().backward()
    kept = [{name: value.clone() for name, value in network.state_dict().items()} for network in networks]
    stack = Stack(networks, [name for name, _ in networks[0].named_parameters()])
    stack.hand_gradients()
    for network, before in zip(networks, kept, strict=True):
        held, parameters = network.state_dict(keep_vars=True), list(network.parameters())
        gradients = [parameter.grad for parameter in parameters]
        assert all(one.data_ptr() % 64 == 0 for one in (*parameters, *gradients) if one is not None)
        assert all(torch.equal(held[name], before[name]) for name in before)
        assert not any(gradient.any() for gradient in gradients if gradient is not None)


def told(way: str, taken: list[str], error: float = 0.0, refuses: bool = False):  # type: ignore[no-untyped-def]
    """A way to double n numbers, which notes that it was taken."""

    def write(result_n: Tensor, given_n: Tensor) -> None:
        if refuses:
            raise NotApplicableError
        taken.append(way)
        result_n.copy_(given_n * 2)
        result_n[-1] += error

    return write


@pytest.mark.parametrize(("num_threads", "wanted"), [(1, "third"), (2, "second")])
def test_the_first_way_that_is_exact_is_taken_and_on_several_threads_the_first(num_threads: int, wanted: str) -> None:
    torch.set_num_threads(num_threads)
    taken: list[str] = []
    ways = [told("first", taken, refuses=True), told("second", taken, error=1e-6), told("third", taken)]
    product = Product(ways, lambda position, given_n: given_n[position] * 2, axis=0)
    result_n, given_n = torch.zeros(NUM), torch.arange(1.0, NUM + 1)
    for _ in range(2):
        del taken[:]
        product.write(result_n, given_n)
        assert torch.equal(result_n, given_n * 2) == (wanted == "third")
    assert taken == [wanted], "it is tried once"


@pytest.mark.parametrize("num", [1, 2, 40_000])
def test_where_no_way_is_exact_each_network_is_computed_alone(num: int) -> None:
    taken: list[str] = []
    product = Product([told("only", taken, error=1e-3)], lambda position, given_n: given_n[position] * 2, axis=0)
    result_n, given_n = torch.zeros(num), torch.rand(num) + 1
    product.write(result_n, given_n)
    assert torch.equal(result_n, given_n * 2)
    assert taken == ["only"]
