"""Which cells are told apart from the best: on draws whose truth is known, and on values worked by hand."""

from dataclasses import dataclass

import numpy as np
import pytest

from sweeps.report.statistics.comparisons import compared

NUM_DRAWS = 2000


@dataclass(frozen=True)
class Scenario:
    """Six cells with these true means and standard deviations; those of mean 0 are the true bests."""

    means: tuple[float, ...]
    sds: tuple[float, ...] = (1.0,) * 6

    def marked(self, num_seeds: int) -> np.ndarray:
        """(draws, 6): whether a cell is best or not told apart from the best, in paired draws with a seed effect."""
        rng = np.random.default_rng(num_seeds)
        noise = rng.normal(size=(NUM_DRAWS, 6, num_seeds)) * np.array(self.sds)[:, None]
        effect = 2 * rng.normal(size=(NUM_DRAWS, 1, num_seeds))
        found = compared(np.array(self.means)[:, None] + noise + effect, "max")
        assert not (found.best & found.same).any() and (found.best.sum(axis=1) == 1).all()
        return found.best | found.same

    @property
    def truth(self) -> np.ndarray:
        return np.array(self.means) == 0


SCENARIOS = {
    "A": Scenario((0,) * 6),
    "B": Scenario((0, -8, -8, -8, -8, -8)),
    "C": Scenario((0, 0, -8, -8, -8, -8)),
    "D": Scenario((0, 0, -1, -1, -4, -4)),
    "E": Scenario((0,) * 6, (0.2, 0.4, 0.8, 1.2, 2.0, 3.0)),
    "F": Scenario((0, 0, -8, -80, -240, -800), (1, 1, 1, 10, 30, 100)),
}


@pytest.mark.parametrize("num_seeds", [3, 5])
@pytest.mark.parametrize("name", SCENARIOS)
def test_true_bests_are_kept(name: str, num_seeds: int) -> None:
    scenario = SCENARIOS[name]
    assert scenario.marked(num_seeds)[:, scenario.truth].mean() >= 0.97


@pytest.mark.parametrize("num_seeds", [3, 5])
@pytest.mark.parametrize(("name", "most"), [("A", 0.005), ("C", 0.005), ("D", 0.005), ("E", 0.01)])
def test_a_wrong_single_winner_is_rare(name: str, most: float, num_seeds: int) -> None:
    scenario = SCENARIOS[name]
    marked = scenario.marked(num_seeds)
    is_single = marked.sum(axis=1) == 1
    is_wrong = is_single if scenario.truth.all() else is_single & marked[:, ~scenario.truth].any(axis=1)
    assert is_wrong.mean() <= most


@pytest.mark.parametrize(("name", "least"), [("B", 0.99), ("C", 0.93), ("F", 0.93)])
def test_five_seeds_find_exactly_the_bests(name: str, least: float) -> None:
    scenario = SCENARIOS[name]
    assert (scenario.marked(5) == scenario.truth).all(axis=1).mean() >= least


def test_five_seeds_exclude_what_is_four_standard_deviations_worse() -> None:
    marked = SCENARIOS["D"].marked(5)
    assert (~marked[:, 4:]).mean() >= 0.90
    assert 0 < (~SCENARIOS["D"].marked(3)[:, 4:]).mean() < 0.5  # three seeds seldom tell anything


def test_equal_means_are_all_best_in_whatever_order_their_seeds_come() -> None:
    values = np.array([[0.1, 0.2, 0.3], [0.3, 0.1, 0.2], [0.0, 0.1, 0.1]])
    found = compared(values, "max")
    assert found.best.tolist() == [True, True, False]
    assert compared(-values, "min").best.tolist() == [True, True, False]


def test_cells_are_paired_by_common_seeds() -> None:
    nan = np.nan
    values = np.array([
        [1.0, 1.1, 0.9, 1.0, nan],  # best
        [0.5, 0.62, 0.39, nan, 0.5],  # three seeds in common: told apart
        [nan, nan, 0.9, 0.9, 0.9],  # two in common: cannot be compared, so it has no mark
        [2.0, 2.0, nan, nan, nan],  # too few seeds to be best
    ])  # fmt: skip
    found = compared(values, "max")
    assert found.best.tolist() == [True, False, False, False]
    assert found.same.tolist() == [False, False, False, False]
    assert found.n.tolist()[1:3] == [3, 2] and found.p[1] < 0.05 and np.isnan(found.p[[0, 2, 3]]).all()


def test_the_correction_counts_the_comparisons() -> None:
    best, close = np.full(5, 1.0), 1.0 - np.array([0.1, 0.15, 0.05, 0.2, 0.02])
    wild = 1.0 - np.array([0.5, -0.4, 0.3, -0.2, 0.1])
    two, many = (compared(np.array([best, close, *[wild] * num]), "max") for num in (0, 3))
    assert two.p[1] == pytest.approx(0.0333647, abs=1e-6) and not two.same[1]
    assert many.p[1] == pytest.approx(4 * two.p[1]) and many.same.tolist() == [False, True, True, True, True]


def test_accuracies_that_differ_by_one_image_in_each_seed_are_not_told_apart() -> None:
    values = np.array([[0.90, 0.91, 0.92], [0.90, 0.91, 0.92], [0.70, 0.71, 0.72]])
    values[1] -= 1 / 360
    found = compared(values.astype(np.float32).astype(float), "max")
    assert found.best.tolist() == [True, False, False] and found.same.tolist() == [False, True, False]
    assert found.sd.tolist()[1:] == [0.0, 0.0]  # what is rounding is no spread that a difference could be seen by
