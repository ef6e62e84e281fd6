"""What findings of a study are drawn: which pictures there are, and the numbers in each."""

import math
import random
from pathlib import Path

import pytest

from sweeps.outcome import Completed, Failed, Outcome, Pruned
from sweeps.report.averages import best_first, short_names
from sweeps.report.courses import courses
from sweeps.report.findings import Findings, trials_of
from sweeps.report.panels.panel import some_of
from sweeps.report.pictures import PICTURES
from sweeps.report.spans import lanes, load_of, spans
from sweeps.space import Point
from sweeps.study.events import Event
from sweeps.study.records import TrialRow
from sweeps.study.storage import Database
from sweeps.study.study import Study
from sweeps.trial.files import StudyFiles
from sweeps.trial.journal import Journal
from tests.studies import done, study_of, url

T3 = 2.484138
"""Half the t interval of three values, in standard deviations."""


def found(study: Study, folder: Path, *metrics: str) -> Findings:
    return Findings(studies=(study,), trials=trials_of([study]), files=(StudyFiles(folder),), metrics=metrics)


def grid(folder: Path) -> Study:
    """Two models, three weights, three seeds: `acc` falls with the weight, `test/mae` falls, too."""
    results: list[tuple[dict[str, str], Outcome | None]] = []
    for m, model in enumerate(("dense", "cnn")):
        for weight in ("0.5", "1", "2"):
            for seed in range(3):
                acc = 0.5 + 0.2 * m - 0.1 * float(weight) + 0.01 * (seed - 1)
                metrics = {"test/mae": 2.0 - 0.5 * float(weight), "num_parameters": 10.0 ** (3 + m)}
                point = {"model": model, "model.weights.a": weight, "seed": str(seed)}
                results.append((point, done(acc, metrics=metrics, duration_s=1.0 + m)))
    ways = {"test/mae": "min"}
    return study_of(folder, results, objectives=("acc",), directions=("maximize",), metric_directions=ways)


def test_a_metric_against_a_number_has_a_line_per_model_with_t_bands(tmp_path: Path) -> None:
    panels = list(PICTURES["effects"].panels(found(grid(tmp_path), tmp_path)))
    assert [panel.name for panel in panels] == ["acc against a", "test/mae against a"]
    dense, cnn = panels[0].draw.args[0]  # type: ignore[attr-defined]
    assert (dense.name, cnn.name) == ("model=dense", "model=cnn")
    assert list(cnn.x) == [0.5, 1, 2] and cnn.mean == pytest.approx([0.65, 0.6, 0.5])
    assert cnn.low == pytest.approx([mean - T3 * 0.01 for mean in cnn.mean], abs=1e-7)
    assert cnn.high == pytest.approx([mean + T3 * 0.01 for mean in cnn.mean], abs=1e-7)
    assert len(cnn.single[0][0]) == 9 and panels[0].note == ""


def test_cells_without_the_key_of_the_lines_are_a_line_of_their_own(tmp_path: Path) -> None:
    """A method is a key that other points do not have; their points were drawn nowhere, and nobody was told."""
    results: list[tuple[dict[str, str], Outcome | None]] = [
        ({"w.a": weight, **method}, done(float(weight)))
        for weight, method in (("1", {}), ("2", {}), ("1", {"method": "uw"}))
    ]
    study = study_of(tmp_path, results, objectives=("acc",), directions=("maximize",))
    (panel,) = PICTURES["effects"].panels(found(study, tmp_path))
    assert {series.name: list(series.x) for series in panel.draw.args[0]} == {  # type: ignore[attr-defined]
        "no method": [1, 2],
        "method=uw": [1],
    }
    (panel,) = PICTURES["parallel"].panels(found(study, tmp_path))
    lines = [line.get_xdata() for line in panel.draw().axes[0].lines[:3]]
    assert sorted(map(list, lines)) == [[0, 1, 2], [0, 2], [0, 2]]


def test_trials_without_a_number_for_the_axis_are_counted(tmp_path: Path) -> None:
    texts = ("1", "2", "null", "nan", "inf", "true", "small")
    study = study_of(tmp_path, [({"x": text}, done(0.5)) for text in texts])
    (panel,) = PICTURES["effects"].panels(found(study, tmp_path))
    assert panel.note == "Left out: 5 trials without a number for x."


def test_the_front_and_the_cost_have_a_point_per_cell(tmp_path: Path) -> None:
    findings = found(grid(tmp_path), tmp_path, "acc", "test/mae")
    (front,) = PICTURES["pareto"].panels(findings)
    axes = front.draw().axes[0]
    assert axes.lines[-1].get_xdata().tolist() == pytest.approx([0.5, 0.6, 0.65])
    assert axes.lines[-1].get_ydata().tolist() == pytest.approx([1.0, 1.5, 1.75])
    assert [text.get_text() for text in axes.texts] == ["a=2", "a=1", "a=0.5"]
    parameters = next(panel for panel in PICTURES["cost"].panels(findings) if panel.key == "num_parameters")
    assert {x for line in parameters.draw().axes[0].lines for x in line.get_xdata()} == {1000, 10000}
    (lines,) = PICTURES["parallel"].panels(findings)
    assert [text.get_text() for text in lines.draw().axes[0].get_xticklabels()] == ["model", "a", "acc"]


