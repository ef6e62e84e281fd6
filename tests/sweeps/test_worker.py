"""The loop of a worker, with processes that are forked from the test and speak as a trial does."""

import multiprocessing
import os
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from multiprocessing.connection import Connection
from pathlib import Path

import psutil
import pytest
import sqlalchemy as sa
from optuna.pruners import ThresholdPruner

from sweeps.errors import SweepStopped
from sweeps.outcome import Completed, Failed
from sweeps.settings import StudySettings
from sweeps.space import Point
from sweeps.study.records import Claim, Notice, TrialEnded, TrialRetried, TrialStarted
from sweeps.study.requeue import Requeue
from sweeps.study.storage import Database
from sweeps.study.study import Study
from sweeps.trial.files import StudyFiles
from sweeps.worker.attempt import Attempt, Member
from sweeps.worker.memory import MemoryWatch, used_gb
from sweeps.worker.messages import Declared, Progressed, Raised, Reported, Returned, encode
from sweeps.worker.piped import PipedTrial
from sweeps.worker.placement import Place
from sweeps.worker.process import TrialProcess
from sweeps.worker.worker import Worker

PLACE = Place(threads=1, device=None, share=0.5)
Task = Callable[[int, Connection], None]


class Witness:
    """An observer that remembers."""

    def __init__(self) -> None:
        self.notices: list[Notice] = []

    def notice(self, notice: Notice) -> None:
        self.notices.append(notice)

    def tick(self) -> None:
        pass


def study_of(folder: Path, num_points: int) -> Study:
    study = Study.create(Database(f"sqlite:///{folder}/studies.db"), "s", ["minimize"], {"objective": ["loss"]})
    study.add(Point(overrides={"x": str(x)}, varied=("x",)) for x in range(num_points))
    return study


def attempt_of(claims: list[Claim], folder: Path, task: Task) -> Attempt:
    context = multiprocessing.get_context("fork")
    ours, theirs = context.Pipe()
    process, began_at = context.Process(target=task, args=(claims[0].number, theirs)), time.monotonic()
    process.start()
    theirs.close()
    files = StudyFiles(folder)
    members = [Member(claim=claim, files=files.trial(claim.number)) for claim in claims]
    return Attempt(members, PLACE, TrialProcess(process, ours, None), began_at)


def worker_of(
    study: Study, folder: Path, task: Task, num_places: int = 2, until: float | None = None, **settings: object
) -> tuple[Worker, Witness]:
    witness = Witness()

    def start(claims: Sequence[Claim], place: Place) -> Attempt:
        return attempt_of(list(claims), folder, task)

    options = StudySettings(**settings)  # type: ignore[arg-type]
    return Worker(study, "w", [PLACE] * num_places, start, options, observers=[witness], until=until), witness


def square(number: int, pipe: Connection) -> None:
    pipe.send_bytes(encode(Declared(trial=number, directions={"loss": "min"})))
    pipe.send_bytes(encode(Returned(trial=number, value=float(number**2))))


def test_every_point_is_run_once_and_observers_learn_of_it(tmp_path: Path) -> None:
    study = study_of(tmp_path, 5)
    worker, witness = worker_of(study, tmp_path, square)
    assert worker.run() is None
    outcomes = [trial.outcome for trial in study.trials()]
    assert [isinstance(outcome, Completed) and outcome.values for outcome in outcomes] == [
        (float(x**2),) for x in range(5)
    ]
    started = [notice.number for notice in witness.notices if isinstance(notice, TrialStarted)]
    ended = {notice.number: notice.outcome for notice in witness.notices if isinstance(notice, TrialEnded)}
    assert started == [0, 1, 2, 3, 4] and ended == dict(enumerate(outcomes))
    assert study.metric_directions == {"loss": "min"}


