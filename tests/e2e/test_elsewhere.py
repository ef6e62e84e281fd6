"""A study is joined with the configuration that it was started with, from wherever the joining is asked for."""

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.conftest import BIN, Commands, lines, wait_for
from tests.e2e.test_changes import APP, CONFIG, project, study, sweep, values

pytestmark = pytest.mark.long


def start_and_kill(commands: Commands, *arguments: str) -> None:
    """Start a study and kill its command once a trial runs."""
    process = commands.start("python", *arguments, "-m", "x=1,2,3", "sleep=0.5", "study.name=s")
    wait_for(lambda: (commands.folder / "ran.txt").exists(), timeout_s=60)
    process.kill()
    process.communicate()


def join(commands: Commands, cwd: Path, storage: str = "logs/studies/studies.db") -> subprocess.CompletedProcess[str]:
    command = [str(BIN / "sweeps"), "worker", "s", "--storage", f"sqlite:///{commands.folder}/{storage}"]
    return subprocess.run(command, cwd=cwd, env=commands.environment, capture_output=True, text=True, timeout=120)


def package(folder: Path) -> None:
    """An application that `python -m` starts, its configurations in a folder without `__init__.py`."""
    project(folder / "myapp", APP)
    (folder / "myapp" / "__init__.py").touch()
    (folder / "myapp" / "conf" / "big.yaml").write_text(CONFIG.replace("net: small", "net: wide"))


@pytest.mark.parametrize(
    "options",
    [
        ("-m", "myapp.app", "--config-name", "big"),
        pytest.param(("-m", "myapp.app", "-cn=big"), marks=pytest.mark.slow),
        pytest.param(("myapp/app.py", "--config-name=big"), marks=pytest.mark.slow),
        pytest.param(("myapp/app.py", "--config-dir", "mine", "+more=wide"), marks=pytest.mark.slow),
        pytest.param(("myapp/app.py", "--config-path", "other"), marks=pytest.mark.slow),
        ("myapp/app.py", "hydra.searchpath=[file://mine]", "+more=wide"),
    ],
    ids=" ".join,
)
def test_a_worker_from_another_folder_composes_what_the_study_composes(
    commands: Commands, tmp_path_factory: pytest.TempPathFactory, options: tuple[str, ...]
) -> None:
    package(commands.folder)
    shutil.copytree(commands.folder / "myapp" / "conf", commands.folder / "myapp" / "other")
    (commands.folder / "myapp" / "other" / "net" / "small.yaml").write_text("scale: 5\n")
    (commands.folder / "mine" / "more").mkdir(parents=True)
    (commands.folder / "mine" / "more" / "wide.yaml").write_text("# @package _global_\nnet: {scale: 5}\n")
    start_and_kill(commands, *options)
    result = join(commands, tmp_path_factory.mktemp("elsewhere"))
    assert result.returncode == 0, result.stdout + result.stderr
    assert values(study(commands).trials()) == [5, 10, 15]


def test_a_worker_without_the_project_refuses_in_one_line(commands: Commands) -> None:
    project(commands.folder / "here")
    process = subprocess.run(
        [str(BIN / "python"), "app.py", "-m", "x=1,2", f"study.storage=sqlite:///{commands.folder}/s.db"],
        cwd=commands.folder / "here",
        env={**commands.environment},
        capture_output=True,
        text=True,
    )
    assert process.returncode == 0, process.stderr
    (directory,) = (commands.folder / "here" / "logs" / "studies").iterdir()
    shutil.move(commands.folder / "here", commands.folder / "there")
    result = commands.run("sweeps", "worker", directory.name, "--storage", f"sqlite:///{commands.folder}/s.db")
    assert result.returncode == 2 and len(lines(result.stderr)) == 1, result.stderr
    assert f"working directory {commands.folder}/here" in result.stderr and "-m x=1,2" in result.stderr


