"""The same line of a finished study again: the same words, from what was kept, unless anything has changed."""

import json
import shutil

import pytest

from sweeps.study.glance import Glance
from sweeps.trial.files import StudyFiles
from tests.conftest import FAKES, Commands
from tests.invariants import study

LINE = ("-m", "x=1,2", "study.name=s", "tracking.uri=null")


class Repeated:
    """Runs a copy of the fake application, whose files a test may change.

    Args:
        commands: Runs programs.
    """

    def __init__(self, commands: Commands) -> None:
        self._commands = commands
        self.app = commands.folder / "app"
        shutil.copytree(FAKES, self.app)
        self.environment = commands.environment

    def run(self, *line: str) -> tuple[int, str, str, bool]:
        """Exit code, what was printed, and whether Optuna and pandas were left alone."""
        self.environment["PYTHONPROFILEIMPORTTIME"] = "1"
        done = self._commands.run("python", str(self.app / "app.py"), *line)
        is_kept = not any(f" {name}\n" in done.stderr for name in ("optuna", "pandas", "sqlalchemy"))
        told = [text for text in done.stderr.splitlines(keepends=True) if not text.startswith("import time:")]
        return done.returncode, done.stdout, "".join(told), is_kept


@pytest.fixture
def repeated(commands: Commands) -> Repeated:
    return Repeated(commands)


def without_answer(commands: Commands) -> None:
    StudyFiles.of(commands.folder / "studies", "s").answer.unlink()


@pytest.mark.parametrize("more", [(), ("mode=raise", "study.max_retries=0")], ids=["completed", "failed"])
def test_the_second_command_prints_what_a_look_at_the_study_would(
    repeated: Repeated, commands: Commands, more: tuple[str, ...]
) -> None:
    first = repeated.run(*LINE, *more)
    kept = repeated.run(*LINE, *more)
    without_answer(commands)
    looked = repeated.run(*LINE, *more)
    assert (first[3], kept[3], looked[3]) == (False, True, False)
    assert kept[:3] == looked[:3]
    assert kept[0] == first[0] == (1 if more else 0) and "Study s: 2 trials, 2 of them done." in kept[1]
    assert ("trial 1 failed (error): ValueError: wrong shape" in kept[2]) is bool(more)


@pytest.mark.long
def test_a_search_and_a_tracked_study_are_answered_from_what_was_kept(repeated: Repeated, commands: Commands) -> None:
    line = ("-m", "x=interval(1, 2)", "study.n_trials=3", "study.name=s", "tracking.uri=sqlite:///mlflow.db")
    repeated.run(*line)
    kept = repeated.run(*line)
    without_answer(commands)
    looked = repeated.run(*line)
    assert (kept[3], looked[3]) == (True, False)
    assert kept[:3] == looked[:3] and "MLflow:  sweeps ui " in kept[1]


def change_code(commands: Commands) -> None:
    with (commands.folder / "app/app.py").open("a") as file:
        file.write("# changed\n")


def change_configuration(commands: Commands) -> None:
    path = commands.folder / "app/conf/app.yaml"
    path.write_text(path.read_text().replace("kind: plain", "kind: odd"))


def change_study(commands: Commands) -> None:
    study(commands, "s").remember("told", "by somebody")


def change_best(commands: Commands) -> None:
    StudyFiles.of(commands.folder / "studies", "s").best.write_text("edited\n")


def break_answer(commands: Commands) -> None:
    StudyFiles.of(commands.folder / "studies", "s").answer.write_text('{"line": ')


@pytest.mark.long
def test_whatever_has_changed_is_seen(repeated: Repeated, commands: Commands) -> None:
    repeated.run(*LINE)
    for change in (change_code, change_study, change_best, break_answer):
        change(commands)
        code, out, err, is_kept = repeated.run(*LINE)
        assert (code, is_kept) == (0, False) and "Best:    trial" in out
        assert ("the code has changed" in err) is (change is change_code)
        assert StudyFiles.of(commands.folder / "studies", "s").best.read_text().startswith("study: s")
        assert repeated.run(*LINE)[3] is True


def test_an_edited_configuration_trains_anew(repeated: Repeated, commands: Commands) -> None:
    repeated.run(*LINE)
    change_configuration(commands)
    code, _, err, is_kept = repeated.run(*LINE)
    assert (code, is_kept) == (0, False) and "the configuration has changed (kind: plain -> odd" in err
    assert len(study(commands, "s").trials()) == 4


def test_a_variable_that_decides_counts(repeated: Repeated, commands: Commands) -> None:
    line = (*LINE, "+more=${oc.env:MORE}")
    repeated.environment["MORE"] = "1"
    repeated.run(*line)
    assert repeated.run(*line)[3] is True
    repeated.environment["SWEEPS_STORAGE"] = f"sqlite:///{commands.folder}/other.db"
    assert repeated.run(*line)[3] is False


def test_another_line_of_the_study_is_not_answered(repeated: Repeated, commands: Commands) -> None:
    repeated.run(*LINE)
    wider = ("-m", "x=1,2,3", *LINE[2:])
    assert repeated.run(*wider)[3] is False
    assert len(study(commands, "s").trials()) == 3
    narrow = repeated.run(*LINE)  # the study has grown since its answer
    assert narrow[3] is False and "Study s: 3 trials, 3 of them done." in narrow[1]


def test_an_answer_holds_no_secret(repeated: Repeated, commands: Commands) -> None:
    line = (*LINE, "+api_token=sesame-open")
    repeated.run(*line)
    again = repeated.run(*line)
    assert again[3] is True
    kept = json.loads(StudyFiles.of(commands.folder / "studies", "s").answer.read_text())
    repeated.run(*LINE, "+api_token=another-word")
    told = json.loads(StudyFiles.of(commands.folder / "studies", "s").answer.read_text())
    assert "sesame" not in json.dumps(kept) and set(kept) == {"line", "study", "said", "code", "files"} == set(told)


def test_a_glance_sees_a_study_on_each_kind_of_storage(commands: Commands, storage_url: str) -> None:
    done = commands.run("fake", *LINE, f"study.storage='{storage_url}'")
    assert done.returncode == 0, done.stderr
    found = Glance.at(storage_url, "s")
    assert found is not None and [row["state"] for row in found.rows] == ["done", "done"]
    assert [point.overrides["x"] for point, _ in found.points()] == ["1", "2"]
    again = Glance.at(storage_url, "s")
    assert again is not None and again.digest == found.digest
    assert Glance.at(storage_url, "t") is None


def test_an_unfinished_study_is_no_sight(commands: Commands) -> None:
    process = commands.start("fake", "-m", "x=1,2", "study.name=s", "tracking.uri=null", "study.submit=true")
    process.communicate(timeout=60)
    url = f"sqlite:///{commands.folder}/studies/studies.db"
    assert study(commands, "s").counts()["open"] == 2
    assert Glance.at(url, "s") is None
