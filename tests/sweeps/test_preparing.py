"""What a terminal shows before the first trial, and of a whole sweep: read from the screen of a real terminal."""

import fcntl
import os
import pty
import re
import struct
import subprocess
import sys
import termios
import threading
from pathlib import Path

import pyte
import pytest

from sweeps.preparing import prepared, preparing, shown_on_terminal
from tests.conftest import Commands

COLUMNS, LINES = 80, 24


class Terminal:
    """A terminal of 24 lines of 80 columns, and what has been on its screen."""

    def __init__(self) -> None:
        self.main, self.its = pty.openpty()
        fcntl.ioctl(self.its, termios.TIOCSWINSZ, struct.pack("HHHH", LINES, COLUMNS, 0, 0))
        self._screen = pyte.Screen(COLUMNS, LINES)
        self._stream = pyte.ByteStream(self._screen)
        self.seen: list[str] = []
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        while True:
            try:
                chunk = os.read(self.main, 65536)
            except OSError:
                return
            for part in re.split(rb"(?=\r\x1b\[K)", chunk):  # a line that goes has been seen
                self._stream.feed(part)
                self.seen += [line.rstrip() for line in self._screen.display if line.strip()]

    def close(self) -> None:
        """Nobody writes any more; waits for what was written."""
        os.close(self.its)
        self._reader.join(10)

    def left(self) -> list[str]:
        """The lines that stand now."""
        return [line.rstrip() for line in self._screen.display if line.strip()]


def test_each_line_replaces_the_one_before_and_the_last_one_goes(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Terminal()
    with os.fdopen(os.dup(terminal.its), "w", buffering=1) as stream:
        monkeypatch.setattr(sys, "stderr", stream)
        monkeypatch.setattr(sys, "stdout", stream)
        with shown_on_terminal():
            preparing("Composing 48 points")
            preparing("Opening MLflow")
            print("Warning: x.", file=sys.stderr)
            preparing("Importing")
        print("Study s")
    monkeypatch.undo()
    terminal.close()
    assert terminal.left() == ["Warning: x.", "Study s"]
    assert {"Composing 48 points ...", "Opening MLflow ...", "Importing ..."} <= set(terminal.seen)


def test_without_a_terminal_nothing_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    before = sys.stderr
    with shown_on_terminal():
        preparing("Composing 48 points")
        assert sys.stderr is before
        prepared()
    assert capsys.readouterr() == ("", "")


def test_a_terminal_shows_a_sweep_from_its_preparation_to_its_summary(commands: Commands) -> None:
    terminal = Terminal()
    program = [sys.executable, str(Path(__file__).parents[1] / "fakes" / "app.py")]
    process = subprocess.Popen(
        [*program, "-m", "x=1,2,3", "study.name=s", "sleep_s=1.5", "study.slots=1"],
        cwd=commands.folder,
        env={**commands.environment, "TERM": "xterm", "COLUMNS": str(COLUMNS)},
        stdin=terminal.its,
        stdout=terminal.its,
        stderr=terminal.its,
        start_new_session=True,
    )
    assert process.wait(120) == 0
    terminal.close()
    left = terminal.left()
    assert "Composing 3 points ..." in terminal.seen
    assert "Importing the application and checking its configurations ..." in terminal.seen
    assert max(map(len, terminal.seen)) <= COLUMNS
    bars = [line for line in terminal.seen if line.endswith(" 33 %")]
    assert bars and all(line.startswith("━" * 24 + "─" * 50) for line in bars)
    assert any(line.startswith("1 of 3 done, 1 running, 0:0") for line in terminal.seen)
    assert "Best: trial 0, loss 1.0000: x=1" in terminal.seen
    assert left[0] == "Study s: 3 trials. Minimizes loss." and "3 of 3 done, 0:0" in " ".join(left)
    assert not any(line.endswith(" ...") for line in left)