def test_the_same_line_in_a_copy_elsewhere_joins(commands: Commands) -> None:
    commands.environment["SWEEPS_STORAGE"] = f"sqlite:///{commands.folder}/s.db"
    for name in ("one/exp", "two/exp"):
        project(commands.folder / name)
    for name in ("one/exp", "two/exp"):
        result = subprocess.run(
            [str(BIN / "python"), "app.py", "-m", "x=1,2"],
            cwd=commands.folder / name,
            env=commands.environment,
            capture_output=True,
            text=True,
        )
        assert result.returncode == 0, result.stderr
    assert "2 trials, 2 of them done" in result.stdout and "has changed" not in result.stderr


OWN = """
defaults: [{net: small}, _self_]
x: 1
sleep: 0
%s
"""


def own(commands: Commands, keys: str) -> None:
    project(commands.folder, APP, OWN % keys)


def own_sweep(commands: Commands, *arguments: str) -> subprocess.CompletedProcess[str]:
    return sweep(commands, *arguments, "hydra/sweeper=sweeps", "hydra.sweeper.tracking.uri=null")


@pytest.mark.parametrize(
    "keys",
    [
        pytest.param("paths: {dataset: a}", marks=pytest.mark.slow),
        "study: {site: a}",
        pytest.param("tracking: {backend: a}", marks=pytest.mark.slow),
    ],
)
def test_keys_of_the_application_are_its_own(commands: Commands, keys: str) -> None:
    own(commands, keys)
    group, _, rest = keys.partition(": ")
    key = f"{group}.{rest.strip('{}').partition(':')[0]}" if "{" in rest else group
    own_sweep(commands, f"{key}=a,b")
    own_sweep(commands, f"{key}=b,c")
    assert len((commands.folder / "ran.txt").read_text().splitlines()) == 4
    own_sweep(commands, "x=1,2", f"{key}=a")
    result = own_sweep(commands, "x=1,2", f"{key}=b")
    assert "of them done" not in result.stdout


@pytest.mark.parametrize("key", ["study", pytest.param("tracking", marks=pytest.mark.slow)])
def test_a_text_at_our_place_is_the_applications(commands: Commands, key: str) -> None:
    own(commands, f"{key}: cohort-7")
    own_sweep(commands, "x=1,2")
    for swept in ("a,b", "b,c"):
        own_sweep(commands, f"{key}={swept}", "hydra.sweeper.study.name=s")
    found = [trial.point.overrides for trial in study(commands).trials() if trial.point]
    assert found == [{key: "a"}, {key: "b"}, {key: "c"}]
    assert len((commands.folder / "ran.txt").read_text().splitlines()) == 2 + 3
    rows = [line.split("|")[1].strip() for line in lines(commands.run("sweeps", "table", "s").stdout) if "|" in line]
    assert [rows[0], *rows[2:]] == [key, "a", "b", "c"]
    stock = commands.run("python", "app.py", "-m", f"{key}=a,b", "hydra.sweep.dir=stock")
    assert stock.returncode == 0 and f"{key}: b" in (commands.folder / "stock/1/.hydra/config.yaml").read_text()


def test_a_group_of_the_application_at_our_place_is_still_one(commands: Commands) -> None:
    project(commands.folder, APP, OWN.replace("net: small}", "net: small}, {study: one}") % "")
    folder = commands.folder / "conf/study"
    folder.mkdir()
    for name in ("one", "two"):
        (folder / f"{name}.yaml").write_text(f"site: {name}\n")
    own_sweep(commands, "study=one,two", "hydra.sweeper.study.name=s")
    written = [(commands.folder / f"logs/studies/s/trials/00{i}/.hydra/config.yaml").read_text() for i in range(2)]
    assert "site: one" in written[0] and "site: two" in written[1]


