"""The lock of a trial's directory: who holds it, and what happens to the holder."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from sweeps.trial.files import TrialFiles
from tests.conftest import wait_for

TAKE = """
import os, sys, time
from pathlib import Path
from sweeps.trial.files import TrialFiles
from sweeps.worker.isolation import take_directory
{before}
take_directory(TrialFiles(Path(sys.argv[1])), "p", 0, lambda text: print(text, flush=True))
{after}
print("taken", flush=True)
time.sleep(60)
"""


def taker(folder: Path, before: str = "os.setsid()", after: str = "") -> "subprocess.Popen[str]":
    command = [sys.executable, "-c", TAKE.format(before=before, after=after), str(folder)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def said(process: "subprocess.Popen[str]") -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def end(*processes: "subprocess.Popen[str]") -> None:
    for process in processes:
        process.kill()
        process.communicate()


def test_a_new_attempt_ends_an_older_one_of_this_machine(tmp_path: Path) -> None:
    first = taker(tmp_path / "000")
    assert said(first) == "taken"
    second = taker(tmp_path / "000")
    assert said(second) == "taken" and first.wait(timeout=5) == -signal.SIGKILL
    end(first, second)


def test_a_process_that_an_attempt_has_forked_does_not_hold_its_directory(tmp_path: Path) -> None:
    """It has left the group, so nobody would find it."""
    fork = f"""
pid = os.fork()
if pid == 0:
    os.setsid()
    os.close(1)
    time.sleep(30)
    os._exit(0)
Path({str(tmp_path / "pid")!r}).write_text(str(pid))
"""
    first = taker(tmp_path / "000", after=fork)
    assert said(first) == "taken"
    end(first)
    began = time.monotonic()
    second = taker(tmp_path / "000")
    assert said(second) == "taken" and time.monotonic() - began < 10
    os.kill(int((tmp_path / "pid").read_text()), signal.SIGKILL)
    end(second)


def test_the_holder_of_another_machine_is_named_and_waited_for(tmp_path: Path) -> None:
    first = taker(tmp_path / "000")
    assert said(first) == "taken"
    files = TrialFiles(tmp_path / "000")
    files.lock.write_text("00000000:4711:far.example")  # what the disk of another machine would say
    second = taker(tmp_path / "000")
    assert said(second) == f"waits for {files.directory}, which is held by process {first.pid} of this machine"
    assert first.poll() is None
    end(first)
    assert said(second) == "taken"
    wait_for(lambda: files.lock.read_text().split(":")[1] == str(second.pid), timeout_s=5)
    end(second)
