"""Fences: which module may import what, and what must not be loaded by looking."""

import ast
import subprocess
import sys
from fnmatch import fnmatch
from pathlib import Path

import pytest

from sweeps.worker.forkserver import _PRELOAD
from tests.conftest import BIN, REPOSITORY

HEAVY = ("torch", "lightning", "mlflow", "optuna", "pandas", "sqlalchemy", "rich", "matplotlib", "jinja2")
LOCKS = {  # and the fewest pins that it has
    "requirements.lock": 150, "build.lock": 5, "tests/foreign/requirements.lock": 50,
    "tests/compose/s3/requirements.lock": 20, "docker/worker.lock": 100, "docker/mlflow/requirements.lock": 50,
    "docker/dashboard/requirements.lock": 15,
}  # fmt: skip
FENCES = {
    "mlflow": [f"sweeps/tracking/{name}.py" for name in ("mlflow", "experiment", "first_use", "lineage", "stored")],
    "lightning": ["sweeps/lightning.py", "sweeps/fits.py"],
    "optuna": ["sweeps/study/*"],
    "pandas": ["sweeps/report/*"],
    "matplotlib": ["sweeps/report/figures/*", "sweeps/report/panels/*", "sweeps/report/page/sections.py"],
    "jinja2": ["sweeps/report/page/*"],
    "sqlalchemy": ["sweeps/study/*", "sweeps/tracking/embedded.py"],
    "torch": [],
    "ray": ["sweeps/launchers/ray_workers.py"],
}


def imported(path: Path) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module)
    return names


@pytest.mark.parametrize("library", FENCES)
def test_a_heavy_library_is_imported_behind_its_fence_alone(library: str) -> None:
    users = {
        str(path.relative_to(REPOSITORY))
        for path in (REPOSITORY / "sweeps").rglob("*.py")
        if any(name == library or name.startswith(f"{library}.") for name in imported(path))
    }
    outside = {user for user in users if not any(fnmatch(user, fence) for fence in FENCES[library])}
    assert outside == set()


def test_every_layer_imports_only_what_is_below_it() -> None:
    done = subprocess.run([BIN / "lint-imports"], cwd=REPOSITORY, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout
    assert " 0 broken" in done.stdout and " kept" in done.stdout


@pytest.mark.parametrize(
    "module",
    [
        *("sweeps", "sweeps.cli", "sweeps.sweeper", "trainer_pkg.train", "trainer_pkg.evaluate"),
        "trainer_pkg.preflight.check",  # Hydra imports it in the command, which then waits for the fork server
        "sweeps.worker.forkserver, " + ", ".join(_PRELOAD),  # the first trial waits for these
    ],
)
def test_looking_loads_nothing_heavy(module: str) -> None:
    code = f"import sys, {module}; print([name for name in {HEAVY!r} if name in sys.modules])"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip()
    allowed = ["rich"] if module == "sweeps.cli" else []
    assert ast.literal_eval(found) in ([], allowed)


def test_a_sweep_that_is_refused_has_not_waited_for_tables() -> None:
    code = "import sys, sweeps.sweep, sweeps.launchers.here; print('pandas' in sys.modules, 'mlflow' in sys.modules)"
    assert output_of(sys.executable, "-c", code) == ["False False"]


def output_of(*command: str) -> list[str]:
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=True)
    return done.stdout.splitlines()


def test_ruff_checks_every_tracked_python_file() -> None:
    tracked = {str(REPOSITORY / name) for name in output_of("git", "ls-files", "*.py")}
    assert len(tracked) > 100
    assert tracked - set(output_of(sys.executable, "-m", "ruff", "check", "--show-files")) == set()


def test_no_module_is_too_long() -> None:
    for package in ("sweeps", "trainer_pkg"):
        for path in (REPOSITORY / package).rglob("*.py"):
            assert len(path.read_text().splitlines()) <= 250, path


def test_the_lock_names_no_index_and_pins_hashes() -> None:
    for lock, fewest in LOCKS.items():
        text = (REPOSITORY / lock).read_text()
        assert "://" not in text
        pins = [block for block in text.replace("\\\n", "").splitlines() if "==" in block and not block.startswith(" ")]
        assert len(pins) >= fewest and all("--hash=sha256:" in pin for pin in pins)
        assert "lightning==2.6.2" not in text and "lightning==2.6.3" not in text
