"""One contract for every database."""

import multiprocessing
import time
from dataclasses import replace
from pathlib import Path

import optuna
import pytest

from sweeps.errors import StorageError, StudyError
from sweeps.outcome import Completed, Failed, to_json
from sweeps.owners import new_worker_id
from sweeps.space import Point
from sweeps.study.ledger import Ledger
from sweeps.study.records import Claim
from sweeps.study.requeue import Ended, Finish, Requeue
from sweeps.study.storage import Database
from sweeps.study.study import Study
from sweeps.study.urls import shown, without_passwords

GONE = "elsewhere:00000000:1:cafe"


def grid(*values: object) -> list[Point]:
    return [Point(overrides={"x": str(value), "model": "dense"}, varied=("x",)) for value in values]


def make(url: str, *values: object, name: str = "s") -> Study:
    study = Study.create(Database(url, patience_s=5), name, ["minimize"], {"objective": ["loss"]})
    study.add(grid(*values))
    return study


def finish(study: Study, claim: Claim, value: float = 1.0) -> bool:
    return study.tell(claim, Completed(values=(value,)))


def claim(study: Study, worker: str = "w") -> Claim:
    made = study.claim(worker, None)
    assert made is not None
    return made


def test_points_are_handed_out_in_order_and_once(storage_url: str) -> None:
    study = make(storage_url, 1, 2, 3)
    assert [claim(study).point.overrides["x"] for _ in range(3)] == ["1", "2", "3"]
    assert study.claim("w", None) is None


def test_adding_points_again_adds_only_the_new_ones(storage_url: str) -> None:
    study = make(storage_url, 1, 2)
    assert study.add(grid(1, 2.0, 3)) == 1
    assert [trial.number for trial in study.trials()] == [0, 1, 2]


def test_a_result_is_told_once_and_mirrored(storage_url: str) -> None:
    study = make(storage_url, 1)
    held = claim(study)
    assert finish(study, held, 0.25)
    assert study.is_finished() and study.unmirrored() == [0]
    study.mirror()
    assert study.unmirrored() == []
    trials = optuna.load_study(study_name="s", storage=study.database.storage).trials
    assert [(trial.state.name, trial.value, trial.params) for trial in trials] == [("COMPLETE", 0.25, {"x": 1.0})]


def test_telling_again_after_a_lost_answer_is_accepted(storage_url: str) -> None:
    study = make(storage_url, 1)
    held = claim(study)
    assert finish(study, held) and finish(study, held)


def test_a_late_result_of_a_lost_claim_is_refused(storage_url: str) -> None:
    study = make(storage_url, 1)
    late = claim(study, GONE)
    time.sleep(1.1)
    assert study.reap(1.0, by="other") == [0]
    again = claim(study, "other")
    assert again.attempt == 2 and again.number == 0 and again.trial_id == late.trial_id
    assert not study.beat(late, {})
    assert not finish(study, late, -1.0)
    assert finish(study, again, 2.0)
    assert study.trials()[0].outcome == Completed(values=(2.0,))


def test_a_worker_that_beats_keeps_its_trial(storage_url: str) -> None:
    study = make(storage_url, 1)
    held = claim(study, GONE)
    for _ in range(4):
        time.sleep(0.4)
        assert study.beat(held, {"loss": 1.0})
        assert study.reap(1.0, by="other") == []
    assert study.trials()[0].progress == {"loss": 1.0}


def test_a_dead_worker_of_this_machine_is_known_at_once(storage_url: str) -> None:
    study = make(storage_url, 1)
    context = multiprocessing.get_context("fork")
    answers = context.SimpleQueue()
    process = context.Process(target=lambda: answers.put(new_worker_id()))
    process.start()
    worker = answers.get()
    process.join()
    claim(study, worker)
    assert study.reap(3600, by="other") == [0]


