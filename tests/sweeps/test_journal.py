from pathlib import Path

import pytest

from sweeps.trial.files import TrialFiles
from sweeps.trial.journal import Journal, events, last_values, read, samples, span_ms


def test_points_and_events_come_back_in_order(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    journal.event("attempt", attempt=1)
    journal.log({"loss": 0.5}, step=1)
    journal.log({"loss": 0.25, "acc": 1.0}, step=2)
    assert [(m.name, m.value, m.step) for m in samples(journal.path)] == [
        ("loss", 0.5, 1),
        ("loss", 0.25, 2),
        ("acc", 1.0, 2),
    ]
    assert events(journal.path, "attempt")[0]["attempt"] == 1
    assert last_values(journal.path) == {"loss": 0.25, "acc": 1.0}


def test_a_later_attempt_records_no_step_again(tmp_path: Path) -> None:
    for attempt in range(2):
        journal = Journal(tmp_path)
        for step in range(3 + attempt):
            journal.log({"loss": float(step)}, step)
    assert [m.step for m in samples(TrialFiles(tmp_path).journal)] == [0, 1, 2, 3]


@pytest.mark.parametrize("cut", range(2, 30, 4))
def test_a_torn_last_line_is_left_out_and_the_next_one_stays_whole(tmp_path: Path, cut: int) -> None:
    journal = Journal(tmp_path)
    journal.log({"loss": 1.0}, 1)
    journal.log({"loss": 2.0}, 2)
    journal.path.write_bytes(journal.path.read_bytes()[:-cut])
    again = Journal(tmp_path)
    again.log({"loss": 3.0}, 3)
    assert [m.value for m in samples(journal.path)] == [1.0, 3.0]


def test_reading_goes_on_where_it_stopped(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    journal.log({"a": 1.0}, 1)
    first, offset = read(journal.path)
    journal.log({"a": 2.0}, 2)
    second, _ = read(journal.path, offset)
    assert (first[0]["step"], second[0]["step"], len(first), len(second)) == (1, 2, 1, 1)


def test_values_that_are_not_finite_are_no_last_values(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    journal.log({"a": 1.0}, 1)
    journal.log({"a": float("nan"), "b": float("inf")}, 2)
    assert last_values(journal.path) == {"a": 1.0}


def test_no_journal_is_an_empty_one(tmp_path: Path) -> None:
    assert read(TrialFiles(tmp_path).journal) == ([], 0)


def test_lines_that_a_task_has_written_beside_ours_are_no_samples(tmp_path: Path) -> None:
    path = TrialFiles(tmp_path).journal
    path.write_text(
        '{"metrics": {"a": 1}}\n{"metrics": {"a": 1}, "step": "x", "t": 1}\n{"metrics": [1], "step": 1, "t": 1}\n'
        '{"metrics": {"a": "text", "b": true, "c": null, "d": 2}, "step": 1, "t": 5}\n[1]\n3\nnothing\n'
        '{"metrics": {"a": 1}, "step": 99999999999999999999, "t": 1}\n' + "[" * 100_000 + "\n"
        '{"metrics": {"big": 1' + "0" * 400 + '}, "step": 2, "t": 9}\n{"event": "attempt", "t": "soon"}\n'
    )
    found = [(sample.name, sample.value, sample.step, sample.time_ms) for sample in samples(path)]
    assert found == [("d", 2.0, 1, 5), ("big", float("inf"), 2, 9)]
    assert last_values(path) == {"d": 2.0}
    assert span_ms(read(path)[0]) == (1, 9)
    Journal(tmp_path).log({"d": 3.0}, 2)
    assert last_values(path) == {"d": 3.0}
