from pathlib import Path

import pytest

from sweeps.trial.files import TrialFiles
from sweeps.trial.journal import Journal, events, read, samples, span_ms, values


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
    assert values(journal.path) == {"loss": 0.25, "acc": 1.0}


def test_a_later_attempt_records_no_step_again(tmp_path: Path) -> None:
    for attempt in range(2):
        journal = Journal(tmp_path)
        for step in range(3 + attempt):
            journal.log({"loss": float(step)}, step)
    assert [m.step for m in samples(TrialFiles(tmp_path).journal)] == [0, 1, 2, 3]


def test_a_value_that_comes_behind_later_ones_is_told_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    Journal(tmp_path).event("attempt", attempt=1)
    journal = Journal(tmp_path)
    for step, loss in enumerate([3.0, 2.0, 1.0]):
        journal.log({"loss": loss, "epoch": 1.0}, step)
    Journal(tmp_path).log({"epoch": 1.0, "loss": 1.0}, 2)  # as a second logger does
    assert not caplog.messages
    for step, loss in enumerate([0.5, 0.25]):
        journal.log({"loss": loss, "acc": 0.5}, step)
    assert caplog.messages == [
        "loss at step 0 is not recorded: step 2 was there before. The steps of a metric must grow; a task that trains"
        " more than once counts them on."
    ]
    assert values(journal.path) == {"loss": 1.0, "epoch": 1.0, "acc": 0.5}
    Journal(tmp_path).event("attempt", attempt=2)
    again = Journal(tmp_path)
    for step, loss in enumerate([3.0, 2.0, 1.0]):
        again.log({"loss": loss}, step)  # an attempt that repeats what was there
    assert len(caplog.messages) == 1


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


