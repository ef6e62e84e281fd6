"""Random functions under vmap: each trial gets what it would get alone, and has drawn as much."""

from collections.abc import Callable, Sequence
from typing import Any

import pytest
import torch
from torch import Generator, Tensor
from torch.func import vmap
from torch.nn import functional as F

from trainer_pkg.fused import replaced
from trainer_pkg.fused.draws import Draws, JointDraws
from trainer_pkg.fused.replaced import as_vmap_can

SHAPE = (2, 4, 6, 8)  # rows, heads, tokens, numbers per token
MASK = torch.zeros(6, 6).masked_fill(torch.ones(6, 6).triu(1).bool(), -torch.inf)
SEEDS = [(1, 2, 3), (5, 5, 5)]


def by_vmap(of_one: Callable[..., Tensor], seeds: Sequence[int], *inputs: Tensor) -> tuple[Tensor, list[list[Tensor]]]:
    """What a function gives of the tensors of each trial, (n, ...), and where their random numbers are then."""
    draws = JointDraws([Draws(torch.device("cpu")) for _ in seeds])
    draws.set_states([[Generator().manual_seed(seed).get_state()] for seed in seeds])

    def run(position: Tensor, *its: Tensor) -> Tensor:
        with as_vmap_can(position, draws):
            return of_one(*its)

    return vmap(run, randomness="error")(torch.arange(len(seeds)), *inputs), draws.states()


def assert_as_alone(of_one: Callable[..., Tensor], seeds: Sequence[int], *inputs: Tensor) -> None:
    inputs = tuple(of.clone().requires_grad_() for of in inputs)
    found, states = by_vmap(of_one, seeds, *inputs)
    slopes = torch.autograd.grad(found.square().sum(), inputs)
    for position, seed in enumerate(seeds):
        torch.manual_seed(seed)
        mine = [of[position].detach().clone().requires_grad_() for of in inputs]
        wanted = of_one(*mine)
        torch.testing.assert_close(found[position], wanted)
        for ours, right in zip(slopes, torch.autograd.grad(wanted.square().sum(), mine), strict=True):
            torch.testing.assert_close(ours[position], right)
        assert torch.equal(states[position][0], torch.get_rng_state())


@pytest.mark.parametrize("seeds", SEEDS)
@pytest.mark.parametrize("rest", [{}, {"attn_mask": MASK}, {"is_causal": True}, {"scale": 0.1}])
@pytest.mark.parametrize("most", [0, 2**26])
def test_attention_with_dropout(
    seeds: tuple[int, ...], rest: dict[str, Any], most: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(replaced, "_MOST_WEIGHTS", most)
    query, key, value = (torch.randn(len(seeds), *SHAPE) for _ in range(3))

    def twice(*its: Tensor) -> Tensor:
        first = F.scaled_dot_product_attention(*its, dropout_p=0.4, **rest)
        return F.scaled_dot_product_attention(first, *its[1:], dropout_p=0.2, **rest)

    assert_as_alone(twice, seeds, query, key, value)


@pytest.mark.parametrize("seeds", SEEDS)
@pytest.mark.parametrize("p", [0.3, 1.0])
def test_dropout_follows_the_order_of_the_numbers_in_memory(seeds: tuple[int, ...], p: float) -> None:
    images = torch.randn(len(seeds), *SHAPE)
    plain = by_vmap(lambda image: F.dropout(image.transpose(1, 3), p), seeds, images)[0]
    for position, seed in enumerate(seeds):
        torch.manual_seed(seed)
        assert torch.equal(plain[position], F.dropout(images[position].transpose(1, 3), p))
    assert_as_alone(lambda image: F.dropout(image, p), seeds, images)


@pytest.mark.parametrize("seeds", SEEDS)
def test_a_share_of_the_rows_is_dropped(seeds: tuple[int, ...]) -> None:
    assert_as_alone(lambda image: image * torch.empty(2, 1, 1, 1).bernoulli_(0.5), seeds, torch.randn(3, *SHAPE))


def test_a_mean_over_all_pixels_is_that_of_torch() -> None:
    images = torch.randn(3, *SHAPE).contiguous()
    for size in (1, (1, 1), [1, 1], (1, None), 2, (2, 3)):
        found, _ = by_vmap(lambda image, size=size: F.adaptive_avg_pool2d(image, size), SEEDS[0], images)
        torch.testing.assert_close(found, torch.stack([F.adaptive_avg_pool2d(image, size) for image in images]))
