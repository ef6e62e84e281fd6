"""The best trial, the Pareto set, and the file that keeps them."""

import math
from pathlib import Path

import pytest
import yaml

from sweeps.errors import StudyError
from sweeps.outcome import Completed, Failed, Outcome, Pruned
from sweeps.report.best import best_lines, keep_best, told_best, without_value
from sweeps.report.frame import trial_frame
from sweeps.report.listing import trials_listing
from sweeps.report.ranking import best_cells, best_trials
from sweeps.report.tables import benchmark_table
from sweeps.space import Point
from sweeps.study.records import TrialRow
from sweeps.study.study import Study
from sweeps.trial.files import StudyFiles
from tests.studies import Result, done, study_of

FAILED = Failed(cause="error", detail="ValueError: x")


def rows(*outcomes: Outcome | None) -> list[TrialRow]:
    return [
        TrialRow(number=i, state="any", attempt=1, point=Point(overrides={"x": str(i)}), worker=None, outcome=outcome)
        for i, outcome in enumerate(outcomes)
    ]


def numbers(outcomes: list[Outcome | None], *directions: str) -> list[int]:
    return [trial.number for trial in best_trials(rows(*outcomes), directions)]


@pytest.mark.parametrize(
    ("values", "direction", "expected"),
    [
        ([3.0, 1.0, 2.0], "minimize", [1]),
        ([3.0, 1.0, 2.0], "maximize", [0]),
        ([2.0, 1.0, 1.0, 1.0], "minimize", [1, 2, 3]),
        ([-0.0, 0.0], "maximize", [0, 1]),
        ([math.nan, 5.0, math.inf], "maximize", [1]),
        ([math.nan], "minimize", []),
        ([], "minimize", []),
    ],
)
def test_the_best_of_one_objective_and_all_that_are_as_good(
    values: list[float], direction: str, expected: list[int]
) -> None:
    assert numbers([done(value) for value in values], direction) == expected


def test_only_what_has_completed_with_all_its_values_counts() -> None:
    others: list[Outcome | None] = [
        None,
        FAILED,
        Pruned(values=(0.0,)),
        Completed(values=()),
        done(9.0),
        done(1.0, 2.0),
    ]
    assert numbers(others, "minimize") == [4]
    assert numbers(others, "minimize", "minimize") == [5]


def test_the_pareto_set_of_two_objectives() -> None:
    values = [(1.0, 5.0), (2.0, 6.0), (2.0, 4.0), (3.0, 7.0), (1.0, 4.0), (1.0, 5.0), (math.nan, 9.0)]
    made: list[Outcome | None] = [done(*pair) for pair in values]
    # Small first, large second: 0 (1, 5) gives way to none, 5 is equal to it, 1 (2, 6) and 3 (3, 7) are larger.
    assert numbers(made, "minimize", "maximize") == [0, 5, 1, 3]
    assert numbers(made, "minimize", "minimize") == [4]


def test_the_pareto_set_of_three_objectives_by_trying_every_pair() -> None:
    values = [tuple(float((i * k) % 17) for k in (3, 5, 7)) for i in range(1, 60)]
    beaten = {
        i for i, mine in enumerate(values) for other in values
        if other != mine and all(o <= m for o, m in zip(other, mine, strict=True))
    }  # fmt: skip
    found = numbers([done(*each) for each in values], *["minimize"] * 3)
    assert set(found) == set(range(len(values))) - beaten


def named(folder: Path, *outcomes: Outcome | None, **options: object) -> Study:
    results = [({"model": "cnn", "x": str(i), "+lr": "0.5"}, outcome) for i, outcome in enumerate(outcomes)]
    study = study_of(folder, results, varied=("x", "+lr"), **options)  # type: ignore[arg-type]
    of_hydra = ["hydra.job.chdir=true", "hydra/sweeper=sweeps", "hydra.sweeper.params.y=1"]
    command = {"module": "__main__", "script": "/elsewhere/my app.py", "options": ["--config-name=big"]}
    study.remember("command", {**command, "hydra": of_hydra})
    study.remember("arguments", ["x=0,1,2", "+lr=0.5", "model=cnn", "study.slots=1", "paths.data=/d", "hydra_x=1,2"])
    return study