def test_a_living_worker_of_this_machine_is_left_alone(storage_url: str) -> None:
    study = make(storage_url, 1)
    claim(study, new_worker_id())
    assert study.reap(3600, by="other") == []


HANDED_BACK = Requeue(what="handed back", reason="its worker was told to stop")
RETRIED = Requeue(what="retried", reason="crash: killed by SIGSEGV", counts=True)


def test_a_trial_given_back_costs_no_retry_and_keeps_its_time(storage_url: str) -> None:
    study = make(storage_url, 1)
    assert study.give_back(claim(study), 2.5, HANDED_BACK)
    again = claim(study)
    assert (again.attempt, again.spent_s, again.retries) == (2, 2.5, 0)


def test_the_time_of_a_lost_attempt_counts_as_far_as_it_is_known(storage_url: str) -> None:
    study = make(storage_url, 1)
    lost = claim(study, GONE)
    time.sleep(0.6)
    assert study.beat(lost, {})
    time.sleep(1.2)  # after its last beat nothing is known
    assert study.reap(1.0, by="other") == [0]
    again = claim(study)
    assert 0.5 < again.spent_s < 1.2
    study.give_back(again, 2.0, HANDED_BACK)
    assert claim(study).spent_s == pytest.approx(again.spent_s + 2.0)


def test_a_retry_is_counted_and_the_last_one_is_final(storage_url: str) -> None:
    study = make(storage_url, 1)
    crash = Ended(outcome=Failed(cause="crash", detail="killed by SIGSEGV"))
    assert study.settle(claim(study), crash, 1.0, max_retries=1) == RETRIED
    again = claim(study)
    assert (again.attempt, again.spent_s, again.retries) == (2, 1.0, 1)
    assert study.settle(again, crash, 1.0, max_retries=1) == Finish(outcome=crash.outcome)
    assert study.trials()[0].outcome == crash.outcome


def test_a_trial_that_has_to_pause_is_given_to_nobody_until_then(storage_url: str) -> None:
    study = make(storage_url, 1, 2)
    assert study.give_back(claim(study), 1.0, replace(RETRIED, pause_s=1.5))
    assert claim(study).number == 1 and study.claim("w", None) is None
    assert not study.is_finished()
    time.sleep(1.6)
    assert claim(study).attempt == 2


def test_every_transition_is_an_event_with_its_reason(storage_url: str) -> None:
    study = make(storage_url, 1, 2)
    late = claim(study, GONE)
    study.give_back(claim(study, "host:m:1:a"), 1.0, HANDED_BACK)
    time.sleep(1.1)
    study.reap(1.0, by="host:m:1:a")
    again = claim(study, "host:m:1:a")
    study.tell(late, Completed(values=(7.0,)))
    study.give_back(again, 1.0, RETRIED)
    study.tell(claim(study, "host:m:1:a"), Failed(cause="error", detail="ValueError: x"))
    study.reopen("study.retry_failed", fresh=False)
    story = [(event.attempt, event.what, event.worker) for event in study.events(0)]
    assert story == [
        (1, "claimed", GONE),
        (1, "lease lost", GONE),
        (2, "claimed", "host:m:1:a"),
        (1, "refused", GONE),
        (2, "retried", "host:m:1:a"),
        (3, "claimed", "host:m:1:a"),
        (3, "finished", "host:m:1:a"),
        (3, "reopened", "host:m:1:a"),
    ]
    whys = {event.what: event.why for event in study.events(0)}
    assert whys["lease lost"] == "no beat for 1 s, and study.lease_s is 1; seen by host:m:1:a"
    assert whys["refused"] == "its lease was lost before its result came (completed with 7)"
    assert whys["retried"] == "crash: killed by SIGSEGV"
    assert whys["finished"] == "failed, error: ValueError: x"
    assert [event.what for event in study.events(1)] == ["claimed", "handed back"]
    assert {event.machine for event in study.events()} == {"elsewhere", "host"}
    assert abs(study.events()[0].at - time.time()) < 120


