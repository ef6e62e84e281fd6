import os
import subprocess
import sys

import pytest

from tests.conftest import APPS, BIN, Commands, lines


def written(code: str, encoding: str = "ascii") -> subprocess.CompletedProcess[str]:
    program = f"from sweeps.output import tolerant_output\nwith tolerant_output():\n    {code}"
    environment = {**os.environ, "PYTHONIOENCODING": encoding, "LC_ALL": "C"}
    return subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True)


@pytest.mark.parametrize(("encoding", "text"), [("ascii", "0.9 +- 0.1 ... ? x\n"), ("utf-8", "0.9 ± 0.1 … 你 ×\n")])
def test_a_sign_that_a_terminal_lacks_is_another_one(encoding: str, text: str) -> None:
    done = written("print('0.9 \\u00b1 0.1 \\u2026 \\u4f60 \\u00d7')", encoding)
    assert done.returncode == 0, done.stderr
    assert done.stdout == text


def test_a_reader_that_is_gone_ends_the_command_quietly() -> None:
    program = "from sweeps.output import tolerant_output\nwith tolerant_output():\n    print('x' * 10**6)"
    process = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout and process.stderr
    process.stdout.close()
    assert process.wait(60) == 141 and process.stderr.read() == b""
    process.stderr.close()


def test_a_reader_that_is_gone_ends_a_command_of_sweeps_with_the_same_code() -> None:
    # So much that it is written before the command ends; typer itself then exits with 1.
    program = "import sweeps.cli as cli\ncli.app.command('shout')(lambda: print('x' * 10**6))\ncli.main()"
    command = [sys.executable, "-c", program, "shout"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout and process.stderr
    process.stdout.close()
    assert process.wait(60) == 141 and process.stderr.read() == b""
    process.stderr.close()


@pytest.mark.parametrize(
    ("redirection", "code", "told"),
    [
        (">&-", 0, ""),
        ("2>&-", 0, ""),
        (">/dev/full", 1, "Error: the output cannot be written: No space left on device.\n"),
    ],
)
@pytest.mark.parametrize("line", ["sweeps --help", "fake -m x=1 tracking.uri=null study.name=s"])
def test_an_output_that_is_closed_or_full_is_no_traceback(
    commands: Commands, line: str, redirection: str, code: int, told: str
) -> None:
    line = line.replace("fake", f"{sys.executable} {APPS['fake']}").replace("sweeps --", f"{BIN}/sweeps --")
    done = subprocess.run(
        ["bash", "-c", f"{line} {redirection}"],
        env=commands.environment,
        cwd=commands.folder,
        capture_output=True,
        text=True,
    )
    assert done.returncode == code, done.stderr
    assert done.stderr == told


def test_a_full_disk_under_another_file_is_not_the_output() -> None:
    done = written("open('/dev/full', 'w', buffering=1).write('x\\n')")
    assert done.returncode == 1 and "No space left" in done.stderr and "the output cannot" not in done.stderr


@pytest.mark.parametrize("line", [("train", "--help"), ("train", "--cfg", "job"), ("sweeps", "--help")])
def test_help_for_head_leaves_no_traceback(commands: Commands, line: tuple[str, ...]) -> None:
    command = " ".join([str(BIN / line[0]), *line[1:]])
    done = subprocess.run(
        ["bash", "-c", f"{command} | true"], env=commands.environment, cwd=commands.folder, capture_output=True
    )
    assert done.stderr == b""


@pytest.mark.parametrize(
    ("line", "text"),
    [
        (("sweeps", "table"), "Missing argument 'STUDY...'. `sweeps table --help` shows how."),
        (("sweeps", "tabel"), "No such command 'tabel'. Did you mean 'table'? `sweeps --help`"),
        (("sweeps", "show", "x", "--trial", "a"), "Invalid value for '--trial'"),
        (("sweeps", "ui", "--port", "x"), "Invalid value for '--port'"),
        (("train", "-m", "model=null"), "model=null: a group takes an option"),
        (("train", "ckpt_path=a=1.ckpt"), "Quote such text: 'ckpt_path=\"a=1.ckpt\"'"),
        (("train", "-m", "ckpt_path=a=1.ckpt,b=2.ckpt"), 'Quote such text: \'ckpt_path="a=1.ckpt","b=2.ckpt"\''),
        (("train", "hydra.job_logging.root.level=NOPE"), "Unknown level: 'NOPE'"),
        (("train", "-m", "model.criterion.label_smoothing=0.1,0.2"), "yet: +model.criterion.label_smoothing=0.1"),
    ],
)
def test_a_command_line_that_is_wrong_is_one_line(commands: Commands, line: tuple[str, ...], text: str) -> None:
    done = commands.run(*line)
    assert done.returncode == 2 and len(lines(done.stderr)) == 1 and text in done.stderr, done.stderr
    assert commands.made() == []
