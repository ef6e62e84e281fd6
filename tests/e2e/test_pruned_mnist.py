"""The bar of pruning on real MNIST, as `python -m benchmarks prune` measures it."""

from pathlib import Path

import pytest

from benchmarks.prune import NUM_EPOCHS, NUM_POINTS, measure


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_asha_finds_the_best_with_a_third_of_the_epochs(mnist: Path) -> None:
    [row] = measure(mnist, seeds=1, num_batches=100)
    assert row["epochs"] == NUM_POINTS * NUM_EPOCHS == 432
    assert row["epochs %"] <= 35 and row["worse by %"] <= 0.2, row