def test_importance_says_what_tells_the_best_tenth(tmp_path: Path) -> None:
    draw = random.Random(0)
    points = [{"lr": str(draw.random()), "width": str(draw.randint(1, 4))} for _ in range(60)]
    study = study_of(tmp_path, [(point, done(abs(float(point["lr"]) - 0.5))) for point in points])
    shares = study.importances()["loss"]
    assert sum(shares.values()) == pytest.approx(1) and shares["lr"] > 0.8


def test_a_study_that_has_nothing_draws_nothing(tmp_path: Path) -> None:
    failed = Failed(cause="crash", detail="x")
    for i, results in enumerate(([], [({"x": "1"}, failed)], [({"x": "1"}, Pruned())], [({"x": "1"}, None)])):
        (folder := tmp_path / str(i)).mkdir()
        findings = found(study_of(folder, results), folder)
        drawn = {kind: len(list(picture.panels(findings))) for kind, picture in PICTURES.items()}
        assert sum(drawn.values()) == drawn["timeline"] == (1 if i in (1, 2) else 0)


def test_ranks_need_six_data_sets(tmp_path: Path) -> None:
    for num in (5, 6):
        (folder := tmp_path / str(num)).mkdir()
        points = [{"data": f"d{i}", "model": model} for i in range(num) for model in ("a", "b", "c")]
        results = [(point, done(0.1 * "cba".index(point["model"]) + 0.001 * i)) for i, point in enumerate(points)]
        study = study_of(folder, results, objectives=("acc",), directions=("maximize",))
        panels = list(PICTURES["ranks"].panels(found(study, folder)))
        assert len(panels) == (num == 6)
    assert panels[0].draw.args[0] == {"model=a": 1.0, "model=b": 2.0, "model=c": 3.0}  # type: ignore[attr-defined]
    assert panels[0].draw.args[1] == pytest.approx(1.353, abs=0.001)  # type: ignore[attr-defined]  # q = 2.343


def test_ten_thousand_points_are_some_and_the_best_are_among_them() -> None:
    some = some_of(range(10_000), 300)
    assert len(some) == len(set(some)) == 300 and some[:150] == list(range(150)) and some[-1] > 9_900
    assert some_of([3, 1], 300) == [3, 1]


def journal_of(folder: Path, values: list[float], *, with_epochs: bool = True) -> Path:
    journal = Journal(folder)
    journal.event("attempt", attempt=1)
    for epoch, value in enumerate(values):
        journal.log({"val/acc": value, **({"epoch": epoch} if with_epochs else {})}, 10 * (epoch + 1))
    journal.log({"test/acc": 0.5}, 99)
    return journal.path


def test_a_course_is_the_mean_over_seeds_with_a_t_band_by_epoch(tmp_path: Path) -> None:
    seeds = [journal_of(tmp_path / str(i), [0.1 * i, 0.5, 0.6 + 0.1 * i]) for i in range(3)]
    (course,) = courses({"cnn": seeds, "gone": [tmp_path / "nowhere"]}, ["val/acc_best"])
    (line,) = course.series
    assert (course.metric, course.x_label, line.name) == ("val/acc", "epoch", "cnn")
    assert list(line.x) == [0, 1, 2] and line.mean == pytest.approx([0.1, 0.5, 0.7])
    assert line.high == pytest.approx([0.1 + T3 * 0.1, 0.5, 0.7 + T3 * 0.1], abs=1e-6) and line.single == []


def test_two_seeds_have_no_band_and_an_attempt_that_began_anew_counts_once(tmp_path: Path) -> None:
    first = journal_of(tmp_path / "0", [0.1, 0.2], with_epochs=False)
    Journal(tmp_path / "0").event("attempt", attempt=2)
    again = Journal(tmp_path / "0")
    again.log({"val/acc": 0.7}, 10)
    again.log({"val/acc": 0.9}, 20)
    second = journal_of(tmp_path / "1", [0.1, 0.3], with_epochs=False)
    (course,) = courses({"cnn": [first, second]}, [])
    (line,) = course.series
    assert course.x_label == "step" and line.low == () and len(line.single) == 2
    assert list(line.x) == [10, 20] and line.mean == pytest.approx([0.4, 0.6])


def test_a_long_course_is_thinned_to_its_means(tmp_path: Path) -> None:
    path = journal_of(tmp_path, [float(i) for i in range(1000)], with_epochs=False)
    (line,) = courses({"cnn": [path]}, [])[0].series
    assert len(line.x) == 120 and line.mean[0] == pytest.approx(4, abs=0.5) and line.mean[-1] > 990


def event(number: int, at: float, what: str, worker: str = "h:m:1:x", attempt: int = 1) -> Event:
    return Event(number=number, attempt=attempt, worker=worker, machine="h", at=at, what=what, why="")  # type: ignore[arg-type]


