"""A trial that was interrupted goes on on another machine, which here is another `study.directory`."""

import re
import signal
import subprocess

import pytest

from tests.conftest import Commands, lines, wait_for
from tests.invariants import study

pytestmark = pytest.mark.long


def start(commands: Commands, machine: str, *more: str) -> subprocess.Popen[str]:
    storage = f"study.storage=sqlite:///{commands.folder}/studies/studies.db"
    (commands.folder / "studies").mkdir(exist_ok=True)
    line = ("-m", "x=1", "sleep_s=0.3", "study.name=s", storage, f"study.directory={commands.folder}/{machine}")
    return commands.start("steps", *line, *more)


def log_of(commands: Commands, machine: str) -> str:
    return (commands.folder / machine / "s/trials/000/trial.log").read_text()


def interrupted(commands: Commands, *more: str) -> int:
    """Start on one machine, end it in the middle; returns the step that its checkpoint has."""
    first = start(commands, "one", *more)
    checkpoint = commands.folder / "one/s/trials/000/last.ckpt"
    wait_for(lambda: checkpoint.exists() and checkpoint.read_text() in ("4", "5", "6"))
    first.send_signal(signal.SIGTERM)
    assert first.wait(60) == 143
    return int(checkpoint.read_text())


def test_with_a_url_it_continues_on_a_machine_that_shares_no_directory(commands: Commands) -> None:
    url = f"study.checkpoints=file://{commands.folder}/shared"
    step = interrupted(commands, url)
    second = start(commands, "two", url)
    _, err = second.communicate(timeout=120)
    assert second.returncode == 0 and "starts again" not in err, err
    assert log_of(commands, "two").splitlines() == [f"from step {step}"]
    assert study(commands).trials()[0].attempt == 2


@pytest.mark.slow
def test_without_one_it_starts_again_and_says_so(commands: Commands) -> None:
    interrupted(commands)
    second = start(commands, "two")
    _, err = second.communicate(timeout=120)
    assert second.returncode == 0
    told = "starts again: what its earlier attempt has left is on another machine."
    assert next(line for line in lines(err) if told in line).startswith(f"Trial 0 {told}")
    assert re.fullmatch(r"Starts again: .*\nfrom step 0\n", log_of(commands, "two"))


def test_a_place_that_cannot_be_is_one_line_and_makes_nothing(commands: Commands) -> None:
    result = commands.run("fake", "-m", "x=1,2", "study.checkpoints=/shared")
    [line] = lines(result.stderr)
    assert result.returncode == 2 and "study.checkpoints=/shared must be a URL" in line and commands.made() == []
