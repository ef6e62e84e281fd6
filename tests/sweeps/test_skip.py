"""Trials that are not to be run: `sweeps skip`, and `sweeps retry --trial`, which brings them back."""

import json
import time
from pathlib import Path

import pytest

from sweeps.cli.changing import retry
from sweeps.cli.steering import pause, resume, skip, stop
from sweeps.errors import StudyError
from sweeps.outcome import Failed
from sweeps.report.frame import trial_frame
from sweeps.report.listing import trials_listing
from sweeps.report.tables import benchmark_table
from sweeps.study.records import TrialHandedBack
from tests.studies import done, study_of, url
from tests.sweeps import test_worker
from tests.sweeps.test_course import endless, later, states
from tests.sweeps.test_worker import square, worker_of


def test_an_open_trial_is_not_run_and_comes_back(tmp_path: Path) -> None:
    study = test_worker.study_of(tmp_path, 3)
    assert study.skipping.skip(1, "sweeps skip") == "open"
    worker_of(study, tmp_path, square)[0].run()
    assert states(study) == ["completed", "skipped", "completed"] and study.is_finished()
    assert [(event.what, event.why) for event in study.events(1)] == [("skipped", "sweeps skip")]
    assert study.reopen("sweeps retry", fresh=False) == []  # it has not failed
    assert study.reopen("sweeps retry", 1, fresh=False) == [1]
    worker_of(study, tmp_path, square)[0].run()
    assert states(study) == ["completed"] * 3


def test_a_running_trial_is_ended_and_nobody_takes_it_up(tmp_path: Path) -> None:
    study = test_worker.study_of(tmp_path, 1)
    worker, witness = worker_of(study, tmp_path, endless)
    thread = later(lambda: study.skipping.skip(0, "sweeps skip"))
    began = time.monotonic()
    worker.run()
    thread.join()
    assert time.monotonic() - began < 5 and states(study) == ["skipped"]
    assert [event.what for event in study.events(0)] == ["claimed", "skipped"]
    assert TrialHandedBack(number=0) in witness.notices
    assert not study.asked(lambda found: [trial for trial in found.trials if not trial.state.is_finished()])


def test_tables_and_lists_say_skipped_and_not_failed(tmp_path: Path) -> None:
    study = study_of(tmp_path, [({"x": "1"}, done(0.5)), ({"x": "2"}, None)])
    study.skipping.skip(1, "sweeps skip")
    assert "skipped" in trials_listing(study).splitlines()[3]
    assert trials_listing(study).splitlines()[-1].startswith("Best:")
    frame = trial_frame(study)
    table = benchmark_table(frame)
    assert table is not None and "failed" not in json.dumps([str(note) for note in table.notes])
    assert study.counts() == {"open": 0, "running": 0, "done": 1}


def test_what_cannot_be_skipped_is_one_line(tmp_path: Path) -> None:
    study = study_of(tmp_path, [({"x": "1"}, done(0.5))])
    for number, message in (
        (0, "--trial=0: the trial is done. One that is open or runs can be skipped."),
        (7, "--trial=7: there is no such trial. Known: 0."),
    ):
        with pytest.raises(StudyError) as refused:
            study.skipping.skip(number, "sweeps skip")
        assert str(refused.value) == message


def test_the_commands_say_what_happens(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    failed = Failed(cause="error", detail="ValueError")
    study = study_of(tmp_path, [({"x": "1"}, failed), ({"x": "2"}, None), ({"x": "3"}, None)])
    where, line = url(tmp_path), f"`sweeps {{}} --storage {url(tmp_path)} s`"
    own = f"The study's own line, or {line.format('worker')}, goes on."
    pause("s", storage=where)
    assert study.look().wanted == "pause" and study.look().why.startswith("sweeps pause, by ")
    stop("s", False, where)
    resume("s", storage=where)
    skip("s", 2, where)
    retry("s", 2, False, False, where)
    retry("s", None, True, False, where)
    told = capsys.readouterr().out.splitlines()
    assert told[0].endswith(f"wait. 1 trial done, 0 running, 2 open. {line.format('resume')} goes on.")
    assert told[1] == f"s: its workers hand their trials back and end. 1 trial done, 0 running, 2 open. {own}"
    assert told[2].startswith("s: it was told to stop: sweeps stop, by ") and told[3] == own
    assert told[4] == f"s: trial 2 was open, it is not run. {line.format('retry --trial 2')} brings it back."
    assert told[5].startswith("s: to be run from their last checkpoints: 2.") and told[6].split(": ")[2][0] == "0"
    assert study.look().wanted == "run" and states(study) == ["open"] * 3


def test_commands_that_change_nothing_are_refused(tmp_path: Path) -> None:
    study_of(tmp_path, [({"x": "1"}, done(0.5))])
    for command, message in (
        (lambda: stop("s", False, url(tmp_path)), "Study 's' has nothing to stop: all its trials have ended."),
        (lambda: pause("s", url(tmp_path)), "Study 's' has nothing to pause: all its trials have ended."),
        (lambda: resume("s", storage=url(tmp_path)), "Study 's' is neither paused nor stopped."),
        (lambda: retry("s", 0, True, False, url(tmp_path)), "--failed and --trial=0 name different trials."),
    ):
        with pytest.raises(StudyError) as refused:
            command()
        assert str(refused.value).startswith(message)


def test_a_list_of_trials_says_why_nothing_starts(tmp_path: Path) -> None:
    study = study_of(tmp_path, [({"x": "1"}, None), ({"x": "2"}, None)])
    study.will.want("pause", "sweeps pause, by ann on host")
    assert trials_listing(study).splitlines()[-1] == "Paused:  sweeps pause, by ann on host, with 2 points left"
    study.will.want("end", "study.max_trials=1: 1 trial has ended")
    assert trials_listing(study).splitlines()[-1].startswith("Stopped: study.max_trials=1: 1 trial has ended, with 2")
