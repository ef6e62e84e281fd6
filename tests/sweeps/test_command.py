import re
import sys
from pathlib import Path

import pytest

from sweeps.command import again, check_module, started_by
from sweeps.errors import StudyError
from sweeps.stored_line import check_stored

OWN_WORDS = ["study.name=cohort", "study.retry_failed=true", "+runs.name=s", "runs.retry_failed=true", "runs.slots=2"]
FACTS = {"task": "pkg.train:main", "arguments": ["x=1,2", "study.name=s", "study.retry_failed=true", "study.slots=2"]}


def test_a_module_is_started_as_one_with_the_options_that_chose_its_configuration(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    line = ["train", "-m", "x=1,2", "--config-name", "other", "-cd", "conf dir", "study.name=s", "--config-path=p"]
    monkeypatch.setattr(sys, "argv", line)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys.modules["__main__"], "__file__", str(tmp_path / "train"), raising=False)
    command = started_by("pkg.train:main")
    (tmp_path / "conf dir").mkdir()
    options = ["--config-name=other", "--config-path=p", f"--config-dir={tmp_path}/conf dir"]
    assert command == {"module": "pkg.train", "script": None, "options": options, "directory": str(tmp_path)}
    assert again("s", {**FACTS, "command": command}) == [
        *(sys.executable, "-m", "pkg.train", "-m", *options, "x=1,2", "hydra.sweeper.study.name='s'"),
    ]


def test_its_own_machine_says_how_much_a_worker_does_at_a_time_and_it_brings_no_workers() -> None:
    batch = ["hydra/launcher=joblib", "hydra.launcher.n_jobs=2", "hydra.sweeper.study.slots=1"]
    facts = {**FACTS, "command": {"module": "pkg.train", "script": None, "options": [], "hydra": batch}}
    facts["arguments"] = [*FACTS["arguments"], "study.num_workers=3", "++study.submit=true"]
    assert again("s", facts)[4:] == ["x=1,2", "hydra.sweeper.study.name='s'"]
    assert again("s", facts, slots=4)[4:] == ["x=1,2", "hydra.sweeper.study.name='s'", "hydra.sweeper.study.slots=4"]


@pytest.mark.parametrize(
    ("study_key", "kept"),
    [
        ("runs", ["study.name=cohort", "study.retry_failed=true"]),
        (None, OWN_WORDS),
        ("study", ["+runs.name=s", "runs.retry_failed=true", "runs.slots=2"]),
    ],
)
def test_a_worker_repeats_what_the_application_calls_its_own(study_key: str | None, kept: list[str]) -> None:
    typed = [*OWN_WORDS, "hydra.sweeper.study.retry_failed=true", "+hydra.sweeper.study.name=s"]
    line = again("s", {"task": "pkg.train:main", "arguments": typed, "study_key": study_key})
    assert line[4:] == [*kept, "hydra.sweeper.study.name='s'"]


def test_a_script_is_started_by_its_path(tmp_path: Path) -> None:
    (tmp_path / "app.py").touch()
    command = {"module": "__main__", "script": f"{tmp_path}/app.py", "options": []}
    line = again("s", {**FACTS, "task": "__main__:main", "command": command})
    assert line[:3] == [sys.executable, f"{tmp_path}/app.py", "-m"]


def test_a_study_of_an_earlier_version_is_joined_by_its_task() -> None:
    assert again("s", FACTS)[1:4] == ["-m", "pkg.train", "-m"]


def test_what_is_neither_a_module_nor_a_script_cannot_be_started_again() -> None:
    command = {"module": "__main__", "script": None, "options": []}
    with pytest.raises(StudyError, match="neither a module nor a script"):
        again("s", {**FACTS, "command": command})


def test_a_name_is_quoted_for_hydra() -> None:
    from hydra.core.override_parser.overrides_parser import OverridesParser

    name = r"it's a=b,c \ d"
    override = OverridesParser.create().parse_override(again(name, FACTS)[-1])
    assert override.value() == name and not override.is_sweep_override()


def test_a_script_that_is_not_here_is_refused() -> None:
    command = {"module": "__main__", "script": "/nowhere/app.py", "options": []}
    with pytest.raises(StudyError, match=r"was started from what is not here: program /nowhere/app\.py\. In your copy"):
        again("s", {**FACTS, "command": command})


def test_a_module_needs_no_folder_that_is_on_another_machine_alone(tmp_path: Path) -> None:
    command = {"module": "pkg.train", "script": None, "options": [], "directory": "/nowhere"}
    assert again("s", {**FACTS, "command": command})[1:3] == ["-m", "pkg.train"]
    (tmp_path / "app.py").touch()
    with pytest.raises(StudyError, match="was started from what is not here: working directory /nowhere"):
        again("s", {**FACTS, "command": {**command, "script": f"{tmp_path}/app.py"}})


def test_a_module_that_is_not_here_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(StudyError, match=r"was started by the module nowhere\.app, which cannot be imported here"):
        check_module("s", [sys.executable, "-m", "nowhere.app", "-m", "x=1,2"])
    (tmp_path / "own_package").mkdir()
    monkeypatch.chdir(tmp_path)
    check_module("s", [sys.executable, "-m", "own_package.app", "-m"])
    check_module("s", [sys.executable, "-m", "sweeps.cli", "-m"])


@pytest.mark.parametrize(
    ("program", "override", "said"),
    [
        (["-m", "cProfile"], "x=1", "cProfile does not import Hydra, and may run anything"),
        (["-m", "timeit"], "x=1", "timeit does not import Hydra"),
        (["-m", "torch.distributed.run"], "x=1", "torch.distributed.run does not import Hydra"),
        (["plain.py"], "x=1", "plain.py does not import Hydra"),
        (["app.py"], "hydra.callbacks.x={_target_:os.system}", "_target_:os.system} names what is to be built"),
        (["app.py"], "+model._target_=os.system", "names what is to be built"),
        (["-m", "pkg.app"], "x=1", ""),
        (["app.py"], "x=1", ""),
    ],
)
def test_a_line_from_a_database_is_a_hydra_application_with_values(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, program: list[str], override: str, said: str
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "plain.py").write_text("print('hydra')")
    (tmp_path / "app.py").write_text("import hydra\n")
    (tmp_path / "pkg").mkdir()
    (tmp_path / "pkg" / "app.py").write_text("from hydra import main\n")
    line = [sys.executable, *program, "-m", override]
    if not said:
        check_stored("s", line, [str(tmp_path), *sys.path])
        return
    with pytest.raises(StudyError, match=re.escape(said)) as caught:
        check_stored("s", line, [str(tmp_path), *sys.path])
    assert "add --trust" in str(caught.value) and "\n" not in str(caught.value)
