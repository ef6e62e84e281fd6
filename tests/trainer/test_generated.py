import json
import pickle
import re
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import REPOSITORY, Commands
from tests.trainer.runs import command_in_fork
from trainer_pkg.errors import ConfigError
from trainer_pkg.tools.generated import Generated, digest

README = (REPOSITORY / "README.md").read_text()
[PROMPT] = re.findall(r"^python -m trainer_pkg.generate '(.*)'$", README, re.MULTILINE)
CODE = '''import torch


def darken(image: torch.Tensor) -> torch.Tensor:
    """Half the brightness."""
    return image // 2
'''


class Model(HTTPServer):
    """Speaks as much of OpenAI's protocol as one question needs, and keeps what it was asked."""

    answer = f"Here it is:\n```python\n{CODE}```\n"
    status = 200

    def __init__(self) -> None:
        self.asked: list[dict[str, Any]] = []
        super().__init__(("127.0.0.1", 0), Answers)


class Answers(BaseHTTPRequestHandler):
    server: Model

    def do_POST(self) -> None:
        self.server.asked.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
        message = {"role": "assistant", "content": self.server.answer}
        choices = [{"index": 0, "finish_reason": "stop", "message": message}]
        body = json.dumps({"id": "1", "object": "chat.completion", "created": 1, "model": "m", "choices": choices})
        self.send_response(self.server.status)
        self.send_header("Content-Type", "application/json")
        self.end_headers()
        self.wfile.write(body.encode())

    def log_message(self, *args: Any) -> None:
        pass


@pytest.fixture
def model(commands: Commands) -> Iterator[Model]:
    made = Model()
    threading.Thread(target=made.serve_forever, daemon=True).start()
    commands.environment["OPENAI_BASE_URL"] = f"http://127.0.0.1:{made.server_port}/v1"
    commands.environment["OPENAI_API_KEY"] = "none"
    yield made
    made.shutdown()
    made.server_close()


def generate(commands: Commands, *arguments: str) -> Any:
    return commands.run("python", "-m", "trainer_pkg.generate", *arguments)


def test_a_generated_function_is_a_file_with_its_record_and_runs_once_approved(
    commands: Commands, model: Model
) -> None:
    done = generate(commands, PROMPT, "--model", "some-model")
    assert done.returncode == 0, done.stderr
    path = commands.folder / "transforms" / "darken.py"
    record = json.loads(path.with_suffix(".json").read_text())
    assert path.read_text() == CODE
    assert record == {"function": "darken", "model": "some-model", "sha256": digest(CODE.encode()), "prompt": PROMPT}
    assert record["sha256"] in done.stdout and "Read it" in done.stdout
    [asked] = model.asked
    assert asked["model"] == "some-model" and asked["messages"][-1]["content"] == PROMPT
    assert set(asked) == {"model", "messages"}
    model.shutdown()  # a trial asks nobody
    del commands.environment["OPENAI_API_KEY"]
    step = done.stdout.strip().splitlines()[-1].strip()
    steps = [f"+data.{split}_transform={step}" for split in ("train", "eval")]
    line = (*steps, "model.size=tiny", "trainer.max_epochs=1", "trainer.limit_train_batches=2")
    trained = command_in_fork(commands.folder, *line)
    assert trained.returncode == 0, trained.stderr
    path.write_text(CODE.replace("// 2", "// 3"))
    refused = command_in_fork(commands.folder, *line)
    assert refused.returncode == 2 and refused.stderr.count("\n") == 1, refused.stderr
    assert "transforms/darken.py is not what was approved: its sha256 is " in refused.stderr
    assert len(model.asked) == 1


@pytest.mark.parametrize(
    ("prompt", "answer", "message"),
    [
        ("halve the brightness", None, "The prompt must start with a function definition: def NAME(ARGUMENTS)."),
        ("write def darken(image)", None, "The prompt must start with a function definition"),
        (PROMPT, "I would rather not.", "The answer is no Python"),
        (PROMPT, "def lighten(image): return image", "The answer defines no function darken."),
    ],
)
def test_what_is_no_such_function_is_not_written(
    commands: Commands, model: Model, prompt: str, answer: str | None, message: str
) -> None:
    model.answer = answer or model.answer
    done = generate(commands, prompt)
    assert done.returncode == 2 and done.stderr.startswith(f"Error: {message}"), done.stderr
    assert done.stderr.count("\n") == 1 and commands.made() == []


def test_an_earlier_file_is_kept_and_a_server_that_fails_is_one_line(commands: Commands, model: Model) -> None:
    prompt = commands.folder / "prompt.txt"
    prompt.write_text(PROMPT)
    assert generate(commands, "prompt.txt").returncode == 0
    again = generate(commands, "prompt.txt")
    assert (again.returncode, again.stderr) == (2, "Error: transforms/darken.py exists; --force writes over it.\n")
    model.status = 400
    failed = generate(commands, "prompt.txt", "--force")
    assert failed.returncode == 2 and "gpt-5-nano did not answer" in failed.stderr and failed.stderr.count("\n") == 1
    assert (commands.folder / "transforms" / "darken.py").read_text() == CODE


def test_without_a_key_nobody_is_asked(commands: Commands, model: Model) -> None:
    del commands.environment["OPENAI_API_KEY"]
    done = generate(commands, PROMPT)
    assert (done.returncode, done.stderr) == (2, "Error: OPENAI_API_KEY is not set.\n") and model.asked == []


def written(tmp_path: Path, code: str, name: str = "darken") -> Path:
    path = tmp_path / f"{name}.py"
    path.write_text(code)
    return path


def test_nothing_of_a_file_runs_before_it_is_approved(tmp_path: Path) -> None:
    ran = tmp_path / "ran"
    path = written(tmp_path, f"import pathlib\npathlib.Path({str(ran)!r}).touch()\n{CODE}")
    for sha256 in (None, "0" * 64):
        with pytest.raises(ConfigError, match="is not"):
            Generated(path, sha256)
        assert not ran.exists()
    assert Generated(path, digest(path.read_bytes()))(8) == 4 and ran.exists()


def test_the_line_of_an_unapproved_file_has_the_hash_to_approve(tmp_path: Path) -> None:
    path = written(tmp_path, CODE)
    with pytest.raises(ConfigError, match=f"read it, then set sha256={digest(CODE.encode())}"):
        Generated(path)


def test_a_name_of_an_installed_package_is_its_own_function(tmp_path: Path) -> None:
    path = written(tmp_path, "def json(x): return x + 1\n", "json")
    made = Generated(path, digest(path.read_bytes()))
    assert made(1) == 2
    assert pickle.loads(pickle.dumps(made))(1) == 2  # loader processes that are spawned


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("1 / 0", "does not run: ZeroDivisionError"),
        ("x = 1", "defines no function darken"),
        ("darken = 1", "no function"),
    ],
)
def test_an_approved_file_that_is_no_function_is_refused(tmp_path: Path, code: str, message: str) -> None:
    path = written(tmp_path, code)
    with pytest.raises(ConfigError, match=message):
        Generated(path, digest(path.read_bytes()))


def test_an_absent_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read"):
        Generated(tmp_path / "none.py")