def test_the_best_line_is_a_command_for_the_shell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    monkeypatch.setattr("sys.executable", "/opt/my python")
    lines = best_lines(study := named(tmp_path, done(1.0), done(0.12345678), done(0.12345678)), study.trials())
    assert lines == [
        "Best:    trial 1, loss=0.123457 (minimize): '/opt/my python' '/elsewhere/my app.py' --config-name=big"
        " hydra.job.chdir=true paths.data=/d model=cnn x=1 +lr=0.5",
        "         as good: trial 2",
    ]


def test_two_objectives_are_a_pareto_set(tmp_path: Path) -> None:
    both = {"objectives": ("loss", "acc"), "directions": ("minimize", "maximize")}
    study = study_of(tmp_path, [({"x": str(i)}, done(i, i + 10.0)) for i in range(7)], **both)  # type: ignore[arg-type]
    lines = best_lines(study, study.trials())
    assert lines[0] == "Pareto:  7 of 7 trials, by loss (minimize), acc (maximize)"
    assert lines[2] == "         trial 1, loss=1, acc=11: x=1"
    assert len(lines) == 7 and lines[-1] == "         ... and 2 more, in best.yaml"
    keep_best(study, StudyFiles(tmp_path))
    told = yaml.safe_load((tmp_path / "best.yaml").read_text())
    assert [each["trial"] for each in told["best"]] == list(range(7)) and "as_good" not in told
    assert told["best"][3]["values"] == {"loss": 3.0, "acc": 13.0}


def test_the_file_has_all_that_repeats_the_best_trial(tmp_path: Path) -> None:
    study = named(tmp_path, done(1.0), FAILED, done(0.25), done(0.25), objectives=())
    keep_best(study, StudyFiles(tmp_path))
    told = yaml.safe_load((tmp_path / "best.yaml").read_text())
    (best,) = told.pop("best")
    assert told == {"study": "s", "objectives": {"objective": "minimize"}, "as_good": [3]}
    assert best.pop("command").endswith("hydra.job.chdir=true paths.data=/d model=cnn x=2 +lr=0.5")
    assert best == {
        "trial": 2,
        "values": {"objective": 0.25},
        "params": {"x": 2, "lr": 0.5},
        "overrides": ["model=cnn", "x=2", "+lr=0.5"],
        "directory": f"{tmp_path}/trials/002",
    }


def replicated(folder: Path, values: dict[str, list[float | None]]) -> Study:
    results = [
        ({"x": x, "seed": str(seed)}, FAILED if value is None else done(value))
        for x, of_cell in values.items()
        for seed, value in enumerate(of_cell)
    ]
    return study_of(folder, results, varied=("x", "seed"))


def test_with_seeds_the_best_is_the_cell_with_the_best_mean_that_lost_no_seed(tmp_path: Path) -> None:
    """Cell a has the best trial and the worst mean; cell c the best mean, of the one seed that did not fail."""
    study = replicated(tmp_path, {"a": [0.0, 0.75, 0.75], "b": [0.5, 0.25, 0.375], "c": [0.1, None, None]})
    assert [[trial.number for trial in cell] for cell in best_cells(study.trials(), ["minimize"])] == [[4, 5, 3]]
    assert best_lines(study, study.trials()) == [
        "Best:    x=b: loss=0.375 over 3 seeds (minimize)",
        "         its best is trial 4, loss=0.25 (minimize): x=b seed=1",
        "         compared: 2 of 3 cells, those with results of 3 seeds",
    ]
    keep_best(study, StudyFiles(tmp_path))
    told = yaml.safe_load((tmp_path / "best.yaml").read_text())
    assert [each["trial"] for each in told["best"]] == [4]
    assert told["compared"] == "2 of 3 cells, those with results of 3 seeds"
    assert told["mean_over_seeds"] == {"trials": [4, 5, 3], "values": {"loss": 0.375}}
    table = benchmark_table(trial_frame(study))
    assert table is not None
    marks = {column.title: column.marks for column in table.columns}["loss"]
    assert (marks.best, marks.same) == ({1}, {0})


