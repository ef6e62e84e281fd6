"""A faster way for networks, kept if it computes on their first batch what is right."""

import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Generator, Tensor

from trainer_pkg.errors import first_line
from trainer_pkg.fused.draws import JointDraws
from trainer_pkg.fused.networks import Evaluating
from trainer_pkg.fused.stack import Stack

TOLERANCE = 1e-3
"""The most by which outputs and running statistics of a trial may differ, in units of the trial's largest number.

torch's BatchNorm for images errs by up to 7e-4 on a CPU, as measured on MNIST against 64 bits; under vmap by 3e-5.
"""

SLOPE_TOLERANCE = 0.1
"""The most by which gradients may, in units of their norm: where rounding decides which of two pixels is the larger,
they go another way. On a CPU and MNIST, those of a lone `cnn` are 4 % from those of 64 bits. The dropout of another
trial makes 70 %.
"""

_LEAST = 1e-3
"""Running statistics that are smaller are noise, as those of zeros."""

_TINY = 1e-30

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Pass:
    """What a forward and a backward pass give, and what they leave."""

    outputs: list[Tensor]
    gradients: Tensor
    buffers: list[Tensor]
    draws: list[list[Tensor]]


class Tried:
    """Networks that are first run in two ways; if the results agree, the faster way is kept.

    This changes nothing else: the first batch is then trained on like any other.

    Args:
        fast: The faster way.
        right: The way that is known to be right.
        stack: The stack that both of them use.
        draws: The random numbers of the trials.

    Attributes:
        chosen: The way that is kept; None before the first batch.
        why: Why it is not the faster one; empty if it is.
    """

    def __init__(self, fast: Evaluating, right: Evaluating, stack: Stack, draws: JointDraws) -> None:
        self._fast, self._right, self._stack, self._draws = fast, right, stack, draws
        self._buffers = [block for name, block in stack.values.items() if name not in stack.parameters[0]]
        self.chosen: Evaluating | None = None
        self.why = ""
        self._evaluates: Evaluating | None = None

    def forward(self, images: Tensor, aux: Tensor | None) -> dict[str, Tensor]:
        if self.chosen is None:
            self.why = self._difference(images, aux)
            self.chosen = self._right if self.why else self._fast
            if self.why:
                log.info("Fused trials run one after the other, not by vmap: %s", self.why)
        return self.chosen.forward(images, aux)

    def backward(self, slopes: Mapping[str, Tensor]) -> None:
        assert self.chosen is not None
        self.chosen.backward(slopes)

    def evaluate(self, images: Tensor, aux: Tensor | None) -> dict[str, Tensor]:
        if self._evaluates is None:
            why = self._difference_in_evaluation(images, aux)
            self._evaluates = self._right if why else self._fast
            if why:
                log.info("Fused trials are evaluated one after the other, not by vmap: %s", why)
        return self._evaluates.evaluate(images, aux)

    @property
    def is_fast(self) -> bool:
        """Whether the faster way is kept."""
        return self.chosen is self._fast

    def let_go(self) -> None:
        for way in (self._fast, self._right):
            way.let_go()

    def _difference(self, images: Tensor, aux: Tensor | None) -> str:
        """Why the faster way is not to be taken; empty if it is."""
        buffers, states = [block.clone() for block in self._buffers], self._draws.states()
        found: list[_Pass] = []
        with _in_full_precision():
            for way in (self._right, self._fast):
                try:
                    found.append(self._pass(way, images, aux))
                except Exception as error:  # whatever a stranger's network does under vmap
                    if way is self._right:
                        raise
                    return first_line(error)
                finally:
                    for block, kept in zip(self._buffers, buffers, strict=True):
                        block.copy_(kept)
                    self._draws.set_states(states)
        return _difference(*found)

    def _difference_in_evaluation(self, images: Tensor, aux: Tensor | None) -> str:
        with _in_full_precision():
            right = self._right.evaluate(images, aux)
            try:
                found = self._fast.evaluate(images, aux)
            except Exception as error:  # likewise
                return first_line(error)
        return _gap(
            "outputs", [of.transpose(0, 1) for of in right.values()], [found[head].transpose(0, 1) for head in right]
        )

    def _pass(self, way: Evaluating, images: Tensor, aux: Tensor | None) -> _Pass:
        outputs, generator = way.forward(images, aux), Generator().manual_seed(0)
        way.backward({head: torch.randn(of.shape, generator=generator).to(of) for head, of in outputs.items()})
        return _Pass(
            outputs=[outputs_BnK.transpose(0, 1) for outputs_BnK in outputs.values()],
            gradients=torch.cat([block.reshape(len(block), -1) for block in self._stack.gradients.values()], 1),
            buffers=[block.clone() for block in self._buffers],
            draws=self._draws.states(),
        )


