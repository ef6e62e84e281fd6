"""Limits of a study, and what `sweeps stop`, `pause` and `resume` write: what its workers make of it."""

import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import optuna
import pytest

from sweeps.continuing import go_on
from sweeps.errors import StudyError
from sweeps.settings import StudySettings
from sweeps.space import Point
from sweeps.study.limits import Limits, another_limit
from sweeps.study.storage import Database
from sweeps.study.study import Study
from sweeps.study.terminating import make_terminator, terminator_of
from sweeps.worker import course
from sweeps.worker.meter import Meter
from sweeps.worker.placement import Place
from sweeps.worker.worker import Worker
from tests.studies import done
from tests.sweeps.test_worker import PLACE, attempt_of, square, study_of, worker_of


def slow(number: int, pipe: Connection) -> None:
    time.sleep(0.4)
    square(number, pipe)


def endless(number: int, pipe: Connection) -> None:
    signal.signal(signal.SIGTERM, lambda *_: os._exit(143))
    time.sleep(600)


def limited(study: Study, **limits: Any) -> Study:
    study.will.set_limits(Limits.of(StudySettings(**limits), len(study.directions)).as_facts())
    return study


def states(study: Study) -> list[str]:
    return [trial.state for trial in study.trials()]


def later(act: Callable[[], object], delay_s: float = 0.5) -> threading.Thread:
    timer = threading.Timer(delay_s, act)
    timer.start()
    return timer


def test_as_many_trials_end_as_may_and_the_rest_stays_open(tmp_path: Path) -> None:
    study = limited(study_of(tmp_path, 6), max_trials=3)
    assert worker_of(study, tmp_path, square)[0].run() is None
    assert states(study) == ["completed"] * 3 + ["open"] * 3
    now = study.look()
    assert (now.wanted, now.why, now.is_at_rest) == ("end", "study.max_trials=3: 3 trials have ended", True)


def test_a_higher_limit_goes_on_where_the_lower_one_ended(tmp_path: Path) -> None:
    study = limited(study_of(tmp_path, 6), max_trials=3)
    worker_of(study, tmp_path, square)[0].run()
    study.will.want("run", "a new command")
    worker_of(limited(study, max_trials=5), tmp_path, square)[0].run()
    assert states(study).count("completed") == 5
    study.will.want("run", "a new command")
    worker_of(limited(study), tmp_path, square)[0].run()
    assert states(study) == ["completed"] * 6 and study.look().wanted == "run"


def test_a_lower_limit_says_what_it_is(tmp_path: Path) -> None:
    study = limited(study_of(tmp_path, 6), max_trials=4)
    worker_of(study, tmp_path, square)[0].run()
    go_on(study, StudySettings(max_trials=2))
    assert (study.look().wanted, study.look().why) == ("end", "study.max_trials=2: 4 trials have ended")


@pytest.mark.parametrize(
    ("why", "directions", "told"),
    [
        ("study.max_trials=2: 2 trials have ended", ["minimize"], " with a higher limit"),
        ("study.target=0.5: a point has 0.4", ["minimize"], " with a lower study.target, or without one,"),
        ("study.target=0.5: a point has 0.6", ["maximize"], " with a higher study.target, or without one,"),
        (
            "study.target=1, 2: a point has 1, 2",
            ["maximize", "minimize"],
            " with another study.target, or without one,",
        ),
        ("study.terminator: it says that more trials would not help", ["minimize"], " without study.terminator"),
        ("sweeps stop, by ann", ["minimize"], ""),
    ],
)
def test_what_goes_on_beyond_a_limit(why: str, directions: list[str], told: str) -> None:
    assert another_limit(why, directions) == told


def test_running_trials_end_where_the_target_is_reached(tmp_path: Path) -> None:
    def far_last(number: int, pipe: Connection) -> None:
        time.sleep(0.1 if number == 0 else 0.6)
        square(number, pipe)

    study = limited(study_of(tmp_path, 6), target=0.5)
    worker_of(study, tmp_path, far_last)[0].run()
    assert states(study) == ["completed"] * 2 + ["open"] * 4
    assert study.look().why == "study.target=0.5: a point has 0"


def test_points_without_a_better_one_end_a_study(tmp_path: Path) -> None:
    study = limited(study_of(tmp_path, 9), patience=3)
    worker_of(study, tmp_path, square, num_places=1)[0].run()
    assert states(study) == ["completed"] * 4 + ["open"] * 5  # the first one is the best
    assert study.look().why == "study.patience=3: 3 points without a better one"


