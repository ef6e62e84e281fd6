"""SIGTERM and Ctrl-C at random moments of a real training; the seed is printed."""

import random
import signal
import subprocess
import time

import pytest

from sweeps.study.study import Study
from tests.conftest import Commands
from tests.invariants import alive_in, study
from trainer_pkg.checkpoint import is_valid

pytestmark = pytest.mark.long

# No retry is left: a trial that an interruption counted as a failure would stay failed.
EARLIEST_S = {signal.SIGTERM: 0.2, signal.SIGINT: 2.0}  # Ctrl-C while the interpreter starts is Python's to answer
LINE = (
    *("-m", "data=multihead_digits", "model=dense,cnn", "model.size=tiny", "model.loss_weights.thickness=0.1,1.0"),
    *("trainer.max_epochs=12", "study.max_retries=0"),
)


def real_study(commands: Commands, number: int) -> Study:
    return study(commands, f"s{number}", f"sqlite:///{commands.folder}/logs/studies/studies.db")


@pytest.mark.parametrize(
    ("number", "code", "num_signals"),
    [
        (signal.SIGTERM, 143, 1),
        pytest.param(signal.SIGINT, 130, 1, marks=pytest.mark.slow),
        pytest.param(signal.SIGTERM, 143, 100, marks=[pytest.mark.slow, pytest.mark.timeout(3600)]),
        pytest.param(signal.SIGINT, 130, 50, marks=[pytest.mark.slow, pytest.mark.timeout(3600)]),
    ],
)
def test_a_signal_at_any_moment_costs_no_retry_and_no_checkpoint(
    commands: Commands, number: int, code: int, num_signals: int
) -> None:
    seed = random.SystemRandom().randrange(2**32)
    print(f"seed {seed}")
    generator = random.Random(seed)
    commands.environment["PYTHONUNBUFFERED"] = "1"  # what was printed before a signal is seen
    seconds: list[float] = []
    num_studies = 1
    while len(seconds) < num_signals:
        directory = commands.folder / "logs" / "studies" / f"s{num_studies}"
        existed = directory.exists()
        process = commands.start("train", *LINE, f"seed={num_studies}", f"study.name=s{num_studies}")
        pause_s = generator.uniform(EARLIEST_S[number], 14.0)
        try:
            _, err = process.communicate(timeout=pause_s)
            assert process.returncode == 0, err
            num_studies += 1  # over before the signal came
            continue
        except subprocess.TimeoutExpired:
            began = time.monotonic()
            process.send_signal(number)
        out, err = process.communicate(timeout=60)
        seconds.append(time.monotonic() - began)
        # While Python starts and while it takes itself down, the signal itself ends it; a shell shows the same code.
        is_over = directory.exists() and real_study(commands, num_studies).is_finished()
        has_begun = "Study " in out or (directory.exists() and not existed)
        by_signal = {-number} if is_over or not has_begun else set()
        assert process.returncode in {code, 0} | by_signal, (pause_s, process.returncode, err)
        assert "Traceback" not in err, err
        assert alive_in(commands) == []
        if directory.exists():
            assert real_study(commands, num_studies).counts()["running"] == 0
        for path in commands.folder.glob("logs/studies/*/trials/*/checkpoints/*.ckpt"):
            assert is_valid(path), path
    print(f"slowest end {max(seconds):.1f} s, {num_studies} studies")
    assert max(seconds) < 20  # the grace: none had to be killed
    for i in range(1, num_studies + 1):
        last = commands.run("train", *LINE, f"seed={i}", f"study.name=s{i}")
        assert last.returncode == 0, last.stderr
        assert [row.state for row in real_study(commands, i).trials()] == ["completed"] * 4
