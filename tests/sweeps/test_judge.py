"""By which metric a pruner judges, who is told that there is none, and trials that are to be whole."""

import itertools
from multiprocessing.connection import Connection
from pathlib import Path

import optuna
import pytest

from sweeps.outcome import Completed, Pruned
from sweeps.space import Point
from sweeps.study.pruning import make_pruner
from sweeps.study.records import Claim
from sweeps.study.requeue import Requeue
from sweeps.study.storage import Database
from sweeps.study.study import Study
from sweeps.worker.messages import Reported, Returned, encode
from tests.sweeps.test_worker import study_of, worker_of

LIMIT = {"_target_": "threshold", "upper": 10.0}


def make(url: str, direction: str = "minimize", num: int = 3) -> Study:
    study = Study.create(Database(url), "s", [direction], {"objective": ["acc"]})
    study.add([Point(overrides={"x": str(x)}, varied=("x",)) for x in range(num)])
    return study


def claim(study: Study) -> Claim:
    made = study.claim("w", None)
    assert made is not None
    return made


def stored(study: Study) -> list[optuna.trial.FrozenTrial]:
    return optuna.load_study(study_name="s", storage=study.database.storage).trials


def test_another_metric_than_the_objective_can_be_judged(storage_url: str) -> None:
    study = make(storage_url, "maximize")
    study.use(make_pruner("median", None), {"val/loss": "minimize"})
    for _ in range(5):  # as many as the median waits for
        study.add([Point(overrides={"x": str(100 + len(study.trials()))}, varied=("x",))])
    for _ in range(5):
        held = claim(study)
        assert not study.should_prune(held, {"val/loss": 1.0, "acc": 0.0}, 1)
        study.tell(held, Completed(values=(0.5,)))
    worse, better = claim(study), claim(study)
    assert not study.should_prune(worse, {"acc": -1e9}, 1)
    assert study.should_prune(worse, {"val/loss": 2.0, "acc": 1.0}, 1)
    assert not study.should_prune(better, {"val/loss": 0.5, "acc": 0.0}, 1)
    # Optuna knows one direction per study: a metric of the other one has its sign changed there.
    assert [trial.intermediate_values for trial in stored(study)[4:7]] == [{1: -1.0}, {1: -2.0}, {1: -0.5}]


def test_a_pruned_trial_that_is_wanted_whole_goes_on_and_is_not_stopped_again(storage_url: str) -> None:
    study = make(storage_url)
    study.use(make_pruner(LIMIT, None))
    held = claim(study)
    assert study.should_prune(held, {"acc": 11.0}, 1)
    study.tell(held, Pruned(values=(11.0,)))
    assert not study.go_on(1, "sweeps resume") and not study.go_on(7, "sweeps resume")
    assert study.go_on(0, "sweeps resume")
    again = claim(study)
    assert (again.number, again.attempt, again.is_spared, again.restarts) == (0, 2, True, 0)
    assert not study.should_prune(again, {"acc": 11.0}, 2)
    study.tell(again, Completed(values=(3.0,)))
    trial = study.trials()[0]
    assert trial.state == "completed" and trial.outcome == Completed(values=(3.0,)) and not study.go_on(0, "again")
    assert [(event.what, event.why) for event in study.events(0)] == [
        ("claimed", "the first attempt"),
        ("finished", "pruned at 11"),
        ("reopened", "sweeps resume"),
        ("claimed", "after attempt 1"),
        ("finished", "completed with 3"),
    ]
    # Optuna keeps the trial that was pruned, for its comparisons, beside the one that went on.
    assert [trial.state.name for trial in stored(study)] == ["PRUNED", "COMPLETE"]


def test_an_interruption_does_not_forget_that_a_trial_is_to_be_whole(storage_url: str) -> None:
    study = make(storage_url)
    study.use(make_pruner(LIMIT, None))
    study.tell(claim(study), Pruned())
    study.go_on(0, "test")
    study.give_back(claim(study), 1.0, Requeue(what="handed back", reason="test"))
    assert claim(study).is_spared


@pytest.mark.parametrize(("reported", "is_told"), [({"train": 1.0}, True), ({"loss": 1.0}, False)])
def test_a_metric_that_no_trial_reports_is_told_once(
    reported: dict[str, float], is_told: bool, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def task(number: int, pipe: Connection) -> None:
        pipe.send_bytes(encode(Reported(trial=number, metrics=reported, step=1)))
        pipe.send_bytes(encode(Returned(trial=number, value=1.0)))

    study = study_of(tmp_path, 3)
    study.use(make_pruner("median", None))
    worker_of(study, tmp_path, task, 1)[0].run()
    lines = [line for line in capsys.readouterr().err.splitlines() if line.startswith("Warning")]
    expected = [
        "Warning: trial 0 has ended and has reported no loss on its way, so the pruner had nothing to judge"
        " (study.prune_by, else study.objective). It has left: train, step."
    ]
    assert lines == (expected if is_told else [])


def test_a_trial_reports_at_most_once_more_before_it_has_the_decision(tmp_path: Path) -> None:
    def task(number: int, pipe: Connection) -> None:
        step = 0
        while not pipe.poll(1.0):  # an epoch
            step += 1
            pipe.send_bytes(encode(Reported(trial=number, metrics={"loss": 20.0 if step == 3 else 1.0}, step=step)))
        pipe.send_bytes(encode(Returned(trial=number, value=float(step))))

    study = study_of(tmp_path, 2)
    study.use(make_pruner(LIMIT, None))
    worker_of(study, tmp_path, task, trial_timeout_s=20)[0].run()
    steps = [trial.outcome.values[0] for trial in study.trials() if isinstance(trial.outcome, Completed)]
    assert len(steps) == 2 and set(steps) <= {3.0, 4.0}  # decided at the third; a machine may be busy for an epoch


def test_a_report_of_the_judged_metric_is_not_lost_behind_one_of_another(tmp_path: Path) -> None:
    def task(number: int, pipe: Connection) -> None:
        for metrics in ({"loss": 11.0}, {"train": 0.0}):  # both lie in the pipe when the worker looks
            pipe.send_bytes(encode(Reported(trial=number, metrics=metrics, step=1)))
        pipe.recv_bytes()  # the decision: there is none if the first report was dropped
        pipe.send_bytes(encode(Returned(trial=number, value=1.0)))

    study = study_of(tmp_path, 1)
    study.use(make_pruner(LIMIT, None))
    worker, _ = worker_of(study, tmp_path, task, trial_timeout_s=20)
    worker.run()
    assert isinstance(study.trials()[0].outcome, Completed)


def test_a_pruned_grid_is_taken_in_an_order_that_hides_no_axis(tmp_path: Path) -> None:
    """Values of an axis that rise in quality would leave a pruner nothing to stop."""
    study = Study.create(Database(f"sqlite:///{tmp_path}/studies.db"), "s", ["minimize"], {"objective": ["loss"]})
    study.add([Point(overrides={"x": str(x)}, varied=("x",)) for x in range(48)])
    study.use(make_pruner("asha", None), is_mixed=True)
    taken = [claim.number for _ in range(48) if (claim := study.claim("w", None))]
    assert taken[:12] == [47, 10, 8, 0, 25, 38, 28, 14, 32, 11, 35, 43] and sorted(taken) == list(range(48))
    rises = sum(b > a for a, b in itertools.pairwise(taken))
    assert 16 <= rises <= 31  # in order it is 47