def test_a_point_counts_by_the_mean_of_its_replicates(tmp_path: Path) -> None:
    study = Study.create(Database(f"sqlite:///{tmp_path}/studies.db"), "s", ["maximize"], {"objective": ["acc"]})
    study.add(
        Point(overrides={"x": x, "seed": s}, varied=("x", "seed"), identity=f"{x}{s}", cell=x)
        for x in "abc"
        for s in "01"
    )
    limited(study, target=0.8)
    values = {0: 0.9, 1: 0.5, 2: 0.8, 3: 0.9}  # one seed of the first point is lucky

    def known(number: int, pipe: Connection) -> None:
        from sweeps.worker.messages import Returned, encode

        pipe.send_bytes(encode(Returned(trial=number, value=values[number])))

    worker_of(study, tmp_path, known, num_places=1)[0].run()
    assert states(study) == ["completed"] * 4 + ["open"] * 2
    assert study.look().why == "study.target=0.8: a point has 0.85"


@pytest.mark.parametrize(("key", "what"), [("max_hours", "hours of work"), ("max_core_hours", "core hours")])
def test_a_limit_of_time_hands_back_what_runs(key: str, what: str, tmp_path: Path) -> None:
    study = limited(study_of(tmp_path, 2), **{key: 1.0 / 3600})
    began = time.monotonic()
    assert worker_of(study, tmp_path, endless)[0].run() is None
    assert 0.9 < time.monotonic() - began < 5
    assert states(study) == ["open", "open"]
    assert {event.what for event in study.events()} == {"claimed", "handed back"}
    now = study.look()
    assert now.why.startswith(f"study.{key}=0.000277778: 0.000") and now.why.endswith(f"{what} are used")


def test_the_time_used_counts_over_commands_and_workers(tmp_path: Path) -> None:
    study = study_of(tmp_path, 4)
    worker_of(study, tmp_path, slow, num_places=1)[0].run()
    first = study.look()
    assert 1.6 < first.worked_s < 4 and first.core_s == pytest.approx(first.worked_s, rel=0.05) and first.gpu_s == 0
    study.will.add_used(worked_s=0.0, core_s=3600.0, gpu_s=1800.0)
    again = study.look()
    assert (again.core_s, again.gpu_s) == (first.core_s + 3600, 1800)
    study.will.add_used(worked_s=1e9, core_s=0.0, gpu_s=0.0)  # the same time once more, as by a second worker
    assert study.look().worked_s < first.worked_s + 60


def test_a_meter_counts_cores_and_parts_of_gpus(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    meter = Meter()
    for held in ([], [Place(threads=4, device="0", share=0.5)] * 2, [Place(threads=4, device=None, share=0.5)]):
        now[0] += 10
        meter.advance(held)
    used = meter.take()
    assert (used.worked_s, used.core_s, used.gpu_s) == (20, 80 + 40, 10)
    assert meter.take().worked_s == 0


def test_optunas_terminator_ends_a_study(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(course, "_CHEAP_S", 60.0)  # on a busy machine a look is slow, and not repeated at once
    evaluator = {"_target_": "optuna.terminator.BestValueStagnationEvaluator", "max_stagnation_trials": 2}
    static = {"_target_": "optuna.terminator.StaticErrorEvaluator", "constant": 0}
    spec = {"improvement_evaluator": evaluator, "error_evaluator": static, "min_n_trials": 1}
    spec = {"_target_": "optuna.terminator.Terminator", **spec}
    study = study_of(tmp_path, 9)
    worker, _ = worker_of(study, tmp_path, square, num_places=1)
    worker._course._should_terminate = terminator_of(study, spec, [])
    worker.run()
    assert states(study) == ["completed"] * 4 + ["open"] * 5
    assert study.look().why.startswith("study.terminator: ")


def test_a_terminator_that_fails_ends_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    study = study_of(tmp_path, 3)
    worker, _ = worker_of(study, tmp_path, square, num_places=1)

    def fail() -> bool:
        raise ValueError("no scores")

    worker._course._should_terminate = fail
    worker.run()
    assert states(study) == ["completed"] * 3
    assert capsys.readouterr().err == "Warning: study.terminator has failed and ends nothing: no scores.\n"


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("median", "study.terminator=median names no class, and a class is needed. Write"),
        ({"_target_": "optuna.pruners.NopPruner"}, "is no terminator. Valid: a class of optuna.terminator, without"),
        ({"_target_": "os.system", "command": "true"}, "study.terminator: "),
    ],
)
def test_what_is_no_terminator_is_refused(spec: object, message: str) -> None:
    with pytest.raises(StudyError) as refused:
        make_terminator(spec, ["optuna.pruners.NopPruner"], 1)
    assert message in str(refused.value)


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ("0.9x", "study.target=0.9x must be a number, or a list with one per objective."),
        ([0.5, 0.6], "study.target=[0.5, 0.6] has 2 numbers for 1 objective."),
        (True, "study.target=True must be a number, or a list with one per objective."),
    ],
)
def test_a_target_is_a_number_per_objective(target: object, message: str) -> None:
    with pytest.raises(StudyError) as refused:
        Limits.of(StudySettings(target=target), 1)
    assert str(refused.value) == message


