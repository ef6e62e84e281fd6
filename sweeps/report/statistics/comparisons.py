"""Which cells of a column are told apart from its best one: paired t tests over common seeds, with Holm's correction.

The rule held in all simulations of `tests/sweeps/test_marks.py`: at n = 5 each true best stays among the marked in at
least 97 %, and a wrong single winner is named in at most 0.5 %. Wilcoxon's test cannot reach 0.05 below six seeds, and
tests with one pooled variance fail where the cells vary differently, as those of weight studies do.
"""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.floating[Any]]
Mask = NDArray[np.bool_]

ALPHA, POWER = 0.05, 0.8
FEWEST_SEEDS = 3

_FLOAT32 = 2.0**-22
"""Single precision, in which metrics are computed, changes a difference by less, relatively to the values."""

_TIE = 1e-12
"""Means are equal that differ by less, relatively: the order of a sum makes such differences."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PairedTest:
    """Paired t tests, along the last axis (Student 1908).

    Attributes:
        n: Pairs.
        mean: Mean difference.
        sd: Standard deviation of the differences (n - 1).
        p: Two-sided probability; NaN for fewer than three pairs.
    """

    n: NDArray[np.intp]
    mean: Array
    sd: Array
    p: Array


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """The cells of a column beside its best one; arrays have the shape of the column's means.

    Attributes:
        best: Cells with the best mean, all of them where several are equal.
        same: Cells that are not told apart from the best.
        p: Probability by Holm; NaN for the best cell and for those that cannot be compared.
        sd: Standard deviation of the differences from the best, 0 where it is rounding alone; NaN likewise.
        n: Seeds in common with the best.
    """

    best: Mask
    same: Mask
    p: Array
    sd: Array
    n: NDArray[np.intp]


def paired_t(differences: Array, resolution: float = 0.0, rounding: float = 0.0) -> PairedTest:
    """Test along the last axis whether the mean of paired differences is 0; NaN is a missing pair.

    Differences that are all equal have no spread to test with. They are told apart (p = 0) where they exceed the
    resolution, else not (p = 1): three seeds that differ by one test image each are no proof.

    Args:
        differences: (..., n).
        resolution: The smallest step of the measure, such as 1 / rows of the test split.
        rounding: Differences that differ by less are equal.
    """
    from scipy.special import stdtr

    there = np.isfinite(differences)
    n = there.sum(axis=-1)
    filled = np.where(there, differences, 0.0)
    with np.errstate(divide="ignore", invalid="ignore"):
        mean = filled.sum(axis=-1) / n
        sd = np.sqrt((np.where(there, differences - mean[..., None], 0.0) ** 2).sum(axis=-1) / (n - 1))
        p = 2 * stdtr(np.maximum(n - 1, 1), -np.abs(mean) / (sd / np.sqrt(n)))
    p = np.where(sd <= rounding, (np.abs(mean) <= resolution + rounding).astype(float), p)
    return PairedTest(n=n, mean=mean, sd=sd, p=np.where(n < FEWEST_SEEDS, np.nan, p))


def holm(p: Array) -> Array:
    """Probabilities of a family of tests, along the last axis, corrected by Holm (1979); NaN is no test."""
    order = np.argsort(p, axis=-1)  # NaN last
    ranked = np.take_along_axis(p, order, axis=-1)
    num_tests = np.isfinite(p).sum(axis=-1, keepdims=True)
    stepped = ranked * np.maximum(num_tests - np.arange(p.shape[-1]), 1)
    corrected = np.minimum(np.fmax.accumulate(stepped, axis=-1), 1.0)
    made = np.empty_like(p)
    np.put_along_axis(made, order, np.where(np.isfinite(ranked), corrected, np.nan), axis=-1)
    return made


def compared(values: Array, direction: str, alpha: float = ALPHA) -> Comparison:
    """Compare each cell with the best observed mean, over the seeds that both have.

    Args:
        values: (..., cells, seeds); NaN where a cell lacks a seed. Cells with fewer than three are not compared.
        direction: `max` or `min`: which mean is best.
        alpha: A cell is told apart from the best where its probability is at most this.
    """
    there = np.isfinite(values)
    counts = there.sum(axis=-1)
    turned = np.where(there, values if direction == "max" else -values, 0.0)
    means = np.where(counts >= FEWEST_SEEDS, turned.sum(axis=-1) / np.maximum(counts, 1), -np.inf)
    reference = means.argmax(axis=-1)[..., None]
    top = np.take_along_axis(means, reference, axis=-1)
    best = np.isfinite(means) & (means >= top - _TIE * np.abs(top))
    differences = np.take_along_axis(values, reference[..., None], axis=-2) - values
    test = paired_t(differences, resolution(values), rounding := _rounding(values))
    sd = np.where(test.sd <= rounding, 0.0, test.sd)
    is_other = np.isfinite(means) & (np.arange(means.shape[-1]) != reference)
    p = holm(np.where(is_other, test.p, np.nan))
    with np.errstate(invalid="ignore"):
        same = ~best & (p > alpha)
    return Comparison(best=best, same=same, p=p, sd=np.where(is_other, sd, np.nan), n=test.n)


def resolution(values: Array) -> float:
    """The smallest step between two of the values: an accuracy's is 1 / rows, as far as the values show it."""
    steps = np.diff(np.unique(values[np.isfinite(values)]))
    return float(steps[steps > _rounding(values)].min(initial=np.inf)) if steps.size else 0.0


def _rounding(values: Array) -> float:
    """What single precision may have taken from, or added to, a difference of these values."""
    return _FLOAT32 * float(np.abs(values[np.isfinite(values)]).max(initial=0.0))


def detectable(n: int, alpha: float = ALPHA, power: float = POWER) -> float:
    """The smallest mean difference that n pairs show, in standard deviations of the differences.

    A two-sided t test finds such a difference with the given power; from the noncentral t (Cohen 1988).

    Args:
        n: Pairs, two or more.
        alpha: Of the test. The first step of Holm's correction has alpha / comparisons.
        power: Probability that the difference is found.
    """
    from scipy.special import nctdtr, stdtrit

    critical = stdtrit(n - 1, 1 - alpha / 2)
    low, high = 0.0, 2.0 * critical
    while high - low > 1e-9 * high:
        middle = (low + high) / 2
        # The other tail has less than 1e-9 of such a distribution, and scipy's function gives NaN for some of it.
        missed = nctdtr(n - 1, middle * math.sqrt(n), critical)
        low, high = (low, middle) if missed <= 1 - power else (middle, high)
    return float(high)
