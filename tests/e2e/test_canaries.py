"""No secret leaves a study: not into files, databases, MLflow, the terminal or the list of processes."""

import contextlib
import shutil
import subprocess
import sys
import threading
import time
from pathlib import Path

import psutil
import pytest

from sweeps.tracking.gathered import gathered
from sweeps.trial.files import StudyFiles
from tests.conftest import FAKES, REPOSITORY, Commands, lines
from tests.invariants import study
from tests.mlflow_server import Server

pytestmark = pytest.mark.long

MARK = "canary"
ODD = "canary p@ss/w%rd'q"

ENVIRONMENT = {
    # Their names say that they are secret.
    **{
        name: f"canary-{name.lower().replace('_', '-')}"
        for name in (
            "SLACK_TOKEN", "WANDB_API_KEY", "MY_SECRET", "DB_PASSWORD", "PGPASSWORD", "SENTRY_DSN", "STDERR_TOKEN",
            "LOGGED_TOKEN", "TRACED_SECRET", "PROGRAM_PASSWORD", "METRIC_TOKEN", "HYPER_KEY", "DECLARED_TOKEN",
            "REPORTED_TOKEN", "RAISED_SECRET", "RETURNED_TOKEN", "DATA_TOKEN", "DIGEST_TOKEN", "SPLIT_TOKEN",
            "PARAM_TOKEN", "NESTED_TOKEN", "MODEL_TOKEN",
        )
    },
    "ODD_PASSWORD": ODD,
    # A configuration reads them.
    **{
        f"NOTE_OF_{place}": f"canary-read-{place.lower()}"
        for place in ("TOP", "LIST", "PART", "TAG", "CHILD", "DEFAULT")
    },
    "SERVICE_URL": "https://ann:canary-service@host/x",
}  # fmt: skip
OVERRIDES = (
    "+api_key=canary-typed-key",
    "+db.password='canary typed password'",
    "+hf_token=canary-typed-token",
    "+address=https://ann:canary-typed-url@host/x",
    "+login={user:ann,token:canary-typed-nested}",
    "++tracking.drain_s=5",
)


def canaries_in(folder: Path) -> list[str]:
    """Files that hold one, in any spelling; the folders of the tests themselves are not below."""
    found = []
    for path in sorted(folder.rglob("*")):
        with contextlib.suppress(OSError):
            if path.is_file() and MARK.encode() in path.read_bytes():
                found.append(str(path.relative_to(folder)))
    return found


class Processes:
    """Looks at the command lines of all processes but the one that was typed."""

    def __init__(self, typed: int) -> None:
        self._typed, self.found, self._is_over = typed, set[str](), False
        self._thread = threading.Thread(target=self._look, daemon=True)
        self._thread.start()

    def _look(self) -> None:
        while not self._is_over:
            for process in psutil.process_iter(["pid", "cmdline"]):
                text = " ".join(process.info["cmdline"] or ())
                if MARK in text and process.info["pid"] != self._typed and self._stays(process):
                    self.found.add(text)
            time.sleep(0.1)

    @staticmethod
    def _stays(process: psutil.Process) -> bool:
        """Between fork and exec every process of the system has the line of its parent."""
        time.sleep(0.3)
        try:
            return MARK in " ".join(process.cmdline())
        except psutil.Error:
            return False

    def stop(self) -> set[str]:
        self._is_over = True
        self._thread.join()
        return self.found


@pytest.fixture
def leaky(commands: Commands) -> Commands:
    commands.environment |= ENVIRONMENT
    return commands


@pytest.fixture
def cloned(leaky: Commands, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, str]:
    """How the application is started in a repository that was cloned with a password."""
    project = tmp_path_factory.mktemp("project")
    shutil.copy(FAKES / "leaky.py", project)
    shutil.copytree(FAKES / "conf", project / "conf")
    for line in (
        "init -q", "add .", "-c user.name=a -c user.email=a@b commit -qm x",
        "remote add origin https://ann:canary-remote@host.example/group/project.git?token=canary-remote-query",
    ):  # fmt: skip
        subprocess.run(["git", *line.split()], cwd=project, check=True)
    leaky.environment["PYTHONPATH"] = str(REPOSITORY)
    return sys.executable, str(project / "leaky.py")