def test_of_several_objectives_the_pareto_set_is_of_the_means_of_whole_cells(tmp_path: Path) -> None:
    """The first trial of c beats all, its mean none of a and b; d would, but has one seed."""
    values = {
        "a": [(1.0, 4.0), (1.0, 6.0)],
        "b": [(4.0, 1.0), (2.0, 1.0)],
        "c": [(0.0, 0.0), (9.0, 12.0)],
        "d": [(0.0, 0.0), None],
    }
    results: list[Result] = [
        ({"x": x, "seed": str(seed)}, FAILED if pair is None else done(*pair))
        for x, pairs in values.items()
        for seed, pair in enumerate(pairs)
    ]
    study = study_of(
        tmp_path, results, objectives=("loss", "cost"), directions=("minimize", "minimize"), varied=("x", "seed")
    )
    assert best_lines(study, study.trials()) == [
        "Pareto:  2 points, by the means over 2 seeds of loss (minimize), cost (minimize)",
        "         x=a: loss=1, cost=5 (trial 0, ...)",
        "         x=b: loss=3, cost=1 (trial 3, ...)",
        "         compared: 3 of 4 cells, those with results of 2 seeds",
    ]
    keep_best(study, StudyFiles(tmp_path))
    told = yaml.safe_load((tmp_path / "best.yaml").read_text())
    assert [each["trial"] for each in told["best"]] == [0, 3]
    assert told["mean_over_seeds"] == [
        {"trials": [0, 1], "values": {"loss": 1.0, "cost": 5.0}},
        {"trials": [3, 2], "values": {"loss": 3.0, "cost": 1.0}},
    ]
    assert told_best(study)[:2] == [
        "In the Pareto set of s: x=a, loss=1, cost=5 over 2 seeds",
        "In the Pareto set of s: x=b, loss=3, cost=1 over 2 seeds",
    ]
    table = benchmark_table(trial_frame(study))
    assert table is not None
    assert "Pareto set by loss (min), cost (min): 2 of 4 rows: x=a; x=b." in table.notes


def test_without_replicates_there_is_no_best_cell(tmp_path: Path) -> None:
    study = replicated(tmp_path, {"a": [1.0], "b": [0.5]})
    assert best_cells(study.trials(), ["minimize"]) == []


def test_without_a_result_there_is_neither_line_nor_file(tmp_path: Path) -> None:
    study = named(tmp_path, FAILED, None)
    keep_best(study, StudyFiles(tmp_path))
    assert best_lines(study, study.trials()) == [] and not (tmp_path / "best.yaml").exists()
    assert "Best:" not in trials_listing(study)


def test_a_folder_that_refuses_the_file_ends_nothing(tmp_path: Path) -> None:
    keep_best(named(tmp_path, done(1.0)), StudyFiles(tmp_path / "absent"))


@pytest.mark.parametrize(
    ("outcomes", "told"),
    [
        ([Pruned(), Pruned()], "All 2 trials of study 's' were pruned: none has a value."),
        ([FAILED, FAILED, FAILED], "All 3 trials of study 's' have failed: none has a value."),
        ([FAILED, Pruned()], "No trial of study 's' has a value: 1 failed, 1 pruned."),
        ([Pruned(), None], "Study 's' has no trial yet with a value."),
        ([], "Study 's' has no trial yet with a value."),
    ],
)
def test_a_study_without_a_best_trial_says_why(outcomes: list[Outcome | None], told: str, tmp_path: Path) -> None:
    study = study_of(tmp_path, [({"x": str(i)}, outcome) for i, outcome in enumerate(outcomes)])
    assert without_value(study, study.current_trials()) == told
    with pytest.raises(StudyError, match=told):
        told_best(study)