def test_what_metrics_are_better_is_kept_and_what_is_said_last_counts(storage_url: str) -> None:
    study = make(storage_url, 1)
    assert study.metric_directions == {}
    study.declare({"test/acc": "max", "test/mae": "max"})
    Study(study.database, "s").declare({"test/mae": "min"})
    assert study.metric_directions == {"test/acc": "max", "test/mae": "min"}


def test_failed_trials_can_be_reopened_and_others_cannot(storage_url: str) -> None:
    study = make(storage_url, 1, 2)
    finish(study, claim(study))
    study.tell(claim(study), Failed(cause="error", detail="x"))
    assert len(study.reopen("study.retry_failed", fresh=True)) == 1
    assert claim(study).number == 1


def test_who_is_sent_back_to_the_beginning_and_how_often_is_part_of_the_claim(storage_url: str) -> None:
    study = make(storage_url, 1, 2, 3)
    finish(study, claim(study))
    study.tell(claim(study), Failed(cause="error", detail="x"))
    study.give_back(claim(study), 1.0, HANDED_BACK)
    assert study.reopen("sweeps retry", fresh=False) == [1]
    assert claim(study).restarts == 0
    assert study.reopen("sweeps retry", 0, fresh=True) == [] and study.reopen("sweeps retry", 1, fresh=True) == []
    assert study.reopen("sweeps retry", fresh=True) == [] and study.reopen("sweeps retry", 2, fresh=False) == []
    assert study.reopen("sweeps retry", 2, fresh=True) == [2]
    again = claim(study)
    assert (again.number, again.attempt, again.restarts) == (2, 2, 1)
    study.tell(again, Failed(cause="error", detail="x"))
    assert study.reopen("study.retry_failed", fresh=True) == [2] and claim(study).restarts == 2
    assert [event.why for event in study.events(2) if event.what == "restarted"] == [
        "sweeps retry",
        "study.retry_failed",
    ]


@pytest.mark.parametrize("is_pruned", [False, True])
def test_a_crash_between_ledger_and_optuna_is_mended(storage_url: str, is_pruned: bool) -> None:
    study = make(storage_url, 1)
    if is_pruned:  # then Optuna has the trial while it runs
        study.use(optuna.pruners.MedianPruner())
    held = claim(study)
    stored = optuna.load_study(study_name="s", storage=study.database.storage)
    # The ledger's half of `tell`, as a worker leaves it that dies before the other half.
    ledger = Ledger(study.database, study.facts["key"])
    ledger.change(held, {"state": "done", "outcome": to_json(Completed(values=(3.0,)))})
    assert study.unmirrored() == [0] and [trial.state.name for trial in stored.trials] == ["RUNNING"] * is_pruned
    study.reconcile()
    assert study.unmirrored() == [] and stored.best_value == 3.0


def test_a_study_prunes_by_the_pruner_it_is_given_and_by_no_other(storage_url: str) -> None:
    study = make(storage_url, *range(8))
    for value in range(6):
        held = claim(study)
        assert [study.should_prune(held, {"loss": float(value)}, step) for step in range(3)] == [False] * 3
        finish(study, held, float(value))
    study.use(optuna.pruners.NopPruner())
    assert not study.should_prune(claim(study), {"loss": 1e9}, 0)
    study.use(optuna.pruners.ThresholdPruner(upper=10.0))
    worst = claim(study)
    assert study.should_prune(worst, {"loss": 1e9, "acc": 0.0}, 1)
    assert not study.should_prune(worst, {"acc": 0.0}, 2)


def test_draws_extend_to_the_number_asked_for(storage_url: str) -> None:
    study = make(storage_url)
    assert study.add_draws(3) == 3
    assert study.add_draws(5) == 2
    assert study.counts() == {"open": 5, "running": 0, "done": 0}


