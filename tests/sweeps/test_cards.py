from pathlib import Path

import pytest

from sweeps.outcome import Completed, Failed, Outcome, Pruned
from sweeps.space import Point
from sweeps.tracking.cards import TrialCard, status_of
from sweeps.trial.files import TrialFiles
from sweeps.trial.journal import Journal

POINT = Point(overrides={"model": "dense", "+w": "0.5", "seed": "3"}, varied=("+w", "seed"))


def card(folder: Path, point: Point = POINT) -> TrialCard:
    return TrialCard(number=4, point=point, files=TrialFiles(folder))


def test_before_it_has_started_a_trial_is_what_the_command_line_says(tmp_path: Path) -> None:
    made = card(tmp_path)
    written = made.written()
    assert made.run_name == "004 0.5 s3"
    assert made.numbers == {"x/w": 0.5}
    assert made.params(written) == {"model": "dense", "w": "0.5", "seed": "3"}
    tags = made.tags(written)
    assert tags.pop("sweeps.cell_key") == POINT.cell_key
    assert tags == {
        "sweeps.role": "trial", "trial": "4", "cell": "0.5 (w)", "arch": "dense", "seed": "3",
    }  # fmt: skip
    assert written.config_text is None


def test_a_mapping_is_a_number_per_key_and_a_role_is_a_tag(tmp_path: Path) -> None:
    point = Point(overrides={"w": "{a:1,b:0.5,n:[x]}", "seed": "3"}, varied=("w", "seed"), role="baseline")
    made = card(tmp_path, point.leaves)
    assert made.run_name == "004 1 0.5 [x] s3"
    assert made.numbers == {"x/w.a": 1, "x/w.b": 0.5}
    assert made.params(made.written()) == {"w.a": "1", "w.b": "0.5", "w.n": "[x]", "seed": "3"}
    tags = made.tags(made.written())
    assert (tags["role"], tags["cell"], tags["sweeps.cell_key"]) == ("baseline", "1 0.5 [x] (a, b, n)", point.cell_key)
    assert made.point.overrides.keys() != point.overrides.keys() and point.leaves.identity == point.identity


def test_what_a_trial_has_written_of_itself_is_told(tmp_path: Path) -> None:
    made = card(tmp_path)
    made.files.config.write_text("seed: 7\ntags: [mnist, two words]\nlr: 0.1\n")
    journal = Journal(tmp_path)
    journal.event("attempt", attempt=1, choices={"model": "cnn", "data": "mnist"})
    journal.event(
        "hyperparameters",
        values={"model": {"lr": 0.1, "w": 9, "betas": [0.9, 0.99], "net": None, "compile": False}, "seed": 7, "x": {}},
    )
    written = made.written()
    tags = made.tags(written)
    assert (tags["arch"], tags["seed"], tags["tags"]) == ("cnn", "7", "mnist, two words")
    assert made.params(written) == {
        "model": "dense",  # the command line counts
        "w": "0.5",
        "seed": "3",
        "model.lr": "0.1",
        "model.w": "9",
        "model.betas": "[0.9, 0.99]",
        "model.net": "null",
        "model.compile": "false",
        "x": "{}",
    }
    assert written.config_text == made.files.config.read_text()


def test_replicates_share_a_cell() -> None:
    cells = {
        card(Path(), Point(overrides={"x": "1", "seed": seed}, varied=("x", "seed"))).tags(card(Path()).written())[
            "cell"
        ]
        for seed in ("0", "1")
    }
    assert cells == {"1 (x)"}


@pytest.mark.parametrize(
    ("outcome", "status"),
    [(Completed(values=(1.0,)), "FINISHED"), (Pruned(), "KILLED"), (Failed(cause="error", detail=""), "FAILED")],
)
def test_a_run_ends_with_the_word_of_its_outcome(outcome: Outcome, status: str) -> None:
    assert status_of(outcome) == status


def test_numbers_that_were_returned_without_directions_are_sent_and_recorded_ones_not_again(tmp_path: Path) -> None:
    Journal(tmp_path).log({"loss": 0.5}, 3)
    metrics = {"loss": 0.5, "objective_0": 1.0, "objective_1": 2.0, "other": 9.0}
    ended = Completed(values=(), metrics=metrics, returned=("loss", "objective_0", "objective_1"))
    sent = [(sample.name, sample.value) for sample in card(tmp_path).returned(ended)]
    assert sent == [("objective_0", 1.0), ("objective_1", 2.0)]