def test_a_worker_does_not_wait_behind_its_last_trial(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pauses: list[float] = []
    sleep = time.sleep

    def sleep_or_note(pause_s: float) -> None:
        is_ours = threading.current_thread() is threading.main_thread()  # other tests may have left threads
        (pauses.append if is_ours else sleep)(pause_s)

    monkeypatch.setattr(time, "sleep", sleep_or_note)
    worker, _ = worker_of(study_of(tmp_path, 4), tmp_path, square)
    assert worker.run() is None
    assert [pause for pause in pauses if pause > 0.1] == []


def test_places_that_are_alike_are_all_used(tmp_path: Path) -> None:
    def slow(number: int, pipe: Connection) -> None:
        time.sleep(0.5)
        square(number, pipe)

    study = study_of(tmp_path, 3)
    worker_of(study, tmp_path, slow, num_places=3)[0].run()
    story = [event.what for event in study.events()]
    assert story[:3] == ["claimed"] * 3 and story[3:] == ["finished"] * 3


def test_a_crash_is_retried_and_then_recorded(tmp_path: Path) -> None:
    def crash(number: int, pipe: Connection) -> None:
        os.kill(os.getpid(), signal.SIGKILL)

    study = study_of(tmp_path, 1)
    _, witness = (made := worker_of(study, tmp_path, crash, max_retries=2))
    made[0].run()
    story = [(event.attempt, event.what, event.why) for event in study.events(0) if event.what != "claimed"]
    assert story == [
        (1, "retried", "crash: killed by SIGKILL"),
        (2, "retried", "crash: killed by SIGKILL"),
        (3, "finished", "failed, crash: killed by SIGKILL"),
    ]
    assert sum(isinstance(notice, TrialEnded) for notice in witness.notices) == 1
    retried = TrialRetried(number=0, what="retried", why="crash: killed by SIGKILL")
    assert [notice for notice in witness.notices if isinstance(notice, TrialRetried)] == [retried] * 2


@pytest.mark.parametrize("asked", [None, signal.SIGUSR1, signal.SIGUSR2], ids=str)
def test_a_worker_whose_time_is_over_hands_back(tmp_path: Path, asked: int | None) -> None:
    def until_told(number: int, pipe: Connection) -> None:
        signal.signal(signal.SIGTERM, lambda *_: os._exit(143))
        if asked is not None and number == 0:
            os.kill(os.getppid(), asked)
            os.kill(os.getppid(), asked)
        time.sleep(60)

    study = study_of(tmp_path, 3)
    made, _ = worker_of(study, tmp_path, until_told, until=None if asked else time.time() + 0.5)
    assert made.run() == (asked or signal.SIGALRM)
    assert study.counts() == {"open": 3, "running": 0, "done": 0}
    why = {event.why for event in study.events() if event.what == "handed back"}
    told = f"its worker was told to stop by {signal.Signals(asked).name}" if asked else None
    assert why == {told or "its worker's time was over (--max-time)"}


def test_what_is_no_message_fails_its_trial_and_no_other(tmp_path: Path) -> None:
    def babble(number: int, pipe: Connection) -> None:
        pipe.send_bytes(b"\x80\x04N.") if number == 0 else square(number, pipe)
        time.sleep(0.2)

    study = study_of(tmp_path, 2)
    worker_of(study, tmp_path, babble)[0].run()
    bad, good = (trial.outcome for trial in study.trials())
    assert isinstance(bad, Failed) and bad.cause == "error" and "no message" in bad.detail
    assert isinstance(good, Completed)


@pytest.mark.parametrize("sent", [b"raw garbage, no frame", b"\x7f\xff\xff\xff", b"\x00\x00\x10\x00half a mess"])
def test_whatever_is_written_into_a_pipe_delays_no_other_trial(tmp_path: Path, sent: bytes) -> None:
    """The last one is the beginning of a message whose rest never comes."""

    def write(number: int, pipe: Connection) -> None:
        if number == 0:
            os.write(pipe.fileno(), sent)
            time.sleep(4)
        else:
            square(number, pipe)

    study = study_of(tmp_path, 5)
    worker_of(study, tmp_path, write, max_retries=0)[0].run()
    first, *rest = (trial.outcome for trial in study.trials())
    assert isinstance(first, Failed) and all(isinstance(outcome, Completed) for outcome in rest)
    assert "no message" in first.detail or first.detail == "exited with code 0 without a result"
    at = {event.number: event.at for event in study.events() if event.what == "finished"}
    assert max(at[number] for number in range(1, 5)) - study.events(0)[0].at < 3.5


def test_a_trial_whose_task_closes_its_pipe_says_so(tmp_path: Path) -> None:
    def close(number: int, pipe: Connection) -> None:
        trial = PipedTrial(pipe, number, tmp_path / "t")
        os.closerange(3, 256)
        trial.send(Returned(trial=number, value=1.0))

    study = study_of(tmp_path, 1)
    worker_of(study, tmp_path, close)[0].run()
    outcome = study.trials()[0].outcome
    assert isinstance(outcome, Failed) and study.trials()[0].attempt == 1
    assert (outcome.cause, outcome.detail) == ("error", "the task has closed a file of sweeps: the pipe to its worker")


def test_an_attempt_may_hold_several_trials(tmp_path: Path) -> None:
    """One process, three trials: a result, an error, and one that it never mentions."""

    def fused(number: int, pipe: Connection) -> None:
        pipe.send_bytes(encode(Returned(trial=0, value=7.0)))
        pipe.send_bytes(encode(Raised(trial=1, cause="error", detail="ValueError: x")))
        pipe.send_bytes(encode(Returned(trial=99, value=1.0)))  # not of this attempt

    study, witness = study_of(tmp_path, 3), Witness()

    def start(claims: Sequence[Claim], place: Place) -> Attempt:
        others = [study.claim("w", None) for _ in range(2)]
        return attempt_of([*claims, *(other for other in others if other)], tmp_path, fused)

    Worker(study, "w", [PLACE], start, StudySettings(max_retries=0), observers=[witness]).run()
    first, second, third = (trial.outcome for trial in study.trials())
    assert isinstance(first, Completed) and first.values == (7.0,)
    assert isinstance(second, Failed) and second.detail == "ValueError: x"
    assert isinstance(third, Failed) and third.detail == "exited with code 0 without a result"


def on_sigterm_exit(number: int, pipe: Connection) -> None:
    signal.signal(signal.SIGTERM, lambda *_: os._exit(143))
    time.sleep(30)


def test_two_signals_in_one_instant_are_one(tmp_path: Path) -> None:
    def leave_slowly(number: int, pipe: Connection) -> None:
        signal.signal(signal.SIGTERM, lambda *_: (time.sleep(0.3), os._exit(143)))
        time.sleep(30)

    study = study_of(tmp_path, 1)
    worker, _ = worker_of(study, tmp_path, leave_slowly)
    for delay_s in (1.0, 1.05):
        threading.Timer(delay_s, os.kill, (os.getpid(), signal.SIGTERM)).start()
    assert worker.run() == signal.SIGTERM
    assert [(event.what, event.why) for event in study.events(0)][1:] == [
        ("handed back", "its worker was told to stop by SIGTERM")
    ]


def test_a_trial_that_outlasts_the_grace_is_killed_and_handed_back(tmp_path: Path) -> None:
    def deaf(number: int, pipe: Connection) -> None:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        time.sleep(30)

    study = study_of(tmp_path, 1)
    worker, _ = worker_of(study, tmp_path, deaf, stop_grace_s=0.5)
    threading.Timer(1.0, os.kill, (os.getpid(), signal.SIGTERM)).start()
    assert worker.run() == signal.SIGTERM
    why = "its worker was told to stop by SIGTERM, and it was killed after study.stop_grace_s"
    assert study.events(0)[-1].why == why
    assert study.counts() == {"open": 1, "running": 0, "done": 0}


def test_a_trial_that_somebody_else_terminates_is_continued(tmp_path: Path) -> None:
    def terminated_once(number: int, pipe: Connection) -> None:
        mark = tmp_path / "once"
        if not mark.exists():
            mark.touch()
            os._exit(143)
        square(number, pipe)

    study = study_of(tmp_path, 1)
    worker_of(study, tmp_path, terminated_once, max_retries=0)[0].run()
    assert [event.what for event in study.events(0)] == ["claimed", "lost", "claimed", "finished"]
    assert study.events(0)[1].why == "ended by SIGTERM, which its worker has not sent (attempt 1 of at most 5)"


def test_a_trial_that_another_worker_has_taken_is_stopped(tmp_path: Path) -> None:
    class Rival(Witness):
        """Takes the trial over between two steps of the worker, which so cannot claim it in between."""

        def tick(self) -> None:
            if not mark.exists():
                mark.touch()
                other = Study(Database(f"sqlite:///{tmp_path}/studies.db"), "s")
                assert other.reap(-1.0, by="other") == [0]  # as if it had been silent for longer than its lease
                claim = other.claim("other", None)
                assert claim is not None and other.tell(claim, Completed(values=(1.0,)))

    study, rival, mark = study_of(tmp_path, 1), Rival(), tmp_path / "taken"
    worker = Worker(
        study,
        "w",
        [PLACE],
        lambda claims, place: attempt_of(list(claims), tmp_path, on_sigterm_exit),
        StudySettings(lease_s=1),
        observers=[rival],
    )
    began = time.monotonic()
    assert worker.run() is None
    assert time.monotonic() - began < 20  # the trial's process was to live for 30 s
    assert study.trials()[0].worker == "other"
    assert not any(isinstance(notice, TrialEnded) for notice in rival.notices)


def test_an_observer_that_fails_ends_no_training(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    class Broken(Witness):
        def notice(self, notice: Notice) -> None:
            raise UnicodeEncodeError("ascii", "±", 0, 1, "ordinal not in range")

    study, witness = study_of(tmp_path, 3), Witness()

    def start(claims: Sequence[Claim], place: Place) -> Attempt:
        return attempt_of(list(claims), tmp_path, square)

    Worker(study, "w", [PLACE], start, StudySettings(), observers=[Broken(), witness]).run()
    assert all(isinstance(trial.outcome, Completed) for trial in study.trials())
    assert sum(isinstance(notice, TrialEnded) for notice in witness.notices) == 3
    warnings = capsys.readouterr().err.splitlines()
    assert len(warnings) == 1 and warnings[0].startswith("Warning: Broken has failed and shows nothing more")


def test_a_trial_that_reports_without_end_keeps_nobody_from_the_signal(tmp_path: Path) -> None:
    def flood(number: int, pipe: Connection) -> None:
        signal.signal(signal.SIGTERM, lambda *_: os._exit(143))
        step = 0
        while True:
            pipe.send_bytes(encode(Reported(trial=number, metrics={"loss": 1.0}, step=step)))
            step += 1

    study = study_of(tmp_path, 1)
    study.use(ThresholdPruner(upper=10.0))  # so that each report it sees is written
    worker, _ = worker_of(study, tmp_path, flood)
    threading.Timer(2.0, os.kill, (os.getpid(), signal.SIGTERM)).start()
    began = time.monotonic()
    assert worker.run() == signal.SIGTERM
    assert time.monotonic() - began < 15  # with every report written it took minutes
    assert study.counts() == {"open": 1, "running": 0, "done": 0}


def test_a_trial_that_terminates_itself_fails_after_some_attempts(tmp_path: Path) -> None:
    def leave(number: int, pipe: Connection) -> None:
        os._exit(143)

    study = study_of(tmp_path, 1)
    worker_of(study, tmp_path, leave, max_retries=0)[0].run()
    outcome = study.trials()[0].outcome
    assert isinstance(outcome, Failed) and (outcome.cause, study.trials()[0].attempt) == ("crash", 5)
    lost = [event.why for event in study.events(0) if event.what == "lost"]
    assert lost == [f"ended by SIGTERM, which its worker has not sent (attempt {i} of at most 5)" for i in range(1, 5)]


def test_a_spoilt_journal_hurts_its_own_trial_alone(tmp_path: Path) -> None:
    def spoil(number: int, pipe: Connection) -> None:
        files = StudyFiles(tmp_path).trial(number)
        files.directory.mkdir(parents=True)
        files.journal.write_bytes(b'{"metrics": {"a": 1}}\n\xff\xfe\n')
        files.log.mkdir()  # nor can its log be read
        square(number, pipe)

    study = study_of(tmp_path, 2)
    worker_of(study, tmp_path, spoil)[0].run()
    assert [isinstance(trial.outcome, Completed) for trial in study.trials()] == [True, True]


class SetClock(Database):
    """A database whose clock is set while it is used."""

    ahead_s = 0.0

    @property
    def now(self) -> sa.ColumnElement[float]:
        return super().now + self.ahead_s


@pytest.mark.long
@pytest.mark.parametrize("step_s", [3600.0, -3600.0])
def test_a_clock_that_is_set_takes_no_trial_from_a_worker_that_runs(tmp_path: Path, step_s: float) -> None:
    def slow(number: int, pipe: Connection) -> None:
        time.sleep(6)
        square(number, pipe)

    url = f"sqlite:///{tmp_path}/studies.db"
    mine, others = SetClock(url), SetClock(url)
    made = Study.create(mine, "s", ["minimize"], {"objective": ["loss"]})
    made.add(Point(overrides={"x": str(x)}, varied=("x",)) for x in range(3))
    other = Study(others, "s")
    remote = other.claim("elsewhere:00000000:1:cafe", None)  # it beats, a little late after the step
    assert remote is not None
    worker, _ = worker_of(made, tmp_path, slow, lease_s=5)

    def step() -> None:
        for _ in range(3):
            time.sleep(1.0)
            mine.ahead_s += step_s
            time.sleep(1.2)
            others.ahead_s += step_s
            assert other.beat(remote, {})
        assert other.tell(remote, Completed(values=(7.0,)))

    thread = threading.Thread(target=step)
    thread.start()
    assert worker.run() is None
    thread.join()
    assert [trial.attempt for trial in made.trials()] == [1, 1, 1]
    assert [event.what for event in made.events() if event.what not in ("claimed", "finished")] == []


def test_a_pause_ends_although_the_clock_was_set_back(tmp_path: Path) -> None:
    database = SetClock(f"sqlite:///{tmp_path}/studies.db")
    made = Study.create(database, "s", ["minimize"], {"objective": ["loss"]})
    made.add([Point(overrides={"x": "1"}, varied=("x",))])
    claim = made.claim("w", None)
    assert claim and made.give_back(claim, 1.0, Requeue(what="retried", reason="crash", pause_s=20.0))
    assert made.claim("w", None) is None
    database.ahead_s = -3600.0
    again = made.claim("w", None)
    assert again is not None and again.attempt == 2


def test_a_worker_that_died_before_the_clock_was_set_back_loses_its_trial(tmp_path: Path) -> None:
    database = SetClock(f"sqlite:///{tmp_path}/studies.db")
    made = Study.create(database, "s", ["minimize"], {"objective": ["loss"]})
    made.add([Point(overrides={"x": "1"}, varied=("x",))])
    made.claim("elsewhere:00000000:1:cafe", None)
    assert made.reap(1.0, by="w") == []
    database.ahead_s = -3600.0
    assert made.reap(1.0, by="w") == []  # it may only not have beaten since
    time.sleep(1.1)
    assert made.reap(1.0, by="w") == [0]


def test_a_stopped_worker_of_this_machine_is_judged_by_its_beats_and_a_running_one_is_not(tmp_path: Path) -> None:
    study = study_of(tmp_path, 1)
    process = subprocess.Popen(
        [
            sys.executable,
            "-c",
            "from sweeps.owners import *; print(new_worker_id(), flush=True); import time; time.sleep(60)",
        ],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    worker = process.stdout.readline().strip()
    assert study.claim(worker, None) is not None
    time.sleep(1.2)
    assert study.reap(1.0, by="w") == []
    process.send_signal(signal.SIGSTOP)
    time.sleep(0.2)
    assert study.reap(30.0, by="w") == [] and study.reap(1.0, by="w") == [0]
    assert study.claim(worker, None) is not None
    process.kill()
    process.communicate()
    assert study.reap(30.0, by="w") == [0]
    # Its number is another process's now.
    host, machine, _, start = worker.split(":")
    assert study.claim(f"{host}:{machine}:{os.getpid()}:{start}", None) is not None
    assert study.reap(30.0, by="w") == [0]


def test_so_many_failures_end_the_work_and_hand_back_the_rest(tmp_path: Path) -> None:
    def fail_or_wait(number: int, pipe: Connection) -> None:
        if number == 0:
            on_sigterm_exit(number, pipe)
        pipe.send_bytes(encode(Raised(trial=number, cause="error", detail="ValueError: x")))

    study = study_of(tmp_path, 9)
    worker, _ = worker_of(study, tmp_path, fail_or_wait, max_failures=2)
    with pytest.raises(SweepStopped, match=r"2 trials have failed \(study.max_failures=2\)") as caught:
        worker.run()
    assert caught.value.exit_code == 1
    assert study.counts() == {"open": 7, "running": 0, "done": 2}
    assert study.events(0)[-1].why == "its worker gave up: 2 trials have failed (study.max_failures=2)"


def test_three_attempts_without_a_disk_end_the_work(tmp_path: Path) -> None:
    def full(number: int, pipe: Connection) -> None:
        pipe.send_bytes(
            encode(Raised(trial=number, cause="disk", detail="OSError: [Errno 28] No space left on device"))
        )

    study = study_of(tmp_path, 9)
    with pytest.raises(SweepStopped, match=r"3 attempts in a row have failed for lack of a disk.*No space left"):
        worker_of(study, tmp_path, full, num_places=1, max_retries=1)[0].run()
    assert study.counts()["open"] >= 7


def test_nothing_is_claimed_while_nothing_can_be_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    study, lacks = study_of(tmp_path, 2), iter(["/d cannot be written: No space left on device"] * 3)

    def start(claims: Sequence[Claim], place: Place) -> Attempt:
        return attempt_of(list(claims), tmp_path, square)

    began = time.monotonic()
    Worker(study, "w", [PLACE], start, StudySettings(), lack=lambda: next(lacks, None)).run()
    assert time.monotonic() - began > 2 and study.counts()["done"] == 2
    assert capsys.readouterr().err.splitlines() == [
        "Warning: /d cannot be written: No space left on device. No trial is started until it can be."
    ]


def grow(folder: Path) -> None:
    """Take up to 2 GB in two seconds; the file `taken` has one byte per 10 MB."""
    taken = []
    with (folder / "taken").open("wb", buffering=0) as count:
        for _ in range(200):
            taken.append(b"x" * 10_000_000)
            count.write(b".")
            time.sleep(0.01)
    time.sleep(60)


def own_gb() -> float:
    """Memory of this process, from which trials are forked, without what other tests have started, such as a server."""
    memory = psutil.Process().memory_info()
    return (memory.rss - memory.shared) / 1e9


def test_a_trial_that_grows_fast_is_ended_near_its_limit(tmp_path: Path) -> None:
    study = study_of(tmp_path, 1)
    limit_gb = own_gb() + 0.3
    worker, _ = worker_of(study, tmp_path, lambda *_: grow(tmp_path), trial_memory_gb=limit_gb, max_retries=0)
    assert worker.run() is None
    outcome = study.trials()[0].outcome
    assert isinstance(outcome, Failed) and outcome.cause == "out_of_memory", outcome
    assert "GB of memory in use (study.trial_memory_gb)" in outcome.detail
    assert 20 < (tmp_path / "taken").stat().st_size < 90  # a look each two seconds comes at 200


def test_what_a_process_started_by_a_trial_takes_counts_too(tmp_path: Path) -> None:
    def starts(number: int, pipe: Connection) -> None:
        child = multiprocessing.get_context("fork").Process(target=grow, args=(tmp_path,))
        child.start()
        child.join()

    study = study_of(tmp_path, 1)
    limit_gb = 2 * own_gb() + 0.3
    worker_of(study, tmp_path, starts, trial_memory_gb=limit_gb, max_retries=0)[0].run()
    outcome = study.trials()[0].outcome
    assert isinstance(outcome, Failed) and outcome.cause == "out_of_memory", outcome
    assert 20 < (tmp_path / "taken").stat().st_size < 90


def test_the_more_is_left_the_later_is_the_next_look() -> None:
    pauses = []
    for limit_gb in (100.0, 10.0, used_gb(os.getpid()) + 0.05):
        watch = MemoryWatch(os.getpid())
        assert watch.excess_gb(limit_gb) is None
        pauses.append(watch.due_at - time.monotonic())
        assert watch.excess_gb(0.0) is None  # not due yet
    assert 1.9 < pauses[0] <= 2.0 and 0.5 < pauses[1] <= 1.0 and pauses[2] < 1.9
    watch.due_at = 0.0
    assert watch.excess_gb(None) is None
    assert (gb := watch.excess_gb(0.01)) is not None and gb > 0.01


def test_the_time_of_a_trial_ends_with_its_last_word(tmp_path: Path) -> None:
    def stays(number: int, pipe: Connection) -> None:
        square(number, pipe)
        time.sleep(60)

    study = study_of(tmp_path, 1)
    began = time.monotonic()
    assert worker_of(study, tmp_path, stays)[0].run() is None
    outcome = study.trials()[0].outcome
    assert isinstance(outcome, Completed) and time.monotonic() - began > 5 and outcome.duration_s < 2


@pytest.mark.long
def test_an_outage_adds_nothing_to_the_time_of_a_trial_and_hangs_none(tmp_path: Path) -> None:
    def task(number: int, pipe: Connection) -> None:
        began = time.monotonic()
        time.sleep(2)
        if number == 1:
            os.kill(os.getpid(), signal.SIGKILL)
        for _ in range(40 if number == 2 else 0):
            time.sleep(0.2)
            pipe.send_bytes(encode(Progressed(trial=number)))
        word = Raised(trial=number, cause="error", detail="") if number == 3 else Returned(trial=number, value=0.0)
        pipe.send_bytes(encode(replace(word, worked_s=time.monotonic() - began)))

    study = study_of(tmp_path, 4)
    lock = sqlite3.connect(tmp_path / "studies.db", isolation_level=None, check_same_thread=False)
    threading.Timer(1.0, lock.execute, ("BEGIN EXCLUSIVE",)).start()
    threading.Timer(8.0, lock.execute, ("ROLLBACK",)).start()
    began = time.monotonic()
    assert worker_of(study, tmp_path, task, 4, stall_timeout_s=3, max_retries=0)[0].run() is None
    assert time.monotonic() - began > 8
    lock.close()
    outcomes = [trial.outcome for trial in study.trials()]
    assert [isinstance(each, Completed) or (isinstance(each, Failed) and each.cause) for each in outcomes] == [
        *(True, "crash", True, "error")
    ]
    times = [each.duration_s for each in outcomes if each]
    assert 2 <= times[0] < 3 and 1 <= times[1] < 4 and 10 <= times[2] < 13 and 2 <= times[3] < 3, times


def test_a_result_from_before_the_time_limit_counts_although_the_worker_learns_of_it_later(tmp_path: Path) -> None:
    def task(number: int, pipe: Connection) -> None:
        time.sleep(1.5)
        pipe.send_bytes(encode(Returned(trial=number, value=0.0, worked_s=1.25)))
        time.sleep(60)

    study = study_of(tmp_path, 1)
    lock = sqlite3.connect(tmp_path / "studies.db", isolation_level=None, check_same_thread=False)
    threading.Timer(0.5, lock.execute, ("BEGIN EXCLUSIVE",)).start()
    threading.Timer(5.0, lock.execute, ("ROLLBACK",)).start()
    assert worker_of(study, tmp_path, task, trial_timeout_s=3)[0].run() is None
    lock.close()
    assert study.trials()[0].outcome == Completed(values=(0.0,), duration_s=1.25)


def test_a_trial_cannot_have_worked_longer_than_its_worker_has_seen_it(tmp_path: Path) -> None:
    study = study_of(tmp_path, 1)

    def boasts(number: int, pipe: Connection) -> None:
        pipe.send_bytes(encode(Returned(trial=number, value=0.0, worked_s=1e9)))

    worker_of(study, tmp_path, boasts)[0].run()
    outcome = study.trials()[0].outcome
    assert isinstance(outcome, Completed) and outcome.duration_s < 10


def test_a_result_outlives_a_process_that_outlasts_the_grace(tmp_path: Path) -> None:
    def deaf(number: int, pipe: Connection) -> None:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        square(number, pipe)
        time.sleep(30)

    study = study_of(tmp_path, 1)
    worker, _ = worker_of(study, tmp_path, deaf, stop_grace_s=0.5)
    threading.Timer(1.0, os.kill, (os.getpid(), signal.SIGTERM)).start()
    assert worker.run() == signal.SIGTERM
    assert study.counts() == {"open": 0, "running": 0, "done": 1}