def test_values_that_are_not_finite_do_not_stand_for_a_trial(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    journal.log({"a": 1.0}, 1)
    journal.log({"a": float("nan"), "b": float("inf")}, 2)
    assert values(journal.path) == {"a": 1.0}


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
    assert values(path) == {"d": 2.0}
    assert span_ms(read(path)[0]) == (1, 9)
    Journal(tmp_path).log({"d": 3.0}, 2)
    assert values(path) == {"d": 3.0}


def attempts(folder: Path, *curves: dict[int, float]) -> Path:
    """A journal to which each attempt has logged a metric, step to value."""
    for number, curve in enumerate(curves, start=1):
        Journal(folder).event("attempt", attempt=number)
        journal = Journal(folder)
        for step, value in curve.items():
            journal.log({"loss": value}, step)
    return TrialFiles(folder).journal


def curve_of(path: Path, name: str = "loss") -> dict[int, float]:
    found = [(sample.step, sample.value) for sample in samples(path) if sample.name == name]
    assert len(dict(found)) == len(found)
    return dict(found)


@pytest.mark.parametrize(
    "second, expected, told",
    [
        ({2: 0.3, 3: 0.2}, {0: 0.5, 1: 0.4, 2: 0.3, 3: 0.2}, []),  # continues
        ({1: 0.4, 2: 0.3}, {0: 0.5, 1: 0.4, 2: 0.3}, []),  # continues from a checkpoint, and repeats a step
        ({1: 0.9, 2: 0.8}, {0: 0.5, 1: 0.9, 2: 0.8}, ["rewound"]),  # continues, and gives another value
        ({0: 0.9}, {0: 0.9}, ["starts_again"]),  # begins anew: nothing of the first attempt is left
        ({0: 0.9, 1: 0.8, 2: 0.7}, {0: 0.9, 1: 0.8, 2: 0.7}, ["starts_again"]),
        ({0: 0.5, 1: 0.4, 2: 0.3}, {0: 0.5, 1: 0.4, 2: 0.3}, ["repeats"]),  # begins anew, with the same seed
        ({0: float("nan")}, {0: pytest.approx(float("nan"), nan_ok=True)}, ["starts_again"]),
    ],
)
def test_the_curve_is_of_one_run(
    tmp_path: Path, second: dict[int, float], expected: dict[int, float], told: list[str]
) -> None:
    path = attempts(tmp_path, {0: 0.5, 1: 0.4}, second)
    assert curve_of(path) == expected
    names = ("rewound", "starts_again", "repeats")
    found = [event for name in names for event in events(path, name)]
    assert [event["event"] for event in found] == told
    assert all(event["attempt"] == 2 and event["step"] == min(second) for event in found)


def test_a_third_attempt_continues_the_second(tmp_path: Path) -> None:
    path = attempts(tmp_path, {0: 0.5, 1: 0.4, 2: 0.3}, {0: 0.9, 1: 0.8}, {1: 0.8, 2: 0.7})
    assert curve_of(path) == {0: 0.9, 1: 0.8, 2: 0.7}


def test_several_journals_of_an_attempt_that_starts_again_keep_what_the_others_wrote(tmp_path: Path) -> None:
    path = attempts(tmp_path, {0: 0.5, 1: 0.4})
    for step in range(2):
        Journal(tmp_path).log({"acc": 0.1, "once": 7.0} if step == 0 else {"acc": 0.1}, step)
    Journal(tmp_path).event("attempt", attempt=2)
    first, second = Journal(tmp_path), Journal(tmp_path)
    for step in range(2):
        first.log({"loss": 0.75 - step}, step)
        second.log({"acc": 0.25 + step}, step)
    assert curve_of(path) == {0: 0.75, 1: -0.25} and curve_of(path, "acc") == {0: 0.25, 1: 1.25}


def test_a_value_of_the_attempt_alone_replaces_no_curve(tmp_path: Path) -> None:
    path = attempts(tmp_path, {0: 0.5, 1: 0.4})
    Journal(tmp_path).log({"started_at": 1.0}, 0)
    Journal(tmp_path).event("attempt", attempt=2)
    journal = Journal(tmp_path)
    journal.log({"started_at": 2.0}, 0)
    journal.log({"loss": 0.3}, 2)
    assert curve_of(path) == {0: 0.5, 1: 0.4, 2: 0.3} and curve_of(path, "started_at") == {0: 2.0}


def test_what_comes_out_at_the_end_is_recorded_once(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    journal.log({"loss": 0.5}, 3)
    journal.log({"acc": 0.1}, 1)
    journal.log_last({"loss": 0.5, "acc": 0.2})
    journal.log_last({"loss": 0.25})
    assert curve_of(journal.path) == {3: 0.5, 4: 0.25} and curve_of(journal.path, "acc") == {1: 0.1, 3: 0.2}


def test_the_values_of_the_selected_step_stand_for_a_trial(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    for step, acc in enumerate((0.5, 0.75, 0.25)):
        journal.log({"acc": acc, "loss": 1.0 + step, "epoch": step}, step)
    journal.event("selected", step=0)
    journal.event("selected", step=1)
    journal.log({"test/acc": 0.7, "epoch": 3}, 3)
    # Without a value at that step the last one counts, and so does the last epoch.
    assert values(journal.path) == {"acc": 0.75, "loss": 2.0, "epoch": 3.0, "test/acc": 0.7}


def test_a_selection_of_what_was_replaced_selects_nothing(tmp_path: Path) -> None:
    first = Journal(tmp_path)
    first.event("attempt", attempt=1)
    for step in range(3):
        first.log({"acc": 0.5 + step / 8}, step)
    first.event("selected", step=2)
    first.event("attempt", attempt=2)
    again = Journal(tmp_path)
    for step in range(2):
        again.log({"acc": 0.125 + step / 8}, step)
    assert values(again.path) == {"acc": 0.25}
    again.event("selected", step=0)
    assert values(again.path) == {"acc": 0.125}


@pytest.mark.parametrize("step", [None, "1", -1, 7, [1]])
def test_a_selection_that_is_none_leaves_the_last_values(tmp_path: Path, step: object) -> None:
    journal = Journal(tmp_path)
    journal.log({"acc": 0.5}, 1)
    journal.log({"acc": 0.25}, 2)
    journal.event("selected", step=step)
    assert values(journal.path) == {"acc": 0.25}


def test_a_value_that_is_no_number_at_the_selected_step_is_left_out_where_only_finite_ones_count(
    tmp_path: Path,
) -> None:
    journal = Journal(tmp_path)
    journal.log({"acc": 0.5, "loss": 1.0}, 1)
    journal.log({"acc": 0.75, "loss": float("nan")}, 2)
    journal.event("selected", step=2)
    assert values(journal.path) == {"acc": 0.75}
    assert str(values(journal.path, finite=False)["loss"]) == "nan"