def test_another_objective_is_refused(storage_url: str) -> None:
    make(storage_url, 1)
    with pytest.raises(StudyError, match=r"study\.objective=\['other'\]"):
        Study.create(Database(storage_url), "s", ["minimize"], {"objective": ["other"]})
    with pytest.raises(StudyError, match=r"study\.direction"):
        Study.create(Database(storage_url), "s", ["maximize"], {"objective": ["loss"]})


def test_an_unknown_study_lists_the_known_ones(storage_url: str) -> None:
    study = make(storage_url, 1, name="first")
    assert study.database.study_names() == ["first"]
    with pytest.raises(StudyError, match=r"Did you mean 'first'"):
        Study(study.database, "frist")


def claim_all(url: str, worker: str, answers: "multiprocessing.SimpleQueue[list[int]]") -> None:
    study = Study(Database(url), "s")
    mine = []
    while (held := study.claim(worker, None)) is not None:
        mine.append(held.number)
        finish(study, held)
    answers.put(mine)


@pytest.mark.long
def test_eight_workers_never_share_a_point(storage_url: str) -> None:
    make(storage_url, *range(80)).database.engine.dispose()
    context = multiprocessing.get_context("spawn")
    answers = context.SimpleQueue()
    workers = [context.Process(target=claim_all, args=(storage_url, f"w{i}", answers)) for i in range(8)]
    for process in workers:
        process.start()
    taken = [number for _ in workers for number in answers.get()]
    for process in workers:
        process.join()
    assert sorted(taken) == list(range(80))
    assert Study(Database(storage_url), "s").is_finished()


def start_study(url: str, folder: str, index: int) -> None:
    ready = Path(folder) / "go"
    while not ready.exists():
        pass
    make(url, 1, 2, 3)


def test_simultaneous_first_starts_make_one_study(storage_url: str, tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    starters = [context.Process(target=start_study, args=(storage_url, str(tmp_path), i)) for i in range(4)]
    for process in starters:
        process.start()
    time.sleep(3)
    (tmp_path / "go").touch()
    for process in starters:
        process.join()
        assert process.exitcode == 0
    study = Study(Database(storage_url), "s")
    assert [trial.number for trial in study.trials()] == [0, 1, 2]


@pytest.mark.parametrize(
    ("url", "text"),
    [
        ("nonsense", "is no storage URL"),
        ("mysql://u:secret@h/d", "is no"),
        ("postgresql://u:secret@127.0.0.1:1/d", "does not answer"),
        ("sqlite:////proc/nope/x.db", "does not answer"),
    ],
)
def test_a_storage_that_cannot_be_is_one_line_without_its_password(url: str, text: str) -> None:
    with pytest.raises((StudyError, StorageError), match=text) as caught:
        Database(url)
    assert "secret" not in str(caught.value) and "\n" not in str(caught.value)


def test_a_password_is_never_shown() -> None:
    assert "secret" not in shown("postgresql://user:secret@host/db")


def test_overrides_with_a_password_are_not_kept() -> None:
    kept = ["x=1,2", "study.storage=sqlite:///a.db", "tracking.uri=http://host:5000"]
    secret = ["study.storage='postgresql://u:secret@h/d'", "tracking.uri=http://u:secret@host:5000"]
    assert without_passwords([*kept, *secret]) == kept


def test_a_missing_file_is_not_created_by_looking(tmp_path: Path) -> None:
    with pytest.raises(StudyError, match="does not exist"):
        Database(f"sqlite:///{tmp_path}/a/b.db", create=False)
    assert list(tmp_path.iterdir()) == []


def test_a_name_that_is_no_text_is_no_study_and_no_traceback(storage_url: str) -> None:
    database = Database(storage_url)
    Study.create(database, "s", ["minimize"], {})
    for name in ("\udcff", "s\ud800"):
        with pytest.raises(StudyError) as refused:
            Study(database, name)
        assert str(refused.value).startswith(f"There is no study {name!r}. Studies: s.")
