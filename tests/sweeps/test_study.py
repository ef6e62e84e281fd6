"""One contract for every database."""

import multiprocessing
import time
from pathlib import Path

import optuna
import pytest

from sweeps.errors import StorageError, StudyError
from sweeps.identity import new_worker_id
from sweeps.outcome import Completed, Failed
from sweeps.space import Point
from sweeps.study.records import Claim
from sweeps.study.storage import Database, shown, without_passwords
from sweeps.study.study import Study, names

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
    assert study.is_finished() and study.unmirrored() == []
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
    assert study.reap(lease_s=1.0) == [0]
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
        assert study.reap(lease_s=1.0) == []
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
    assert study.reap(lease_s=3600) == [0]


def test_a_living_worker_of_this_machine_is_left_alone(storage_url: str) -> None:
    study = make(storage_url, 1)
    claim(study, new_worker_id())
    assert study.reap(lease_s=3600) == []


def test_a_trial_given_back_costs_no_retry_and_keeps_its_time(storage_url: str) -> None:
    study = make(storage_url, 1)
    assert study.give_back(claim(study), spent_s=2.5)
    again = claim(study)
    assert again.spent_s == 2.5
    assert study.may_retry(again, Failed(cause="crash", detail=""), max_retries=1)


def test_retries_are_counted_and_only_help_some_causes(storage_url: str) -> None:
    study = make(storage_url, 1)
    study.give_back(claim(study), 0.0, as_retry=True)
    again = claim(study)
    assert not study.may_retry(again, Failed(cause="crash", detail=""), max_retries=1)
    assert study.may_retry(again, Failed(cause="crash", detail=""), max_retries=2)
    assert not study.may_retry(again, Failed(cause="error", detail=""), max_retries=2)


def test_failed_trials_can_be_reopened_and_others_cannot(storage_url: str) -> None:
    study = make(storage_url, 1, 2)
    finish(study, claim(study))
    study.tell(claim(study), Failed(cause="error", detail="x"))
    assert study.reopen_failed() == 1
    assert claim(study).number == 1


def test_a_crash_between_ledger_and_optuna_is_mended(storage_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    study = make(storage_url, 1)
    held = claim(study)
    monkeypatch.setattr(Study, "_mirror_end", lambda *args: None)
    finish(study, held, 3.0)
    monkeypatch.undo()
    assert study.unmirrored() == [0]
    study.reconcile()
    assert study.unmirrored() == []
    assert optuna.load_study(study_name="s", storage=study.database.storage).best_value == 3.0


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
    assert names(study.database) == ["first"]
    with pytest.raises(StudyError, match=r"Did you mean 'first'"):
        Study(study.database, "frist")


def claim_all(url: str, worker: str, answers: "multiprocessing.SimpleQueue[list[int]]") -> None:
    study = Study(Database(url), "s")
    mine = []
    while (held := study.claim(worker, None)) is not None:
        mine.append(held.number)
        finish(study, held)
    answers.put(mine)


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
