"""Wilcoxon's test over replicates: what it compares, what it spares, and how that is told."""

from collections.abc import Callable, Sequence
from pathlib import Path

from sweeps.outcome import Completed, Failed, Pruned
from sweeps.report.frame import trial_frame
from sweeps.report.lines import ended_line
from sweeps.report.tables import benchmark_table
from sweeps.space import Point
from sweeps.study.pruning import make_pruner
from sweeps.study.storage import Database
from sweeps.study.study import Study

SEEDS = range(6)


def points(*names: str, seeds: Sequence[int] = SEEDS) -> list[Point]:
    return [
        Point(overrides={"x": x, "seed": str(seed)}, varied=("x", "seed"), identity=f"{x}{seed}", cell=x)
        for x in names
        for seed in seeds
    ]


def study_of(url: str, made: list[Point], direction: str = "minimize", **options: float) -> Study:
    study = Study.create(Database(url), "s", [direction], {"objective": ["loss"], "seed_key": "seed"})
    study.add(made)
    study.use(make_pruner({"_target_": "wilcoxon", **options}, None))
    return study


def run(study: Study, value: Callable[[str, int], float]) -> dict[str, list[int]]:
    """Run it to the end; the seeds that were run, by point."""
    ran: dict[str, list[int]] = {}
    while claim := study.claim("w", None):
        x, seed = claim.point.overrides["x"], int(claim.point.overrides["seed"])
        ran.setdefault(x, []).append(seed)
        # Epochs that look bad are none of its business.
        assert not study.should_prune(claim, {"loss": 1e9}, 1)
        study.tell(claim, Completed(values=(value(x, seed),)))
    assert study.is_finished()
    return ran


def paired(x: str, seed: int) -> float:
    """Seeds differ by far more than the points do: only over pairs can they be told apart."""
    return {"a": 0.0, "b": 0.3, "c": -0.2}[x] + 10.0 * seed + 0.01 * (seed * 7 % 5)


def test_replicates_of_a_point_that_is_clearly_worse_are_not_run(storage_url: str) -> None:
    study = study_of(storage_url, points("a", "b", "c"))
    # Four pairs one way have p = 1/16, below the threshold of 0.1: two of six are spared.
    assert run(study, paired) == {"a": [*SEEDS], "b": [0, 1, 2, 3], "c": [*SEEDS]}
    spared = [trial for trial in study.trials() if trial.state == "pruned"]
    assert [trial.point.overrides["seed"] for trial in spared if trial.point] == ["4", "5"]
    why = "its point is clearly worse: mean 15.3175 over 4 seeds, the best has 15.0175 over the same (wilcoxon)"
    assert [trial.outcome for trial in spared] == [Pruned(why=why)] * 2
    study.reconcile()
    assert study.unmirrored() == [] and study.events(10)[-1].why == f"not run: {why}"
    assert ended_line(spared[0], 11, 18) == f"[11/18] trial 10 pruned x=b seed=4: {why}"


def test_a_table_says_that_they_were_not_run_and_not_that_they_failed(tmp_path: Path) -> None:
    study = study_of(f"sqlite:///{tmp_path}/s.db", points("a", "b"))
    run(study, paired)
    table = benchmark_table(trial_frame(study))
    assert table is not None
    assert any("x=b 4/6: 2 not run, as its point is clearly worse" in note for note in table.notes), table.notes
    assert not any("failed" in note for note in table.notes)


def test_the_better_point_is_run_whole_whichever_comes_first(tmp_path: Path) -> None:
    for direction, order in (("minimize", "ba"), ("maximize", "ab")):
        (folder := tmp_path / direction).mkdir()
        study = study_of(f"sqlite:///{folder}/s.db", points(*order), direction)
        ran = run(study, paired)
        better = "a" if direction == "minimize" else "b"
        assert ran[better] == [*SEEDS], (direction, ran)


def test_points_that_seeds_do_not_tell_apart_are_all_run(tmp_path: Path) -> None:
    study = study_of(f"sqlite:///{tmp_path}/s.db", points("a", "b"))
    ran = run(study, lambda x, seed: [3.0, 1.0, 2.0, 5.0, 4.0, 0.0][seed if x == "a" else 5 - seed])
    assert ran == {"a": [*SEEDS], "b": [*SEEDS]}


def test_only_seeds_that_both_have_are_compared(tmp_path: Path) -> None:
    study = study_of(f"sqlite:///{tmp_path}/s.db", points("a", seeds=range(3)) + points("b"))
    assert run(study, paired)["b"] == [*SEEDS]  # three pairs are too few, though a's mean is far better
    study.add(points("a", seeds=range(3, 7)))
    while claim := study.claim("w", None):
        study.tell(claim, Failed(cause="error", detail="no result is no pair"))
    study.add(points("c"))
    assert run(study, paired)["c"] == [*SEEDS]


def test_a_trial_that_somebody_wants_whole_is_run(tmp_path: Path) -> None:
    study = study_of(f"sqlite:///{tmp_path}/s.db", points("a", "b"))
    run(study, paired)
    assert study.go_on(10, "test") and not study.go_on(9, "test")
    assert run(study, paired) == {"b": [4]} and study.trials()[10].state == "completed"