def test_an_application_names_where_our_settings_are(commands: Commands) -> None:
    own(commands, "study: {name: cohort}\nsweep: {name: s, slots: 1}")
    storage = f"+sweep.storage=sqlite:///{commands.folder}/logs/studies/studies.db"
    own_sweep(commands, "study.name=a,b", "x=1", "+sweep.lease_s=20", storage, "hydra.sweeper.study_key=sweep")
    assert len(study(commands).trials()) == 2
    for number, name in enumerate("ab"):
        written = commands.folder / f"logs/studies/s/trials/00{number}/.hydra"
        overrides = (written / "overrides.yaml").read_text()
        assert f"study.name={name}" in overrides and "sweep.lease_s=20" in overrides and "storage" not in overrides
        not_in_its_name = (written / "hydra.yaml").read_text().partition("exclude_keys:")[2]
        assert not_in_its_name.split()[:3] == ["-", "sweep.lease_s", "runtime:"]


def test_a_worker_of_an_application_with_a_study_of_its_own_repeats_what_was_typed_for_it(commands: Commands) -> None:
    own(commands, "study: {name: cohort}\nsweep: {name: s, slots: 1, retry_failed: false}")
    line = ("study.name=other", "sweep.retry_failed=true", "hydra/sweeper=sweeps", "hydra.sweeper.study_key=sweep")
    line += ("hydra.sweeper.tracking.uri=null",)
    process = commands.start("python", "app.py", "-m", "x=1,2,3", "sleep=0.5", *line)
    wait_for(lambda: (commands.folder / "ran.txt").exists(), timeout_s=60)
    process.kill()
    process.communicate()
    result = join(commands, commands.folder)
    assert result.returncode == 0, result.stdout + result.stderr
    found = study(commands).trials()
    assert values(found) == [1, 2, 3]
    for trial in found:
        text = (commands.folder / f"logs/studies/s/trials/00{trial.number}/.hydra/config.yaml").read_text()
        assert "name: other" in text and "cohort" not in text


@pytest.mark.parametrize(
    "seed", [pytest.param(s, marks=pytest.mark.slow) for s in ("null", "'None'", "abc")] + ["[1,2]"]
)
def test_any_seed_is_no_matter_without_replicates(commands: Commands, seed: str) -> None:
    own(commands, f"seed: {seed}")
    own_sweep(commands, "x=1,2")


def test_replicates_take_the_seed_that_is_named(commands: Commands) -> None:
    own(commands, "training: {seed: 3}")
    line = ("x=1,2", "+study.replicates=2", "+study.name=s", "hydra/sweeper=sweeps", "+tracking.uri=null")
    refused = sweep(commands, *line, code=2)
    assert len(lines(refused.stderr)) == 1 and "study.seed_key=KEY" in refused.stderr
    assert "training.seed" in refused.stderr and not (commands.folder / "logs").exists()
    result = sweep(commands, *line, "+study.seed_key=training.seed")
    seeds = [trial.point.overrides["training.seed"] for trial in study(commands).trials() if trial.point]
    assert seeds == ["3", "4"] * 2
    rows = [[cell.strip() for cell in line.split("|")[1:3]] for line in lines(result.stdout) if line.startswith("|")]
    assert rows[2:] == [["1", "2"], ["2", "2"]]


@pytest.mark.parametrize("place", [0, *(pytest.param(i, marks=pytest.mark.slow) for i in (1, 2, 3))])
def test_our_groups_may_stand_anywhere_in_the_defaults(commands: Commands, place: int) -> None:
    defaults = ["net: small", "_self_", "override hydra/sweeper: sweeps"]
    defaults.insert(min(place, 2), "study: sweeps")
    defaults.insert(min(3 - place, 2), "tracking: sweeps")
    config = "defaults:\n" + "".join(f"  - {name}\n" for name in defaults)
    project(commands.folder, APP, f"{config}x: 1\nsleep: 0\nstudy: {{name: s, slots: 1}}\ntracking: {{uri: null}}\n")
    sweep(commands, "x=1,2", "study.max_retries=0")
    assert len(study(commands).trials()) == 2 and not (commands.folder / "mlflow.db").exists()
