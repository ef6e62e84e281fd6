"""Whatever a task says, writes, raises or returns hurts its own trial alone; the seed is printed."""

import json
import os
import random
import string
import time
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path

import pytest

from sweeps.outcome import Completed
from sweeps.report.export import EXPORTS, trials_to_csv
from sweeps.report.frame import trial_frame
from sweeps.report.tables import benchmark_table
from sweeps.trial.files import StudyFiles, TrialFiles
from sweeps.worker.last_word import report_of
from sweeps.worker.messages import Reported, encode
from sweeps.worker.piped import PipedTrial
from tests.sweeps.test_worker import study_of, worker_of

TEXTS = (
    "[/data/a]",
    "[red]",
    "\0",
    "\ud800",
    "\x1b[2J",
    "'; DROP TABLE x; --",
    "=1+1",
    "|a|b|",
    "±" * 3000,
    "\n\n",
    "{}",
    "%s",
)


class Unprintable(Exception):
    def __str__(self) -> str:
        raise RuntimeError("no text")


class Odd:
    """Neither a number nor printable."""

    def __float__(self) -> float:
        raise OverflowError("too odd")

    def __repr__(self) -> str:
        raise RecursionError("endless")


def anything(generator: random.Random, depth: int = 0) -> object:
    """A random value of JSON, deep and wide."""
    makers: list[Callable[[], object]] = [
        lambda: generator.choice(TEXTS),
        lambda: generator.choice([10**400, -1, 0, 2**63, 1e308, float("nan"), float("-inf"), True, None]),
        lambda: "".join(generator.choices(string.printable, k=20)),
    ]
    if depth < 3:
        makers.append(lambda: [anything(generator, depth + 1) for _ in range(3)])
        makers.append(lambda: {generator.choice(TEXTS): anything(generator, depth + 1) for _ in range(3)})
    return generator.choice(makers)()


def poison(  # noqa: C901 - one case per way to go wrong
    generator: random.Random, trial: PipedTrial, pipe: Connection, files: TrialFiles
) -> object:
    """One of the ways in which a task can go wrong; returns what the task returns."""
    kinds = ("message", "json", "journal", "config", "report", "raise", "return", "flood", "silence", "close")
    match generator.choice(kinds):
        case "message":
            pipe.send_bytes(generator.randbytes(generator.randrange(200)))
        case "json":
            kind = generator.choice(["Reported", "Declared", "Returned", "Raised", "Prune", "GaveUp", "Nothing"])
            fields = {name: anything(generator) for name in ("metrics", "step", "value", "cause", "detail")}
            pipe.send_bytes(json.dumps({"kind": kind, "trial": trial.number, **fields}).encode())
        case "journal":
            records = [{"t": anything(generator), "step": 1, "metrics": anything(generator)} for _ in range(5)]
            files.journal.write_bytes("\n".join(map(json.dumps, records)).encode() + generator.randbytes(50))
        case "config":
            files.config.write_bytes(generator.randbytes(100))
        case "report":
            trial.report({generator.choice(TEXTS): 1.0, "loss": float("nan")}, generator.randrange(2**70))
        case "raise":
            error = generator.choice([Unprintable(), ValueError(generator.choice(TEXTS)), OSError(28, "No space left")])
            raise error
        case "return":
            return generator.choice([Odd(), {"loss": 1}, [1.0, 2.0], 10**5000, "0.5", b"1", [[1.0]], object()])
        case "flood":
            for step in range(3000):
                trial.report({"loss": 1.0}, step)
        case "silence":
            os._exit(generator.randrange(3))
        case "close":
            os.closerange(3, 64)
    return float(trial.number)


@pytest.mark.parametrize("num_trials", [40, pytest.param(1000, marks=[pytest.mark.slow, pytest.mark.timeout(1800)])])
def test_poison_hurts_its_own_trial_alone(tmp_path: Path, num_trials: int) -> None:
    seed = random.SystemRandom().randrange(2**32)
    print(f"seed {seed}")
    files = StudyFiles(tmp_path)

    def task(number: int, pipe: Connection) -> None:
        own = files.trial(number)
        own.directory.mkdir(parents=True, exist_ok=True)
        trial = PipedTrial(pipe, number, own.directory)
        if number % 2:
            generator = random.Random(seed * num_trials + number)
            trial.send(report_of(number, lambda: poison(generator, trial, pipe, own)))
        else:
            time.sleep(0.01)
            trial.send(report_of(number, lambda: float(number)))

    study = study_of(tmp_path, num_trials)
    worker, _ = worker_of(study, tmp_path, task, max_retries=0)
    assert worker.run() is None
    trials = study.trials()
    innocent = [trial.outcome for trial in trials if trial.number % 2 == 0]
    assert [outcome.values for outcome in innocent if isinstance(outcome, Completed)] == [
        (float(number),) for number in range(0, num_trials, 2)
    ]
    assert all(trial.outcome is not None for trial in trials)
    found = trial_frame(study)
    assert len(trials_to_csv(found).splitlines()) >= num_trials
    table = benchmark_table(found)
    assert table is not None and all(export.data(table) for export in EXPORTS.values())


def test_a_report_that_is_flooded_arrives(tmp_path: Path) -> None:
    """The last report counts, however many a worker had no time for."""

    def task(number: int, pipe: Connection) -> None:
        trial = PipedTrial(pipe, number, tmp_path)
        for step in range(5000):
            trial.report({"loss": 1.0}, step)
        pipe.send_bytes(encode(Reported(trial=number, metrics={"loss": 2.0}, step=5000)))
        trial.send(report_of(number, lambda: 1.0))

    study = study_of(tmp_path, 1)
    worker_of(study, tmp_path, task)[0].run()
    [row] = study.trials()
    assert isinstance(row.outcome, Completed) and row.attempt == 1
