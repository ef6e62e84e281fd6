"""Two distributions: what each brings along, and which names it puts into an environment."""

import re
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import REPOSITORY


def project(folder: str) -> dict[str, Any]:
    found: dict[str, Any] = tomllib.loads((REPOSITORY / folder / "pyproject.toml").read_text())["project"]
    return found


def pins(lock: str) -> dict[str, str]:
    lines = (REPOSITORY / lock).read_text().splitlines()
    return dict(line.rstrip(" \\").split(" ; ")[0].split("==") for line in lines if "==" in line and line[0] != " ")


SWEEPS, TRAINER = project("."), project("trainer_pkg")


def test_train_and_evaluate_come_with_the_trainer_alone() -> None:
    assert set(SWEEPS["scripts"]) == {"sweeps"} and set(TRAINER["scripts"]) == {"train", "evaluate"}


def test_both_are_of_one_version_and_ask_for_each_other() -> None:
    version = SWEEPS["version"]
    assert TRAINER["version"] == version
    assert SWEEPS["optional-dependencies"]["trainer"] == [f"{TRAINER['name']}=={version}"]
    assert f"{SWEEPS['name']}=={version}" in TRAINER["dependencies"]


def test_make_fetches_nothing_that_a_lock_does_not_name() -> None:
    makefile = (REPOSITORY / "Makefile").read_text().replace("\\\n", " ")
    fetching = [line for line in makefile.splitlines() if re.search(r"pip install|UV\) build", line)]
    assert len(fetching) == 5  # the tools, two environments, this repository, its wheels
    for line in fetching:
        assert "--require-hashes" in line or {"--no-deps", "--no-build-isolation"} <= set(line.split()), line
    assert {"hatchling", "uv"} <= set(pins("build.lock"))


def test_the_light_lock_has_the_stable_hydra_and_nothing_heavy() -> None:
    pinned = pins("tests/foreign/requirements.lock")
    assert pinned["hydra-core"].startswith("1.3.") and pinned["omegaconf"].startswith("2.3.")
    assert not {"torch", "torchvision", "lightning", "mlflow", "scikit-learn", "hydra-optuna-sweeper"} & set(pinned)


@pytest.mark.parametrize(
    ("folder", "held"),
    [
        (
            ".",
            {
                *("sweeps/sweeper.py", "sweeps/conf/study/sweeps.yaml", "hydra_plugins/hydra_sweeps/plugin.py"),
                *("sweeps/report/page/page.html", "sweeps/report/page/page.css"),
            },
        ),
        ("trainer_pkg", {"trainer_pkg/train.py", "trainer_pkg/py.typed", "trainer_pkg/configs/train.yaml"}),
    ],
)
def test_a_wheel_holds_what_it_runs_and_nothing_of_the_other(folder: str, held: set[str], tmp_path: Path) -> None:
    build = [sys.executable, "-m", "uv", "build", "--quiet", "--wheel", "--out-dir", str(tmp_path), folder]
    subprocess.run([*build, "--build-constraints", "build.lock", "--require-hashes"], cwd=REPOSITORY, check=True)
    (wheel,) = tmp_path.glob("*.whl")
    names = set(zipfile.ZipFile(wheel).namelist())
    assert held <= names
    whole = {name.split("/")[0] for name in held}
    modules = {str(path.relative_to(REPOSITORY)) for package in whole for path in (REPOSITORY / package).rglob("*.py")}
    assert modules <= names and not [name for name in names if "__pycache__" in name]
    packages = {name.split("/")[0] for name in names if ".dist-info/" not in name}
    assert packages == whole
