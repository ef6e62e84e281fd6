"""Ends what a command has started once the command is gone, however it went.

A command that is killed cannot clean up, and a process group is not all that a trial has started: whatever opens a
session of its own leaves it. So a small process of its own waits for the end of the command. It finds what is left by a
variable in the environment that every descendant inherits. Then it takes secrets out of the logs of the trials that
ran: the command tells it through a pipe which they are, and what finds the values. It is run by its path, and needs the
standard library alone.
"""

import contextlib
import json
import os
import shutil
import signal
import sys
import time
from pathlib import Path

MARK = "SWEEPS_COMMAND"
"""Variable whose value tells the processes of one command from all others."""

_MAX_ROUNDS = 100
_PAUSE_S = 0.02


def marked(mark: str) -> list[int]:
    """The processes, other than this one, that have inherited the mark."""
    wanted = f"{MARK}={mark}".encode()
    found = []
    for entry in os.listdir("/proc") if sys.platform == "linux" else ():  # noqa: PTH208 - a Path per process is slow
        if entry.isdigit() and int(entry) != os.getpid():
            # It has ended meanwhile, or is another user's.
            with contextlib.suppress(OSError):
                if wanted in Path("/proc", entry, "environ").read_bytes().split(b"\0"):
                    found.append(int(entry))
    return found


def end_marked(mark: str) -> None:
    """Kill them until none is left: one of them may have started another between the look and the kill."""
    for _ in range(_MAX_ROUNDS):
        left = marked(mark)
        if not left:
            return
        for pid in left:
            with contextlib.suppress(OSError):
                os.kill(pid, signal.SIGKILL)
        time.sleep(_PAUSE_S)


def main() -> None:
    """Wait until the other end of stdin is closed, then end the processes of a mark and clean up after them."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    mark, folder = sys.argv[1:]
    logs: dict[str, str | None] = {}
    for line in sys.stdin.buffer:
        with contextlib.suppress(ValueError):  # the command was killed while it wrote the line
            logs |= json.loads(line)
    end_marked(mark)
    shutil.rmtree(folder, ignore_errors=True)
    _scrub({log: values for log, values in logs.items() if values is not None})


def _scrub(logs: dict[str, str]) -> None:
    if logs:
        sys.path.insert(0, str(Path(__file__).parents[2]))
        from sweeps.redact import scrub

        for log, values in logs.items():
            with contextlib.suppress(OSError):
                scrub(Path(log), values)


if __name__ == "__main__":
    main()