def _difference(right: _Pass, found: _Pass) -> str:
    """What differs first; empty: nothing does."""
    for one, two in zip(right.draws, found.draws, strict=True):
        if not all(map(torch.equal, one, two)):
            return "it draws other random numbers"
    for what, ours, theirs, least in (
        ("outputs", right.outputs, found.outputs, 0.0),
        ("running statistics", right.buffers, found.buffers, _LEAST),
    ):
        if why := _gap(what, ours, theirs, least):
            return why
    gap = norm_apart(right.gradients, found.gradients)
    return "" if gap <= SLOPE_TOLERANCE else f"gradients differ by {gap:.1g} of their norm"


def _gap(what: str, right: Sequence[Tensor], found: Sequence[Tensor], least: float = 0.0) -> str:
    gap = max((apart(*pair, least) for pair in zip(right, found, strict=True)), default=0.0)
    return "" if gap <= TOLERANCE else f"{what} differ by {gap:.1g} of the largest"


def apart(right: Tensor, found: Tensor, least: float = 0.0) -> float:
    """The largest difference of any trial, in units of the trial's largest number; a NaN equals a NaN.

    Args:
        right: Numbers of n trials, (n, ...).
        found: Others.
        least: What the largest number counts at least.

    Example:
        >>> apart(torch.tensor([[1.0, 200.0], [1.5, 2.0]]), torch.tensor([[1.0, 200.0], [1.0, 2.0]]))
        0.25
    """
    if not right.numel():
        return 0.0
    largest_n = right.float().reshape(len(right), -1).abs().nan_to_num(posinf=0.0).amax(1)
    return float((_gaps(right, found).amax(1) / largest_n.clamp_min(max(least, _TINY))).max())


def norm_apart(right: Tensor, found: Tensor) -> float:
    """The largest norm of the differences of any trial, in units of the norm of its numbers; a NaN equals a NaN.

    Args:
        right: Numbers of n trials, (n, ...).
        found: Others.

    Example:
        >>> norm_apart(torch.tensor([[3.0, 4.0], [0.0, 2.0]]), torch.tensor([[3.0, 4.0], [1.0, 2.0]]))
        0.5
    """
    norms_n = right.float().reshape(len(right), -1).nan_to_num(posinf=0.0, neginf=0.0).norm(dim=1)
    return float((_gaps(right, found).norm(dim=1) / norms_n.clamp_min(_TINY)).max())


def _gaps(right: Tensor, found: Tensor) -> Tensor:
    """How far numbers of n trials are apart, (n, M)."""
    right_nM, found_nM = (numbers.float().reshape(len(right), -1) for numbers in (right, found))
    is_same_nM = (found_nM == right_nM) | (found_nM.isnan() & right_nM.isnan())
    return (found_nM - right_nM).abs().masked_fill(is_same_nM, 0.0)


@contextmanager
def _in_full_precision() -> Iterator[None]:
    """While products of float32 are not shortened, as a GPU may do in the one way and not in the other."""
    precision, is_short = torch.get_float32_matmul_precision(), torch.backends.cudnn.allow_tf32
    torch.set_float32_matmul_precision("highest")
    torch.backends.cudnn.allow_tf32 = False
    try:
        yield
    finally:
        torch.set_float32_matmul_precision(precision)
        torch.backends.cudnn.allow_tf32 = is_short