@pytest.mark.parametrize("kind", [pytest.param("embedded", marks=pytest.mark.slow), "server"])
def test_nothing_secret_leaves_a_study(
    leaky: Commands,
    cloned: tuple[str, str],
    tmp_path_factory: pytest.TempPathFactory,
    own_server: Server,
    kind: str,
) -> None:
    assert len([*ENVIRONMENT, *OVERRIDES]) >= 25
    outside = tmp_path_factory.mktemp("outside")
    (outside / "tmp").mkdir()
    leaky.environment["TMPDIR"] = str(outside / "tmp")
    tracking = "tracking.uri=sqlite:///mlflow.db"
    server = own_server
    if kind == "server":
        server.start()
        tracking = f"++tracking.uri='{server.uri.replace('//', '//ann:canary-tracking@')}'"
    process = leaky.start(*cloned, "-m", "x=1,2,3,4,5", "study.name=l", tracking, *OVERRIDES)
    processes = Processes(process.pid)
    out, err = process.communicate(timeout=200)
    assert process.returncode == 1, err
    assert processes.stop() == set()
    assert MARK not in out + err
    assert "ValueError" not in err and len(lines(out)) > 5 and "Traceback" not in err
    first = leaky.folder / "studies" / "l" / "trials" / "000"
    assert "never_read: ${missing.key}" in (first / "config.yaml").read_text()
    if kind == "server":
        leaky.environment["MLFLOW_TRACKING_URI"] = server.uri.replace("//", "//ann:canary-tracking@")
    looks = (["show", "l"], ["show", "l", "--trial", "1"], ["table", "l", "--trials"], ["doctor", "l"])
    for command in (*looks, ["register", "l", "--alias", "champion"]):
        told = leaky.run("sweeps", *command, "--storage", "sqlite:///studies/studies.db")
        assert told.returncode == 0 and MARK not in told.stdout + told.stderr, (command, told.stdout, told.stderr)
    server.kill()
    # What the application itself has written stays as it is; what was sent of it has no secret.
    by_itself = ("MLmodel", "notes.txt")
    models = [f"studies/l/trials/{number:03d}/model/{name}" for number in range(5) for name in by_itself]
    assert canaries_in(leaky.folder) == models and canaries_in(outside) == canaries_in(server.folder) == []
    assert '"repository": "https://host.example/group/project.git"' in (first / "journal.jsonl").read_text()
    made = study(leaky, "l")
    with gathered(made, StudyFiles(outside / "nowhere")) as kept:  # archives in the database are packed
        assert len(list(kept.trials.iterdir())) == 5 and canaries_in(kept.directory) == []
    assert list((outside / "tmp").glob("sweeps-*")) == []
    log = (first / "trial.log").read_text()
    assert log.count("***") >= 8 and "read: ***" in log
    assert "+api_key=***" in (first / ".hydra" / "overrides.yaml").read_text()


def test_a_killed_command_leaves_no_secret_behind(leaky: Commands, tmp_path_factory: pytest.TempPathFactory) -> None:
    outside = tmp_path_factory.mktemp("outside")
    leaky.environment["TMPDIR"] = str(outside)
    for moment_s in (1.0, 2.0, 3.0):
        process = leaky.start("leaky", "-m", "x=1,2,3", "study.name=k", "tracking.uri=null", *OVERRIDES)
        time.sleep(moment_s)
        process.kill()
        process.communicate()
        _assert_soon_clean(leaky.folder, outside)
    shutil.rmtree(outside, ignore_errors=True)


def test_what_a_program_of_a_killed_command_has_printed_is_cleaned(leaky: Commands) -> None:
    process = leaky.start("leaky", "-m", "x=6", "study.name=k", "tracking.uri=null", *OVERRIDES)
    log = leaky.folder / "studies" / "k" / "trials" / "000" / "trial.log"
    while not log.exists() or ENVIRONMENT["PROGRAM_PASSWORD"] not in log.read_text():
        assert process.poll() is None
        time.sleep(0.1)
    process.kill()
    process.communicate()
    _assert_soon_clean(leaky.folder)
    assert "read: ***" in log.read_text()


def _assert_soon_clean(*folders: Path) -> None:
    """The guardian of a killed command ends what it has started, and cleans up; the application's model stays."""
    deadline = time.monotonic() + 10
    while left := [name for folder in folders for name in canaries_in(folder) if "/model/" not in name]:
        assert time.monotonic() < deadline, left
        time.sleep(0.1)


def test_a_swept_secret_is_refused_before_anything_is_made(leaky: Commands) -> None:
    for axis in ("+token=canary-a1,canary-b1", "+address=http://u:canary1@h,http://u:canary2@h"):
        ended = leaky.run("leaky", "-m", axis)
        assert ended.returncode == 2 and len(lines(ended.stderr)) == 1, ended.stderr
        key = axis.partition("=")[0]
        assert f"{key} cannot be swept" in ended.stderr and "oc.env" in ended.stderr and MARK not in ended.stderr
    assert leaky.made() == []


def test_a_study_with_a_withheld_secret_is_joined_by_its_own_line_only(leaky: Commands) -> None:
    first = leaky.run("leaky", "-m", "x=1", "study.name=w", "tracking.uri=null", "+api_key=canary-one")
    assert first.returncode == 0, first.stderr
    joined = leaky.run("sweeps", "worker", "w", "--storage", "sqlite:///studies/studies.db")
    assert joined.returncode == 2 and "(+api_key)" in joined.stderr and len(lines(joined.stderr)) == 1
    again = leaky.run("leaky", "-m", "x=1", "study.name=w", "tracking.uri=null", "+api_key=canary-other")
    assert again.returncode == 0 and "1 trial, 1 of them done" in again.stdout
