"""Tables as they are printed: on a real terminal, and where there is none."""

import os
import pty
import struct
import sys
import termios
from fcntl import ioctl
from pathlib import Path

import pytest
from typer.testing import CliRunner

from sweeps import cli
from sweeps.report.plain import in_columns
from sweeps.report.tables import Column, Marks, Table
from tests.studies import weight_study

TABLE = Table(
    columns=(
        Column(title="model.size", kind="key", values=("tiny", "base\x1b[31m", "wide")),
        Column(title="test/acc", kind="metric", values=(0.5, 0.75, 0.25), marks=Marks(best={1}, same={0})),  # type: ignore[arg-type]
    ),
    caption="All of it.",
    notes=("First word.",),
)
WHERE = ("--where", "model=cnn", "--metric", "test/mean_acc")


def test_marks_are_signs_and_values_are_text() -> None:
    assert in_columns(TABLE).splitlines() == [
        "model.size      test/acc",
        "------------  ----------",
        "tiny            _0.5000_",
        "base          **0.7500**",
        "wide              0.2500",
        "",
        "All of it.",
        "",
        "First word.",
    ]


def test_a_narrow_terminal_breaks_headings_and_sentences() -> None:
    lines = in_columns(TABLE, width=20).splitlines()
    assert lines[:2] == ["model          test", ".size          /acc"] and lines[-3:] == [
        "All of it.",
        "",
        "First word.",
    ]


@pytest.mark.parametrize("term", ["xterm", "dumb"])
def test_a_terminal_shows_styles_and_a_pipe_gets_markdown(
    tmp_path: Path, term: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TERM", term)
    line = ["table", "weights", "--storage", str(weight_study(tmp_path).database.url), *WHERE]
    shown, piped = _on_terminal(line), CliRunner().invoke(cli.app, line).stdout
    assert "**0.738 ± 0.014** |" in piped and "<ins>0.7" in piped and "\x1b" not in piped
    best, same = ("**0.738 ± 0.014**", "_0.7") if term == "dumb" else ("\x1b[1m0.738 ± 0.014\x1b[22m", "\x1b[4m0.7")
    assert best in shown and same in shown and "<ins>" not in shown and "|" not in shown
    told = shown.partition("Study weights: ")[2]
    assert told and max(map(len, told.splitlines())) <= 100


def _on_terminal(line: list[str]) -> str:
    """What a terminal of 100 columns is sent."""
    child, terminal = pty.fork()
    if child == 0:
        ioctl(1, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 100, 0, 0))
        code = 70
        try:
            sys.stdout = open(1, "w", encoding="utf-8", closefd=False)  # noqa: SIM115
            cli.app(line, standalone_mode=False)
            sys.stdout.flush()
            code = 0
        finally:
            os._exit(code)
    found = b""
    try:
        while part := os.read(terminal, 65536):
            found += part
    except OSError:  # so Linux says that the other end is closed
        pass
    assert os.waitpid(child, 0)[1] == 0, found.decode()
    return found.decode().replace("\r\n", "\n")