def test_stop_hands_back_and_ends_the_worker(tmp_path: Path) -> None:
    study = study_of(tmp_path, 3)
    thread = later(lambda: study.will.want("stop", "sweeps stop"))
    began = time.monotonic()
    assert worker_of(study, tmp_path, endless)[0].run() is None
    thread.join()
    assert time.monotonic() - began < 4
    assert states(study) == ["open"] * 3 and study.is_at_rest() and not study.is_finished()
    assert [event.why for event in study.events() if event.what == "handed back"] == ["sweeps stop"] * 2
    assert study.claim("other", None) is None  # nobody starts a trial of it


def test_stop_can_wait_for_the_trials_that_run(tmp_path: Path) -> None:
    study = study_of(tmp_path, 5)

    def stop() -> None:
        while states(study).count("open") > 3:
            time.sleep(0.01)
        study.will.want("end", "sweeps stop --finish")

    thread = later(stop, 0.0)
    worker_of(study, tmp_path, slow)[0].run()
    thread.join()
    assert states(study) == ["completed"] * 2 + ["open"] * 3


def test_a_paused_worker_waits_and_goes_on(tmp_path: Path) -> None:
    study = study_of(tmp_path, 2)
    study.will.want("pause", "sweeps pause")
    seen: list[list[str]] = []

    def resume() -> None:
        seen.append(states(study))
        study.will.want("run", "sweeps resume")

    thread = later(resume, 1.5)
    worker_of(study, tmp_path, square)[0].run()
    thread.join()
    assert seen == [["open", "open"]] and states(study) == ["completed"] * 2


def _work(folder: Path, name: str, ended_at: Any, index: int) -> None:
    study = Study(Database(f"sqlite:///{folder}/studies.db"), "s")

    def start(claims: Any, place: Place) -> Any:
        return attempt_of(claims, folder, slow)

    Worker(study, name, [PLACE], start, StudySettings()).run()
    ended_at[index] = time.time()


@pytest.mark.parametrize("is_timed", [False, pytest.param(True, marks=pytest.mark.slow)])
def test_eight_workers_see_a_limit_and_each_slot_runs_at_most_one_trial_more(is_timed: bool, tmp_path: Path) -> None:
    study = limited(study_of(tmp_path, 60), max_trials=10)
    del study
    context = multiprocessing.get_context("fork")
    ended_at = context.Array("d", 8)
    workers = [context.Process(target=_work, args=(tmp_path, f"w{i}", ended_at, i)) for i in range(8)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)
        assert worker.exitcode == 0
    study = Study(Database(f"sqlite:///{tmp_path}/studies.db"), "s")
    counts, now = states(study), study.look()
    assert 10 <= counts.count("completed") <= 10 + 8 and counts.count("running") == 0 < counts.count("open")
    assert now.why.startswith("study.max_trials=10: 1")
    if is_timed:  # on a machine that has time for it
        assert max(ended_at) - now.at < 2 + 0.4  # a trial takes 0.4 s
    reached = [event.at for event in study.events() if event.what == "claimed"]
    assert max(reached) <= now.at  # nothing was started after the limit was written


def test_a_result_that_comes_to_a_stopped_study_is_taken(tmp_path: Path) -> None:
    study = study_of(tmp_path, 1)
    claim = study.claim("w", None)
    study.will.want("stop", "sweeps stop")
    assert claim is not None and study.tell(claim, done(1.0))
    assert study.is_finished()


def test_optuna_has_what_the_terminator_asks(tmp_path: Path) -> None:
    study = study_of(tmp_path, 2)
    worker_of(study, tmp_path, square)[0].run()
    study.mirror()
    assert study.asked(lambda found: [trial.value for trial in found.trials]) == [0.0, 1.0]
    assert isinstance(study.asked(lambda found: found), optuna.Study)


@pytest.mark.parametrize(
    ("limits", "message"),
    [
        ({"max_trials": 0}, "study.max_trials=0 must be a whole number of at least 1."),
        ({"patience": -1}, "study.patience=-1 must be a whole number of at least 1."),
        ({"max_hours": 0.0}, "study.max_hours=0.0 must be a finite number above 0."),
        ({"max_gpu_hours": float("nan")}, "study.max_gpu_hours=nan must be a finite number above 0."),
    ],
)
def test_a_limit_that_cannot_be_is_refused(limits: dict[str, Any], message: str) -> None:
    with pytest.raises(StudyError) as refused:
        Limits.of(StudySettings(**limits), 1)
    assert str(refused.value) == message