def test_attempts_stand_on_the_slots_of_their_workers() -> None:
    events = [
        event(0, 100, "claimed"), event(1, 101, "claimed"), event(0, 105, "finished"), event(2, 106, "claimed"),
        event(1, 107, "lease lost"), event(1, 108, "claimed", "g:m:2:y", 2), event(2, 110, "finished"),
    ]  # fmt: skip
    ended = {0: Completed(values=(1.0,)), 2: Failed(cause="crash", detail="x")}
    states = {0: "completed", 1: "running", 2: "failed"}
    rows = [
        TrialRow(number=n, state=state, attempt=1, point=None, worker=None, outcome=ended.get(n))
        for n, state in states.items()
    ]
    made = spans(events, rows, now=120)
    bars, names = lanes(made)
    assert names == ["h 1, slot 1", "h 1, slot 2", "g 2, slot 1"]
    assert [(bar.number, bar.lane, bar.start_s, bar.end_s, bar.state) for bar in bars] == [
        (0, 0, 0, 5, "completed"), (1, 1, 1, 7, "cut short"), (2, 0, 6, 10, "failed"), (1, 2, 8, 20, "running"),
    ]  # fmt: skip
    assert load_of(made)[0] == [0, 0, 1, 5, 6, 7, 8, 10, 20]
    many = [made[0]] * 200
    assert len(load_of(many)[0]) == 301 and max(load_of(many)[1]) == 200 and load_of(many)[1][-1] == 0
    times, running = load_of(made)
    assert max(running) == 2 and running[-1] == 0 and times[-1] == 20


def test_keys_are_named_by_the_last_parts_that_no_other_has() -> None:
    assert short_names(["model", "model.loss_weights.a", "+data.a", "model/optimizer"]) == {
        "model": "model", "model.loss_weights.a": "loss_weights.a", "+data.a": "data.a", "model/optimizer": "optimizer",
    }  # fmt: skip


def test_one_lucky_seed_is_not_among_the_best_cells(tmp_path: Path) -> None:
    results: list[tuple[dict[str, str], Outcome | None]] = [
        ({"x": x, "seed": seed}, done(float(x) + float(seed))) for x in ("1", "2") for seed in "01"
    ]
    failed = Failed(cause="crash", detail="x")
    findings = found(
        study_of(tmp_path, [({"x": "0", "seed": "0"}, done(0.0)), ({"x": "0", "seed": "1"}, failed), *results]),
        tmp_path,
    )
    assert best_first(findings.trials, findings.cells) == [1, 2, 0] and findings.cells.sizes == (1, 2, 2)


def test_roles_are_told_apart_and_what_has_one_metric_only_is_a_line(tmp_path: Path) -> None:
    study = Study.create(Database(url(tmp_path)), "s", ["maximize"], {"objective": ["o"]})
    study.remember("metric_directions", {"test/a": "max", "test/b": "max"})
    made: list[tuple[str, dict[str, str], dict[str, float]]] = []
    for i, model in enumerate(("dense", "cnn")):
        made += [
            ("baseline", {"model": model, "w.a": "2.0"}, {"test/a": 0.9 + 0.01 * i}),
            ("baseline", {"model": model, "w.a": "0.0"}, {"test/b": 0.8 + 0.01 * i}),
            ("balancer", {"model": model, "w.a": "1.0", "how": "uw"}, {"test/a": 0.7, "test/b": 0.6 + 0.01 * i}),
            ("weighting", {"model": model, "w.a": "1.5"}, {"test/a": 0.8, "test/b": 0.5 + 0.01 * i}),
            ("weighting", {"model": model, "w.a": "1.7"}, {"test/a": 0.3}),
        ]
    study.add([Point(overrides=point, varied=("model", "w.a"), role=role) for role, point, _ in made])
    for *_, metrics in made:
        claim = study.claim("w", None)
        assert claim is not None
        study.tell(claim, done(0.5, metrics=metrics))
    (panel,) = PICTURES["pareto"].panels(found(study, tmp_path, "test/a", "test/b"))
    figure = panel.draw()
    (legend,) = figure.legends
    names = [f"model={model} {role}" for model in ("dense", "cnn") for role in ("baseline", "balancer", "weighting")]
    assert [text.get_text() for text in legend.get_texts()] == names
    lines = {line.get_label(): line for line in figure.axes[0].lines}
    looks = {(lines[name].get_color(), lines[name].get_marker()) for name in names}
    assert len(looks) == 6 and len({colour for colour, _ in looks}) == 2 and len({marker for _, marker in looks}) == 3
    across = [line for line in figure.axes[0].lines if len(set(line.get_xdata())) == 1 and len(line.get_xdata()) == 2]
    assert [line.get_xdata()[0] for line in across] == [0.9, 0.91] and panel.note.startswith(
        "A dotted line is a baseline"
    )


def test_what_is_no_number_is_on_no_axis(tmp_path: Path) -> None:
    results = [({"x": x}, done(float(i))) for i, x in enumerate(("1", "2", "null", "true"))]
    (panel,) = PICTURES["effects"].panels(found(study_of(tmp_path, results), tmp_path))
    (line,) = panel.draw.args[0]  # type: ignore[attr-defined]
    assert list(line.x) == [1, 2] and all(math.isnan(low) for low in line.low)
